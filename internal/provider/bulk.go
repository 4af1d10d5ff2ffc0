package provider

import (
	"bytes"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"

	"dsync/internal/fault"
	"dsync/internal/gateway"
	"dsync/internal/redact"
	"dsync/internal/scim/bulk"
	"dsync/internal/scim/patch"
	"dsync/internal/scim/resource"
	"dsync/internal/session"
)

const bulkPath = "/Bulk"

// A bulk request begins no operation after it has used so much: an operation is a
// request of its own, and a hundred of the largest would take seconds of CPU time.
const (
	// maxBulkUnits are units of DynamoDB: a hundred new users of usual size take
	// 1,400.
	maxBulkUnits = 2_500
	// maxBulkComparisons is what one PATCH may make.
	maxBulkComparisons = patch.MaxComparisons
	// bulkTime is what an operation takes, at least: without it none begins.
	bulkTime = time.Second
)

// serveBulk serves several operations in one request (RFC 7644 section 3.7), one
// after the other. Each has a result of its own. An operation that refers to a
// later one is served after it; operations that refer to each other fail with
// 409, as the RFC allows.
func serveBulk(r *request) (response, error) {
	body, err := r.body()
	if err != nil {
		return response{}, err
	}
	operations, failOnErrors, err := bulk.Parse(body)
	if err != nil {
		return response{}, err
	}
	run := bulkRun{request: r, routes: resourceRoutes(session.Users), ids: map[string]string{}, references: make([][]string, len(operations))}
	maps.Copy(run.routes, resourceRoutes(session.Groups))
	r.exchange.used.operations = len(operations)
	for i, o := range operations {
		run.references[i] = o.References()
	}
	results := make([]map[string]any, len(operations))
	failures := 0
	for waiting := indices(operations); len(waiting) > 0; {
		var later []int
		for _, i := range waiting {
			if run.mustWait(i) {
				later = append(later, i)
				continue
			}
			var failed bool
			if results[i], failed = run.do(i, operations[i]); failed {
				failures++
			}
			if failOnErrors > 0 && failures >= failOnErrors {
				return done(results), nil
			}
		}
		if len(later) == len(waiting) {
			// They refer to each other, or to an operation that failed.
			for _, i := range later {
				results[i], _ = run.do(i, operations[i])
			}
			break
		}
		waiting = later
	}
	return done(results), nil
}

func indices(operations []bulk.Operation) []int {
	all := make([]int, len(operations))
	for i := range all {
		all[i] = i
	}
	return all
}

// done is the response with the results, in the order of the request.
func done(results []map[string]any) response {
	var list []map[string]any
	for _, result := range results {
		if result != nil {
			list = append(list, result)
		}
	}
	return response{status: http.StatusOK, body: bulk.Response(list)}
}

type bulkRun struct {
	request *request
	routes  routes
	ids     map[string]string // bulkId → id of what was created
	// references are those of each operation. They are found once: an operation
	// may wait a hundred times, and have a megabyte.
	references [][]string
}

// mustWait reports whether the operation refers to one that was not served yet.
func (b *bulkRun) mustWait(i int) bool {
	for _, reference := range b.references[i] {
		if _, ok := b.ids[reference]; !ok {
			return true
		}
	}
	return false
}

// do serves one operation and keeps its outcome for the record.
func (b *bulkRun) do(i int, o bulk.Operation) (result map[string]any, failed bool) {
	p, ctx := b.request.provider, b.request.context()
	start := p.now()
	if len(b.references[i]) > 0 {
		o = o.Resolve(b.ids)
	}
	route, res, err := b.serve(i, o)
	err = fault.InTime(ctx, err)
	var failure *fault.Error
	if err != nil {
		var internal bool
		failure, internal = faultOf(err, "internal error")
		if internal {
			p.log.LogAttrs(ctx, slog.LevelError, "bulk operation",
				slog.String("request_id", gateway.RequestID(ctx)), slog.String("error", redact.Error(err)))
		}
		res = errorResponse(failure, nil)
	}
	b.request.exchange.addOperation(outcome{
		method: o.Method, route: route, status: res.status, failure: failure, bulk: i + 1, took: p.now().Sub(start),
	})
	result = b.outline(o, res.status)
	if failure != nil {
		result["response"] = res.body
		return result, true
	}
	if location := res.header["Location"]; location != "" {
		result["location"] = location
	}
	if tag := res.header["ETag"]; tag != "" {
		result["version"] = tag
	}
	if location, ok := result["location"].(string); ok && o.BulkID != "" {
		b.ids[o.BulkID] = location[strings.LastIndexByte(location, '/')+1:]
	}
	return result, false
}

// serve serves an operation with the endpoint that would serve it alone.
func (b *bulkRun) serve(i int, o bulk.Operation) (route string, res response, err error) {
	route, byMethod, id := b.routes.find(strings.Split(strings.Trim(o.Path, "/"), "/"))
	serve := byMethod[o.Method]
	if serve == nil {
		return "", response{}, fault.New(fault.NotAllowed, "", "%s is not allowed here", o.Method)
	}
	if b.exhausted() {
		return route, response{}, fault.New(fault.Busy, "", "the request has used what one request may: send this operation again in another one")
	}
	if b.mustWait(i) {
		return route, response{}, fault.New(fault.Conflict, "", "a bulkId that it refers to stands for no resource")
	}
	inner := *b.request
	inner.id = id
	inner.http = b.request.http.Clone(b.request.context())
	inner.http.Method, inner.http.Header = o.Method, http.Header{}
	if o.Version != "" {
		inner.http.Header.Set("If-Match", o.Version)
	}
	inner.http.URL.RawQuery = ""
	inner.http.Body = http.NoBody
	if o.Data != nil {
		inner.http.Body = io.NopCloser(bytes.NewReader([]byte(resource.Encode(o.Data))))
	}
	res, err = serve(&inner)
	return route, res, err
}

// exhausted reports whether no operation may begin any more.
func (b *bulkRun) exhausted() bool {
	deadline, ok := b.request.context().Deadline()
	return b.request.exchange.used.meter.Units() > maxBulkUnits || b.request.session.Compared() > maxBulkComparisons || ok && time.Until(deadline) < bulkTime
}

// outline is a result without its details. All methods but POST have the location
// of their resource, also when they fail.
func (b *bulkRun) outline(o bulk.Operation, status int) map[string]any {
	result := map[string]any{"method": o.Method, "status": strconv.Itoa(status)}
	if o.Method != http.MethodPost {
		result["location"] = b.request.baseURL + "/" + strings.Trim(o.Path, "/")
	}
	if o.BulkID != "" {
		result["bulkId"] = o.BulkID
	}
	return result
}

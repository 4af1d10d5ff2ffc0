package provider

import (
	"bytes"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"strconv"
	"strings"

	"dsync/internal/fault"
	"dsync/internal/gateway"
	"dsync/internal/redact"
	"dsync/internal/scim/bulk"
	"dsync/internal/scim/resource"
	"dsync/internal/session"
)

const bulkPath = "/Bulk"

// serveBulk does several operations in one request (RFC 7644 section 3.7), one
// after the other. Each is answered for itself. An operation that refers to
// one that comes later waits for it; operations that wait for each other fail
// with 409, as the RFC allows.
func serveBulk(r *request) (response, error) {
	body, err := r.body()
	if err != nil {
		return response{}, err
	}
	operations, failOnErrors, err := bulk.Parse(body)
	if err != nil {
		return response{}, err
	}
	run := bulkRun{request: r, routes: resourceRoutes(session.Users), ids: map[string]string{}}
	maps.Copy(run.routes, resourceRoutes(session.Groups))
	results := make([]map[string]any, len(operations))
	failures := 0
	for waiting := indices(operations); len(waiting) > 0; {
		var later []int
		for _, i := range waiting {
			if run.mustWait(operations[i]) {
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
			// Nothing moved: they wait for each other, or for what failed.
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

// done answers with the results there are, in the order of the request.
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
}

// mustWait reports whether the operation refers to one that is to come.
func (b *bulkRun) mustWait(o bulk.Operation) bool {
	for _, reference := range o.References() {
		if _, ok := b.ids[reference]; !ok {
			return true
		}
	}
	return false
}

// do does one operation, and keeps its outcome if that is to be recorded.
func (b *bulkRun) do(i int, o bulk.Operation) (result map[string]any, failed bool) {
	p, ctx := b.request.provider, b.request.context()
	start := p.now()
	o = o.Resolve(b.ids)
	route, answer, err := b.serve(o)
	var refusal *fault.Error
	if err != nil {
		var internal bool
		refusal, internal = faultOf(err, "internal error")
		if internal {
			p.log.LogAttrs(ctx, slog.LevelError, "bulk operation",
				slog.String("request_id", gateway.RequestID(ctx)), slog.String("error", redact.Error(err)))
		}
		answer = errorResponse(refusal, nil)
	}
	b.request.exchange.addOperation(outcome{
		method: o.Method, route: route, status: answer.status, refusal: refusal, bulk: i + 1, took: p.now().Sub(start),
	})
	result = b.outline(o, answer.status)
	if refusal != nil {
		result["response"] = answer.body
		return result, true
	}
	if location := answer.header["Location"]; location != "" {
		result["location"] = location
	}
	if tag := answer.header["ETag"]; tag != "" {
		result["version"] = tag
	}
	if location, ok := result["location"].(string); ok && o.BulkID != "" {
		b.ids[o.BulkID] = location[strings.LastIndexByte(location, '/')+1:]
	}
	return result, false
}

// serve serves an operation with the endpoint that would serve it alone.
func (b *bulkRun) serve(o bulk.Operation) (route string, answer response, err error) {
	route, byMethod, id := b.routes.find(strings.Split(strings.Trim(o.Path, "/"), "/"))
	serve := byMethod[o.Method]
	if serve == nil {
		return "", response{}, fault.New(fault.NotAllowed, "", "%s is not allowed here", o.Method)
	}
	if b.mustWait(o) {
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
	answer, err = serve(&inner)
	return route, answer, err
}

// outline is a result without its details. All but a POST know the location of
// their resource, also when they fail.
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

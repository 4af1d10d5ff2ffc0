package provider

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"strconv"
	"strings"

	"dsync/internal/directory"
	"dsync/internal/gateway"
	"dsync/internal/scim"
)

// bulk does several operations in one request (RFC 7644 section 3.7), one
// after the other. Each is answered for itself. An operation that refers to
// one that comes later waits for it; operations that wait for each other fail
// with 409, as the RFC allows.
func bulk(r *request) (answer, error) {
	body, err := r.body()
	if err != nil {
		return answer{}, err
	}
	operations, failOnErrors, err := scim.ParseBulk(body)
	if err != nil {
		return answer{}, err
	}
	run := bulkRun{request: r, routes: maps.Clone(resources{directory.Users}.routes()), ids: map[string]string{}}
	maps.Copy(run.routes, resources{directory.Groups}.routes())
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

func indices(operations []scim.BulkOperation) []int {
	all := make([]int, len(operations))
	for i := range all {
		all[i] = i
	}
	return all
}

// done answers with the results there are, in the order of the request.
func done(results []map[string]any) answer {
	var list []map[string]any
	for _, result := range results {
		if result != nil {
			list = append(list, result)
		}
	}
	return answer{status: http.StatusOK, body: scim.BulkResponse(list)}
}

type bulkRun struct {
	*request
	routes routes
	ids    map[string]string // bulkId → id of what was created
}

// mustWait reports whether the operation refers to one that is to come.
func (b *bulkRun) mustWait(o scim.BulkOperation) bool {
	for _, reference := range o.References() {
		if _, ok := b.ids[reference]; !ok {
			return true
		}
	}
	return false
}

// do does one operation, and notes what became of it if that is to be noted.
func (b *bulkRun) do(i int, o scim.BulkOperation) (result map[string]any, failed bool) {
	start := b.Now()
	o = o.Resolve(b.ids)
	route, a, err := b.serve(o)
	var refusal *scim.Error
	if err != nil && !errors.As(err, &refusal) {
		b.Log.LogAttrs(b.Context(), slog.LevelError, "bulk operation",
			slog.String("request_id", gateway.RequestID(b.Context())), slog.String("error", directory.Discreet(err)))
		refusal = scim.Errorf(http.StatusInternalServerError, "", "internal error")
	}
	if refusal != nil {
		a.status = refusal.Status
	}
	b.noteOperation(directory.Answer{
		Method: o.Method, Route: route, Status: a.status, Refusal: refusal, Bulk: i + 1, Took: b.Now().Sub(start),
	})
	if refusal != nil {
		return b.refusal(o, refusal), true
	}
	result = b.outline(o, a.status)
	if location := a.header["Location"]; location != "" {
		result["location"] = location
	}
	if tag := a.header["ETag"]; tag != "" {
		result["version"] = tag
	}
	if location, ok := result["location"].(string); ok && o.BulkID != "" {
		b.ids[o.BulkID] = location[strings.LastIndexByte(location, '/')+1:]
	}
	return result, false
}

// serve serves an operation with the endpoint that would serve it alone.
func (b *bulkRun) serve(o scim.BulkOperation) (route string, a answer, err error) {
	route, methods, id := b.routes.find(strings.Split(strings.Trim(o.Path, "/"), "/"))
	serve := methods[o.Method]
	if serve == nil {
		return "", a, scim.Errorf(http.StatusMethodNotAllowed, "", "%s is not allowed here", o.Method)
	}
	if b.mustWait(o) {
		return route, a, scim.Errorf(http.StatusConflict, "", "a bulkId that it refers to stands for no resource")
	}
	inner := *b.request
	inner.id = id
	inner.Request = b.Clone(b.Context())
	inner.Method, inner.Header = o.Method, http.Header{}
	if o.Version != "" {
		inner.Header.Set("If-Match", o.Version)
	}
	inner.URL.RawQuery = ""
	if inner.Body = http.NoBody; o.Data != nil {
		inner.Body = io.NopCloser(bytes.NewReader([]byte(scim.Encode(o.Data))))
	}
	a, err = serve(&inner)
	return route, a, err
}

// outline is a result without its details. All but a POST know the location of
// their resource, also when they fail.
func (b *bulkRun) outline(o scim.BulkOperation, status int) map[string]any {
	result := map[string]any{"method": o.Method, "status": strconv.Itoa(status)}
	if o.Method != http.MethodPost {
		result["location"] = b.base + "/" + strings.Trim(o.Path, "/")
	}
	if o.BulkID != "" {
		result["bulkId"] = o.BulkID
	}
	return result
}

func (b *bulkRun) refusal(o scim.BulkOperation, e *scim.Error) map[string]any {
	result := b.outline(o, e.Status)
	result["response"] = e.Body()
	return result
}

// Package api is the REST API in the wire format of WorkOS. The team's
// application reads users, groups and events with it, and manages
// organizations, directories, tokens and API keys, which WorkOS's API cannot.
//
// Routes are data (Routes): the handler, the checks of requests and the OpenAPI
// document derive from it. A parameter or member that a route does not have is
// a 422.
//
// A request with no valid API key is a 401, whatever its path; only the OpenAPI
// document is public. A request that fails changes nothing. An internal failure
// is a 500 with the id of the request.
//
// Lists are in the order of creation, newest first by default; events are
// oldest first by default, as WorkOS lists them. `after` is the next page in
// that order and `before` the previous one, by the id of an object. WorkOS
// documents the reverse. A request reads a bounded number of records, so a page
// can be short, even empty, while there is a cursor. A list follows a write
// within moments.
//
// The id of a user or group does not contain its directory. With the parameter
// `directory` the directory is read at once. Without it the process remembers
// where the id was, or reads the directories that are old enough, a hundred in
// one read.
package api

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"dsync/internal/fault"
	"dsync/internal/gateway"
	"dsync/internal/management"
	"dsync/internal/metric"
	"dsync/internal/ratelimit"
	"dsync/internal/redact"
	"dsync/internal/scim"
)

type api struct {
	sessions *management.Authenticator
	events   management.EventLog
	scimBase string
	limiter  *ratelimit.Limiter
	now      func() time.Time
	log      *slog.Logger
	metrics  *metric.Writer
	// document is the OpenAPI document. The routes reach it here, because it is
	// made of them.
	document func() json.RawMessage
}

// request is a request to a route.
type request struct {
	http       *http.Request
	api        *api
	session    *management.Session // nil for a public route
	parameters map[string]string   // of the path
	query      query
	body       object
}

func (r *request) context() context.Context { return r.http.Context() }

// response is what a route returns.
type response struct {
	status int
	header map[string]string
	body   any    // JSON; nil for none
	text   string // instead of a body
}

func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	requestID := gateway.RequestID(r.Context())
	entry := []slog.Attr{slog.String("method", gateway.LoggedMethod(r.Method)), slog.String("request_id", requestID)}
	res, err := a.serve(r, &entry)
	if err != nil {
		res = errorResponse(err, res.header, requestID)
		if res.status >= http.StatusInternalServerError {
			entry = append(entry, slog.String("error", redact.Error(err)))
		}
	}
	level := slog.LevelInfo
	if res.status >= http.StatusInternalServerError {
		level = slog.LevelError
	}
	entry = append(entry, slog.Int("status", res.status), slog.Float64("ms", float64(time.Since(start).Microseconds())/1000))
	a.log.LogAttrs(r.Context(), level, "request", entry...)
	a.metrics.Write(nil, nil, gateway.Refusals(res.status)...)
	w.Header().Set("X-Request-Id", requestID)
	write(w, res)
}

// serve authenticates the request, finds its route and calls it. It adds to the
// log entry what it learns: ids, never names or secrets.
func (a *api) serve(r *http.Request, entry *[]slog.Attr) (res response, err error) {
	defer func() {
		if v := recover(); v != nil {
			res, err = response{}, errors.New("panic")
			a.logPanic(r.Context(), v)
		}
	}()
	found, parameters := find(r.URL.Path)
	route, served := found.methods[r.Method]
	in := &request{http: r, api: a, parameters: parameters}
	if route.Scope != Public {
		if in.session, err = a.authenticate(r, entry); err != nil {
			return response{}, fault.InTime(r.Context(), err)
		}
		done, err := a.begin(in)
		if err != nil {
			return response{}, err
		}
		defer done()
	}
	if found.methods == nil {
		return response{}, fault.Missing("", "")
	}
	*entry = append(*entry, slog.String("route", found.pattern))
	if !served {
		allow := strings.Join(slices.Sorted(maps.Keys(found.methods)), ", ")
		return response{header: map[string]string{"Allow": allow}}, fault.New(fault.NotAllowed, "", "%s allows %s", found.pattern, allow)
	}
	if route.Scope != Public && !in.session.May(route.Scope) {
		return response{}, fault.New(fault.Forbidden, "", "The API key does not have the scope %s.", route.Scope)
	}
	if in.query, err = route.parseQuery(r.URL.RawQuery); err != nil {
		return response{}, err
	}
	if in.body, err = route.parseBody(r); err != nil {
		return response{}, err
	}
	res, err = route.serve(in)
	return res, fault.InTime(r.Context(), err)
}

// begin begins to serve a request, unless its key is used too fast. Call done when it
// was served: it counts what the request has used.
func (a *api) begin(in *request) (done func(), err error) {
	ctx, s := in.http.Context(), in.session
	caller := ratelimit.Caller{ID: s.KeyID(), Watched: s.Watched(), Watch: func(ctx context.Context, until time.Time) {
		a.log.LogAttrs(ctx, slog.LevelWarn, "the API key uses more than its share of a process", slog.String("api_key_id", s.KeyID()), slog.Time("watched_until", until))
		if err := s.Watch(ctx, until); err != nil {
			a.log.LogAttrs(ctx, slog.LevelWarn, "the processes were not told to watch the API key", slog.String("error", redact.Error(err)))
		}
	}}
	if wait := a.limiter.Admit(ctx, caller, a.now()); wait > 0 {
		return nil, fault.Limited(wait, "too many requests")
	}
	metered, meter := metered(ctx)
	in.http = in.http.WithContext(metered)
	return func() {
		a.limiter.Done(ctx, caller, a.now(), ratelimit.Units(1, meter.Units(), int(max(in.http.ContentLength, 0))))
	}, nil
}

// logPanic logs a panic: redact.Panic says what of its value.
func (a *api) logPanic(ctx context.Context, v any) {
	a.log.LogAttrs(ctx, slog.LevelError, "panic", slog.String("value", redact.Panic(v)), slog.String("stack", string(debug.Stack())))
}

// authenticate opens the session of a request.
func (a *api) authenticate(r *http.Request, entry *[]slog.Attr) (*management.Session, error) {
	scheme, value, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		value = ""
	}
	opened, err := a.sessions.Authenticate(r.Context(), strings.TrimSpace(value), management.Origin{
		RequestID: gateway.RequestID(r.Context()), SourceIP: r.RemoteAddr, UserAgent: r.UserAgent(),
	})
	if err != nil {
		return nil, err
	}
	*entry = append(*entry, slog.String("api_key_id", opened.KeyID()))
	return opened, nil
}

func write(w http.ResponseWriter, res response) {
	for name, value := range res.header {
		w.Header().Set(name, value)
	}
	var body []byte
	switch {
	case res.text != "":
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		body = []byte(res.text)
	case res.body != nil:
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		body = append(scim.EncodeJSON(res.body), '\n')
	}
	w.WriteHeader(res.status)
	_, _ = w.Write(body)
}

// accepted is the response to work that a job does (workos.md section 3).
var accepted = response{status: http.StatusAccepted, text: "Accepted"}

var done = response{status: http.StatusNoContent}

// one makes the response to a read of an object in its wire format.
func one[T, V any](show func(T) V) func(T, error) (response, error) {
	return func(object T, err error) (response, error) {
		if err != nil {
			return response{}, err
		}
		return response{status: http.StatusOK, body: show(object)}, nil
	}
}

// many makes the response to a read of a list.
func many[T, V any](show func(T) V) func(management.Page[T], error) (response, error) {
	return func(found management.Page[T], err error) (response, error) {
		if err != nil {
			return response{}, err
		}
		data := make([]any, len(found.Items))
		for i, item := range found.Items {
			data[i] = show(item)
		}
		return response{status: http.StatusOK, body: envelope(data, found.Before, found.After)}, nil
	}
}

// made makes the response to the creation of an object.
func made(body map[string]any, err error) (response, error) {
	return response{status: http.StatusCreated, body: body}, err
}

// envelope is the form of a list.
func envelope(data []any, before, after string) map[string]any {
	return map[string]any{
		"object":        "list",
		"data":          data,
		"list_metadata": map[string]any{"before": nullable(before), "after": nullable(after)},
	}
}

func nullable(s string) any {
	if s == "" {
		return nil
	}
	return s
}

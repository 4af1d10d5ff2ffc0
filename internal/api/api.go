// Package api is the REST API: what the team's application reads, in the wire
// format of WorkOS, and what manages organizations, directories, tokens and
// keys, which WorkOS's API lacks.
//
// A request with no valid API key learns nothing, not even which paths there
// are here; which there may be stands in the OpenAPI document, which whoever
// asks may read. A request that is refused changes nothing. An internal failure is a 5xx that
// carries the request's id and no more.
//
// What the routes are and take is data (Routes); what stands there is what is
// served, checked and documented. A parameter or member that a route does not have is
// refused with 422.
//
// Lists are in the order of creation, newest first unless asked otherwise;
// events are oldest first, as WorkOS really lists them. `after` is the next
// page in that order and `before` the previous one, by the id of an object: not
// WorkOS's reversed form. Each request reads a bounded number of records: a
// page may be short, even empty, and go on as long as there is a cursor. A list
// follows a write within moments.
//
// The id of a user or group does not tell its directory. Where `directory` is
// given it is read there; else the function remembers where it was, or looks
// in the directories that are as old, in reads of a hundred.
package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"dsync/internal/directory"
	"dsync/internal/eventlog"
	"dsync/internal/gateway"
)

// Log is the log of events.
type Log interface {
	Read(context.Context, eventlog.Query) (eventlog.Page, error)
}

// Options are what the API is made of.
type Options struct {
	Directories *directory.Service
	Events      Log
	// SCIMBase is the path of Tenant URLs before the external key.
	SCIMBase string
	Now      func() time.Time
	Log      *slog.Logger
}

type api struct {
	Options
	pace pace
	// document describes the routes, so none of them can name it.
	document func() json.RawMessage
}

// New returns the handler of the API. It is safe for concurrent use.
func New(o Options) http.Handler { return &api{Options: o, document: document} }

// request is a request that was let in.
type request struct {
	*http.Request
	*api
	operator *directory.Operator // nil for what is public
	path     map[string]string   // what stands for the parameters of the path
	query    query
	body     object
}

// answer is what a route says.
type answer struct {
	status int
	header map[string]string
	body   any    // JSON; nil for none
	text   string // instead of a body
}

func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	requestID := gateway.RequestID(r.Context())
	entry := []slog.Attr{slog.String("method", r.Method), slog.String("request_id", requestID)}
	said, err := a.serve(r, &entry)
	if err != nil {
		said = refusal(err, requestID)
		if said.status >= http.StatusInternalServerError {
			// What went wrong inside is for our log, not for the caller.
			entry = append(entry, slog.String("error", directory.Discreet(err)))
		}
	}
	level := slog.LevelInfo
	if said.status >= http.StatusInternalServerError {
		level = slog.LevelError
	}
	entry = append(entry, slog.Int("status", said.status), slog.Float64("ms", float64(time.Since(start).Microseconds())/1000))
	a.Log.LogAttrs(r.Context(), level, "request", entry...)
	w.Header().Set("X-Request-Id", requestID)
	write(w, said)
}

// serve lets the request in, finds its route and calls it. It adds to the log
// entry what it learns; ids, never names or secrets.
func (a *api) serve(r *http.Request, entry *[]slog.Attr) (said answer, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = errors.New("panic")
			what := fmt.Sprintf("%T", v) // a value may hold anybody's
			if e, ok := v.(runtime.Error); ok {
				what = e.Error()
			}
			a.Log.LogAttrs(r.Context(), slog.LevelError, "panic", slog.String("value", what), slog.String("stack", string(debug.Stack())))
		}
	}()
	pattern, methods, path := find(r.URL.Path)
	route, served := methods[r.Method]
	in := &request{Request: r, api: a, path: path}
	if route.Scope != Public {
		if in.operator, err = a.letIn(r, entry); err != nil {
			return answer{}, err
		}
	}
	if methods == nil {
		return answer{}, errNoPath
	}
	*entry = append(*entry, slog.String("route", pattern))
	if !served {
		return answer{}, notAllowed(slices.Sorted(maps.Keys(methods)))
	}
	if route.Scope != Public && !in.operator.May(route.Scope) {
		return answer{}, forbidden(route.Scope)
	}
	if in.query, err = route.parseQuery(r.URL.RawQuery); err != nil {
		return answer{}, err
	}
	if in.body, err = route.parseBody(r); err != nil {
		return answer{}, err
	}
	return route.serve(in)
}

// letIn finds out whose request it is, unless that asks too often.
func (a *api) letIn(r *http.Request, entry *[]slog.Attr) (*directory.Operator, error) {
	scheme, value, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		value = ""
	}
	operator, err := a.Directories.Operator(r.Context(), strings.TrimSpace(value), gateway.RequestID(r.Context()))
	if err != nil {
		return nil, err
	}
	*entry = append(*entry, slog.String("api_key_id", operator.KeyID()))
	if !a.pace.allows(operator.KeyID(), a.Now()) {
		return nil, errPace
	}
	return operator, nil
}

func write(w http.ResponseWriter, a answer) {
	for name, value := range a.header {
		w.Header().Set(name, value)
	}
	var b bytes.Buffer
	switch {
	case a.text != "":
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		b.WriteString(a.text)
	case a.body != nil:
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		if err := e.Encode(a.body); err != nil { // maps, lists and strings always encode
			panic(err)
		}
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(b.Bytes())
}

// accepted is the answer to what is done in the time to come (workos.md section 3).
var accepted = answer{status: http.StatusAccepted, text: "Accepted"}

var done = answer{status: http.StatusNoContent}

// one answers with the object that was read, as it is shown, unless that failed.
func one[T, V any](show func(T) V) func(T, error) (answer, error) {
	return func(object T, err error) (answer, error) {
		if err != nil {
			return answer{}, err
		}
		return answer{status: http.StatusOK, body: show(object)}, nil
	}
}

// many answers with a list.
func many[T, V any](show func(T) V) func(directory.Found[T], error) (answer, error) {
	return func(found directory.Found[T], err error) (answer, error) {
		if err != nil {
			return answer{}, err
		}
		data := make([]any, len(found.Items))
		for i, item := range found.Items {
			data[i] = show(item)
		}
		return answer{status: http.StatusOK, body: envelope(data, found.Before, found.After)}, nil
	}
}

// made answers with what was created, unless that failed.
func made(body map[string]any, err error) (answer, error) {
	return answer{status: http.StatusCreated, body: body}, err
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

// Package front is the HTTP API of one machine: it routes requests to
// functions by the topology's route keys and speaks payload format 2.0 with
// them, within API Gateway's and Lambda's limits and with their answers when
// something goes wrong.
//
// Like API Gateway it lets a function finish when its client has gone. It is
// safe for concurrent use.
package apigateway

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"slices"
	"strconv"

	"dsync/internal/awslocal/lambda"
	"dsync/internal/awslocal/uuid"
	"dsync/internal/gateway"
)

// Limits of an HTTP API; those of the function behind it are invoke's.
const (
	MaxBody = 10 << 20
	// MaxHead bounds the request line and the headers together.
	MaxHeaderSize = 10_240
)

// Route connects a route key with the function behind it.
type Route struct {
	Key      string
	Function lambda.Function
}

// Front is an http.Handler.
type API struct {
	routes []integration // the most specific first
	log    *slog.Logger
}

type integration struct {
	route
	function lambda.Function
}

// New refuses route keys that an HTTP API does not take, and two that are the same.
func New(routes []Route, log *slog.Logger) (*API, error) {
	f := &API{log: log}
	keys := map[string]bool{}
	for _, r := range routes {
		parsed, err := parseRoute(r.Key)
		if err != nil {
			return nil, fmt.Errorf("front: function %s: %w", r.Function.Name, err)
		}
		if keys[r.Key] {
			return nil, fmt.Errorf("front: route %q is there twice", r.Key)
		}
		keys[r.Key] = true
		f.routes = append(f.routes, integration{parsed, r.Function})
	}
	slices.SortStableFunc(f.routes, func(a, b integration) int { return compare(a.route, b.route) })
	return f, nil
}

// ServeHTTP answers as API Gateway does: with the function's answer, or with
// a message of its own.
func (f *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	requestID := newRequestID()
	answer := f.serve(w, r, requestID)
	maps.Copy(w.Header(), answer.header)
	w.Header().Set("apigw-requestid", requestID)
	if answer.status != http.StatusNoContent && answer.status != http.StatusNotModified {
		w.Header().Set("Content-Length", strconv.Itoa(answer.body.Len()))
	}
	w.WriteHeader(answer.status)
	_, _ = w.Write(answer.body.Bytes()) // a client that has gone is none of ours
}

func (f *API) serve(w http.ResponseWriter, r *http.Request, requestID string) *response {
	if headerSize(r) > MaxHeaderSize {
		return errorResponse(http.StatusRequestHeaderFieldsTooLarge)
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxBody))
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		return errorResponse(http.StatusRequestEntityTooLarge)
	}
	if err != nil {
		return errorResponse(http.StatusBadRequest)
	}
	for _, t := range f.routes {
		if params, ok := t.match(r.Method, r.URL.Path); ok {
			return f.invoke(t, r, body, params, requestID)
		}
	}
	return errorResponse(http.StatusNotFound)
}

func (f *API) invoke(t integration, r *http.Request, body []byte, params map[string]string, requestID string) *response {
	if ip, port, err := net.SplitHostPort(r.RemoteAddr); err == nil {
		r.RemoteAddr = ip
		r.Header.Set("X-Forwarded-For", ip)
		r.Header.Set("X-Forwarded-Port", port)
	}
	payload, err := gateway.Payload(r, body, t.key, requestID, params)
	if err != nil {
		return f.functionError(t, requestID, err)
	}
	out, err := t.function.Invoke(context.WithoutCancel(r.Context()), uuid.New(), payload)
	switch {
	case errors.Is(err, lambda.ErrPayloadTooLarge):
		return errorResponse(http.StatusRequestEntityTooLarge)
	case errors.Is(err, lambda.ErrTimeout):
		f.log.Error("a function took too long", "function", t.function.Name, "timeout", t.function.Timeout.String(), "request", requestID)
		return errorResponse(http.StatusServiceUnavailable)
	case err != nil:
		return f.functionError(t, requestID, err)
	}
	a := &response{header: http.Header{}}
	if err := gateway.Write(a, out); err != nil {
		return f.functionError(t, requestID, err)
	}
	return a
}

func (f *API) functionError(t integration, requestID string, err error) *response {
	f.log.Error("a function failed", "function", t.function.Name, "request", requestID, "error", err)
	return errorResponse(http.StatusInternalServerError)
}

// headSize is what the request line and the headers take as they are sent.
func headerSize(r *http.Request) int {
	const lineEnd, separator = len("\r\n"), len(": ")
	size := len(r.Method) + len(" ") + len(r.RequestURI) + len(" ") + len(r.Proto) + lineEnd
	size += len("Host") + separator + len(r.Host) + lineEnd
	for name, values := range r.Header {
		for _, v := range values {
			size += len(name) + separator + len(v) + lineEnd
		}
	}
	return size
}

// answer collects a response, so that its length is known before it is sent.
type response struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *response) Header() http.Header         { return a.header }
func (a *response) WriteHeader(status int)      { a.status = status }
func (a *response) Write(p []byte) (int, error) { return a.body.Write(p) }

// message is an answer of the gateway's own.
func errorResponse(status int) *response {
	text := http.StatusText(status)
	a := &response{header: http.Header{"Content-Type": {"application/json"}}, status: status}
	fmt.Fprintf(&a.body, `{"message":%q}`, text)
	return a
}

// newRequestID is an id of the form an HTTP API gives to requests.
func newRequestID() string {
	var b [11]byte
	_, _ = rand.Read(b[:]) // never fails
	return base64.StdEncoding.EncodeToString(b[:])
}

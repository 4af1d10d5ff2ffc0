// Package apigateway is a local API Gateway HTTP API. It routes requests to
// functions by route key and invokes them with payload format 2.0. It enforces
// the limits of API Gateway and Lambda and returns their error responses.
//
// As in API Gateway, an invocation continues after its client has
// disconnected. An API is safe for concurrent use.
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

// Limits of an HTTP API, in bytes. Package lambda enforces the payload limits
// of functions.
const (
	MaxBody = 10 << 20
	// MaxHeaderSize limits the request line and the headers together.
	MaxHeaderSize = 10_240
)

// Route is a route key and the function that it invokes.
type Route struct {
	Key      string
	Function lambda.Function
}

// API is an http.Handler.
type API struct {
	integrations []integration // the most specific route first
	log          *slog.Logger
}

type integration struct {
	route    route
	function lambda.Function
}

// New returns an API with these routes. It rejects invalid and duplicate route
// keys.
func New(routes []Route, log *slog.Logger) (*API, error) {
	a := &API{log: log}
	keys := map[string]bool{}
	for _, r := range routes {
		parsed, err := parseRoute(r.Key)
		if err != nil {
			return nil, fmt.Errorf("apigateway: function %s: %w", r.Function.Name, err)
		}
		if keys[r.Key] {
			return nil, fmt.Errorf("apigateway: duplicate route key %q", r.Key)
		}
		keys[r.Key] = true
		a.integrations = append(a.integrations, integration{parsed, r.Function})
	}
	slices.SortStableFunc(a.integrations, func(x, y integration) int { return compare(x.route, y.route) })
	return a, nil
}

// ServeHTTP writes the function's response, or an error response of API
// Gateway.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	requestID := newRequestID()
	resp := a.serve(w, r, requestID)
	maps.Copy(w.Header(), resp.header)
	w.Header().Set("apigw-requestid", requestID)
	if resp.status != http.StatusNoContent && resp.status != http.StatusNotModified {
		w.Header().Set("Content-Length", strconv.Itoa(resp.body.Len()))
	}
	w.WriteHeader(resp.status)
	_, _ = w.Write(resp.body.Bytes()) // fails only when the client has disconnected
}

func (a *API) serve(w http.ResponseWriter, r *http.Request, requestID string) *response {
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
	for _, t := range a.integrations {
		if params, ok := t.route.match(r.Method, r.URL.Path); ok {
			return a.invoke(t, r, body, params, requestID)
		}
	}
	return errorResponse(http.StatusNotFound)
}

func (a *API) invoke(t integration, r *http.Request, body []byte, params map[string]string, requestID string) *response {
	if ip, port, err := net.SplitHostPort(r.RemoteAddr); err == nil {
		r.RemoteAddr = ip
		r.Header.Set("X-Forwarded-For", ip)
		r.Header.Set("X-Forwarded-Port", port)
	}
	payload, err := gateway.Payload(r, body, t.route.key, requestID, params)
	if err != nil {
		return a.functionError(t, requestID, err)
	}
	out, err := t.function.Invoke(context.WithoutCancel(r.Context()), uuid.New(), payload)
	switch {
	case errors.Is(err, lambda.ErrPayloadTooLarge):
		return errorResponse(http.StatusRequestEntityTooLarge)
	case errors.Is(err, lambda.ErrTimeout):
		a.log.Error("function timed out", "function", t.function.Name, "timeout", t.function.Timeout.String(), "request", requestID)
		return errorResponse(http.StatusServiceUnavailable)
	case err != nil:
		return a.functionError(t, requestID, err)
	}
	resp := &response{header: http.Header{}}
	if err := gateway.Write(resp, out); err != nil {
		return a.functionError(t, requestID, err)
	}
	return resp
}

func (a *API) functionError(t integration, requestID string, err error) *response {
	a.log.Error("function failed", "function", t.function.Name, "request", requestID, "error", err)
	return errorResponse(http.StatusInternalServerError)
}

// headerSize returns the size of the request line and the headers on the wire,
// in bytes.
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

// response buffers a response, so that its length is known before it is sent.
type response struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (r *response) Header() http.Header         { return r.header }
func (r *response) WriteHeader(status int)      { r.status = status }
func (r *response) Write(p []byte) (int, error) { return r.body.Write(p) }

// errorResponse returns an error response of API Gateway.
func errorResponse(status int) *response {
	text := http.StatusText(status)
	resp := &response{header: http.Header{"Content-Type": {"application/json"}}, status: status}
	fmt.Fprintf(&resp.body, `{"message":%q}`, text)
	return resp
}

// newRequestID returns an id in the format of HTTP API request ids.
func newRequestID() string {
	var b [11]byte
	_, _ = rand.Read(b[:]) // never fails
	return base64.StdEncoding.EncodeToString(b[:])
}

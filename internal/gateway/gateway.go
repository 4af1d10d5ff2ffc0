// Package gateway converts between API Gateway HTTP API payloads (format 2.0)
// and net/http, in both directions. Handler is the side of the function: it
// serves a request payload with an http.Handler. Payload and Write are the side
// of API Gateway: they make the request payload of an HTTP request, and send a
// response payload as the HTTP response.
//
// Each response forbids caches to keep it, unless the http.Handler says
// otherwise: responses have personal data, and some have secrets. Each response
// forbids to guess its type, and over https demands https from then on.
//
// The package does no I/O and has no limits of its own. API Gateway limits a
// payload to 10 MB, Lambda to 6 MB.
//
// Source: API Gateway Developer Guide, "Working with AWS Lambda proxy
// integrations for HTTP APIs".
package gateway

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-lambda-go/events"
)

// Handler serves request payloads with an http.Handler. It implements
// lambda.Handler, and is safe for concurrent use if the http.Handler is.
type Handler struct {
	handler http.Handler
	front   Front
}

// NewHandler returns a Handler that serves with h, with nothing in front of API
// Gateway.
func NewHandler(h http.Handler) Handler { return Front{}.NewHandler(h) }

// ResponseTime is what a function keeps of its time for its response: the context
// of a request ends so long before that of the invocation. A function that runs
// out of time responds with nothing, and API Gateway with an error of its own form.
const ResponseTime = 500 * time.Millisecond

// Invoke serves one request payload and returns the response payload. It fails
// only for a payload that API Gateway does not send. A request that did not come
// through the front is answered with 403 and does not reach the http.Handler.
func (g Handler) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	var event events.APIGatewayV2HTTPRequest
	if err := json.Unmarshal(payload, &event); err != nil {
		return nil, fmt.Errorf("gateway: payload: %w", err)
	}
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, deadline.Add(-ResponseTime))
		defer cancel()
	}
	r, err := newRequest(ctx, event)
	if err != nil {
		return nil, err
	}
	g.front.address(r.URL)
	r.Host = r.URL.Host
	w := &response{header: http.Header{}}
	if g.front.passed(r.Header) {
		g.handler.ServeHTTP(w, r)
	} else {
		w.forbid()
	}
	protect(w.header, r.URL.Scheme)
	return json.Marshal(w.payload())
}

type requestIDKey struct{}

// RequestID is the id that API Gateway gave the request of a context, or "".
func RequestID(ctx context.Context) string {
	id, _ := ctx.Value(requestIDKey{}).(string)
	return id
}

// newRequest makes the HTTP request of a payload. In a payload, rawPath is
// URL-decoded, rawQueryString is as sent, header names are in lower case, and
// repeated headers are joined with commas, and cookies have a list of their own. An HTTP API is served over https only.
// Its host is the domain name by which API Gateway was reached; the headers Host
// and X-Forwarded-* are what a client sent, and say nothing.
func newRequest(ctx context.Context, e events.APIGatewayV2HTTPRequest) (*http.Request, error) {
	body := []byte(e.Body)
	if e.IsBase64Encoded {
		var err error
		if body, err = base64.StdEncoding.DecodeString(e.Body); err != nil {
			return nil, fmt.Errorf("gateway: body: %w", err)
		}
	}
	ctx = context.WithValue(ctx, requestIDKey{}, e.RequestContext.RequestID)
	r := (&http.Request{
		Method:        e.RequestContext.HTTP.Method,
		URL:           &url.URL{Scheme: "https", Host: e.RequestContext.DomainName, Path: e.RawPath, RawQuery: e.RawQueryString},
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Header:        make(http.Header, len(e.Headers)),
		Host:          e.RequestContext.DomainName,
		RemoteAddr:    e.RequestContext.HTTP.SourceIP,
		Body:          io.NopCloser(bytes.NewReader(body)),
		ContentLength: int64(len(body)),
	}).WithContext(ctx)
	for name, value := range e.Headers {
		r.Header.Set(name, value)
	}
	if len(e.Cookies) > 0 {
		r.Header.Set("Cookie", strings.Join(e.Cookies, "; "))
	}
	return r, nil
}

// response is an http.ResponseWriter that keeps the response.
type response struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (w *response) Header() http.Header { return w.header }

func (w *response) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
}

func (w *response) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.body.Write(p)
}

func (w *response) payload() events.APIGatewayV2HTTPResponse {
	w.WriteHeader(http.StatusOK)
	e := events.APIGatewayV2HTTPResponse{StatusCode: w.status, Headers: make(map[string]string, len(w.header)), Cookies: w.header.Values("Set-Cookie")}
	for name, values := range w.header {
		if name != "Set-Cookie" {
			e.Headers[name] = strings.Join(values, ",")
		}
	}
	if body := w.body.Bytes(); utf8.Valid(body) {
		e.Body = string(body)
	} else {
		e.Body, e.IsBase64Encoded = base64.StdEncoding.EncodeToString(body), true
	}
	return e
}

// Payload returns the request payload that API Gateway sends for r to the
// function of a route: path decoded, query string as sent, header names in
// lower case, and a body that is not text in base64. body is the whole body of
// r.
func Payload(r *http.Request, body []byte, routeKey, requestID string, params map[string]string) ([]byte, error) {
	e := events.APIGatewayV2HTTPRequest{
		Version:        "2.0",
		RouteKey:       routeKey,
		RawPath:        r.URL.Path,
		RawQueryString: r.URL.RawQuery,
		Headers:        make(map[string]string, len(r.Header)+1),
		PathParameters: params,
	}
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		e.Headers[strings.ToLower(name)] = strings.Join(r.Header[name], ",")
	}
	if cookies := e.Headers["cookie"]; cookies != "" {
		delete(e.Headers, "cookie")
		e.Cookies = strings.Split(cookies, "; ")
	}
	e.Headers["host"] = r.Host
	e.Headers["x-forwarded-proto"] = "http"
	if r.TLS != nil {
		e.Headers["x-forwarded-proto"] = "https"
	}
	e.RequestContext.RouteKey = routeKey
	e.RequestContext.Stage = "$default"
	e.RequestContext.RequestID = requestID
	e.RequestContext.DomainName = r.Host
	e.RequestContext.HTTP.Method = r.Method
	e.RequestContext.HTTP.Path = r.URL.Path
	e.RequestContext.HTTP.Protocol = r.Proto
	e.RequestContext.HTTP.SourceIP = r.RemoteAddr
	e.RequestContext.HTTP.UserAgent = r.UserAgent()
	// What API Gateway does with text that is not UTF-8 is not documented. base64
	// keeps its bytes, so that the function can refuse them.
	if isText(r.Header.Get("Content-Type")) && utf8.Valid(body) {
		e.Body = string(body)
	} else if len(body) > 0 {
		e.Body, e.IsBase64Encoded = base64.StdEncoding.EncodeToString(body), true
	}
	return json.Marshal(e)
}

// isText reports whether API Gateway sends a body of that type without base64.
func isText(contentType string) bool {
	mediaType, _, _ := strings.Cut(contentType, ";")
	mediaType = strings.ToLower(strings.TrimSpace(mediaType))
	switch mediaType {
	case "application/json", "application/xml", "application/javascript":
		return true
	}
	return strings.HasPrefix(mediaType, "text/")
}

// Write sends the response payload of a function to w. It fails, before it has
// written to w, for a payload that API Gateway rejects.
func Write(w http.ResponseWriter, payload []byte) error {
	var e events.APIGatewayV2HTTPResponse
	if err := json.Unmarshal(payload, &e); err != nil {
		return fmt.Errorf("gateway: response: %w", err)
	}
	if e.StatusCode == 0 {
		return errors.New("gateway: response without a statusCode")
	}
	body := []byte(e.Body)
	if e.IsBase64Encoded {
		var err error
		if body, err = base64.StdEncoding.DecodeString(e.Body); err != nil {
			return fmt.Errorf("gateway: response: %w", err)
		}
	}
	for name, value := range e.Headers {
		w.Header().Set(name, value)
	}
	for _, cookie := range e.Cookies {
		w.Header().Add("Set-Cookie", cookie)
	}
	w.WriteHeader(e.StatusCode)
	_, err := w.Write(body)
	return err
}

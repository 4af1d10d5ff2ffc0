// Package provider is the SCIM service provider over HTTP (RFC 7644): it
// authenticates requests, routes them, and renders the results of package
// session as SCIM responses.
//
// Every response below the SCIM base path is a SCIM message, errors included. A
// request with no valid token is a 401, whether the directory exists or not. An
// internal failure is a 500 with the id of the request. Every handler is safe
// for concurrent use.
package provider

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"maps"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"

	"dsync/internal/doctor"
	"dsync/internal/fault"
	"dsync/internal/gateway"
	"dsync/internal/metric"
	"dsync/internal/ratelimit"
	"dsync/internal/redact"
	"dsync/internal/scim"
	"dsync/internal/session"
	"dsync/internal/usage"
)

// request is an authenticated request to an endpoint.
type request struct {
	http     *http.Request
	session  *session.Session
	baseURL  string // of the directory's SCIM endpoints
	id       string // path segment after the endpoint, "" for none
	provider *provider
	exchange *exchange
}

func (r *request) context() context.Context { return r.http.Context() }

// response is what an endpoint returns.
type response struct {
	status int
	header map[string]string
	body   any // nil for none
}

// endpoint serves one method of one path.
type endpoint func(*request) (response, error)

// methods are the endpoints of a path by method.
type methods map[string]endpoint

// routes maps a path below the directory to its methods. "{id}" matches one
// segment.
type routes map[string]methods

type provider struct {
	routes   routes
	sessions *session.Authenticator
	recorder *usage.Recorder
	watch    *doctor.Watch
	limiter  *ratelimit.Limiter
	limits   ratelimit.Limits
	now      func() time.Time
	log      *slog.Logger
	metrics  *metric.Writer
}

// exchange is what is known of a request while it is served. All of it may be
// logged: ids, routes and names of attributes, never a value or a secret.
type exchange struct {
	method     string
	route      string       // "" for a path that is no endpoint
	served     bool         // the route has the method
	trace      *usage.Trace // nil without a valid token
	refused    refusal
	id         string    // of the resource of the path; "" for none
	agent      string    // User-Agent
	operations []outcome // of a bulk request
	used       *work
}

func (p *provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := p.now()
	ctx, meter := metered(r.Context())
	r = r.WithContext(ctx)
	x := &exchange{method: gateway.LoggedMethod(r.Method), used: &work{meter: meter, operations: 1}, agent: r.UserAgent()}
	res, err := p.serve(r, x)
	entry := []slog.Attr{slog.String("method", x.method), slog.String("request_id", gateway.RequestID(r.Context()))}
	var failure *fault.Error
	if err != nil {
		var internal bool
		failure, internal = faultOf(err, "internal error; request id %s", gateway.RequestID(r.Context()))
		if internal {
			entry = append(entry, slog.String("error", redact.Error(err)))
		}
		res = errorResponse(failure, res.header)
	}
	took := p.now().Sub(start)
	write(w, res)
	p.conclude(r.Context(), x, entry, outcome{method: x.method, route: x.route, status: res.status, failure: failure, took: took})
}

// serve finds the endpoint and calls it.
func (p *provider) serve(r *http.Request, x *exchange) (res response, err error) {
	defer func() {
		if v := recover(); v != nil {
			res, err = response{}, errors.New("panic")
			p.logPanic(r.Context(), v)
		}
	}()
	key, segments, ok := split(r.URL.Path)
	if !ok {
		return response{}, fault.New(fault.NotFound, "", "there is nothing here: the Tenant URL ends in %s and a key", scim.BasePath)
	}
	pattern, byMethod, id := p.routes.find(segments)
	serve := byMethod[r.Method]
	if byMethod != nil {
		x.route, x.served, x.id = pattern, serve != nil, id
	}
	secret, given := bearer(r.Header.Get("Authorization"))
	opened, trace, err := p.sessions.Authenticate(r.Context(), key, secret, gateway.RequestID(r.Context()))
	x.trace = trace
	if fault.KindOf(err) == fault.Unauthorized {
		x.refused = refusal{key, doctor.Diagnose(r.Header.Get("Authorization"), err)}
		return response{header: map[string]string{"WWW-Authenticate": challenge(given)}}, err
	} else if err != nil {
		return response{}, fault.InTime(r.Context(), err)
	}
	caller := p.caller(trace)
	if wait := p.limiter.Admit(r.Context(), caller, p.now()); wait > 0 {
		return response{}, fault.Limited(wait, "too many requests: this directory may make %d a second, and fewer that are large", p.limits.PerSecond)
	}
	defer func() { p.limiter.Done(r.Context(), caller, p.now(), x.used.units(opened.Compared())) }()
	ctx, cancel := beforeRecord(r.Context())
	defer cancel()
	if byMethod == nil {
		return response{}, fault.New(fault.NotFound, "", "there is no such endpoint in this directory")
	}
	if serve == nil {
		allow := strings.Join(slices.Sorted(maps.Keys(byMethod)), ", ")
		return response{header: map[string]string{"Allow": allow}}, fault.New(fault.NotAllowed, "", "%s allows %s", pattern, allow)
	}
	res, err = serve(&request{
		http: r.WithContext(ctx), session: opened, baseURL: r.URL.Scheme + "://" + r.Host + scim.BasePath + key, id: id, provider: p, exchange: x,
	})
	return res, fault.InTime(ctx, err)
}

// split splits a path into the external key and the segments after it. Empty
// segments are ignored, so slashes may be doubled or trail (entra.md section 1).
func split(path string) (key string, segments []string, ok bool) {
	rest, ok := strings.CutPrefix(path, scim.BasePath)
	if !ok {
		return "", nil, false
	}
	for segment := range strings.SplitSeq(rest, "/") {
		if segment != "" {
			segments = append(segments, segment)
		}
	}
	if len(segments) == 0 {
		return "", nil, false
	}
	return segments[0], segments[1:], true
}

// bearer is the secret of a bearer token.
func bearer(authorization string) (secret string, given bool) {
	scheme, secret, ok := strings.Cut(authorization, " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") {
		return "", false
	}
	return strings.TrimSpace(secret), true
}

// challenge is the WWW-Authenticate header (RFC 6750 section 3).
func challenge(given bool) string {
	if given {
		return `Bearer realm="dsync", error="invalid_token"`
	}
	return `Bearer realm="dsync"`
}

// find finds the methods of a path: the names of endpoints in any letter case,
// ids as they are. A literal segment has priority over {id}.
func (rs routes) find(segments []string) (pattern string, byMethod methods, id string) {
	path := "/" + strings.Join(segments, "/")
	for pattern, byMethod := range rs {
		if strings.EqualFold(pattern, path) && !strings.HasSuffix(pattern, idPattern) {
			return pattern, byMethod, ""
		}
	}
	if len(segments) == 2 && !isEndpoint(segments[1]) {
		for pattern, byMethod := range rs {
			if endpoint, ok := strings.CutSuffix(pattern, idPattern); ok && strings.EqualFold(endpoint, "/"+segments[0]) {
				return pattern, byMethod, segments[1]
			}
		}
	}
	return path, nil, ""
}

// isEndpoint reports whether a segment names resources: where an id belongs, it comes
// of a Tenant URL to which somebody has added it.
func isEndpoint(segment string) bool {
	return strings.EqualFold(segment, "Users") || strings.EqualFold(segment, "Groups")
}

// idPattern is the end of a pattern of one resource.
const idPattern = "/{id}"

// body reads the request's body. Its media type must be scim.MediaType or
// application/json.
func (r *request) body() ([]byte, error) {
	if ct := r.http.Header.Get("Content-Type"); ct != "" {
		mediaType, _, err := mime.ParseMediaType(ct)
		if err != nil || mediaType != scim.MediaType && mediaType != "application/json" {
			return nil, fault.New(fault.UnsupportedFormat, "", "the body must be %s or application/json", scim.MediaType)
		}
	}
	body, err := io.ReadAll(io.LimitReader(r.http.Body, scim.MaxBody+1))
	if err != nil {
		return nil, fault.New(fault.Invalid, scim.InvalidSyntax, "the body could not be read")
	}
	r.exchange.used.body += len(body)
	if len(body) > scim.MaxBody {
		return nil, fault.New(fault.TooLarge, "", "the body is larger than %d bytes", scim.MaxBody)
	}
	return body, nil
}

// object reads the request's body as a JSON object.
func (r *request) object() (map[string]any, error) {
	body, err := r.body()
	if err != nil {
		return nil, err
	}
	return scim.DecodeObject(body)
}

func write(w http.ResponseWriter, res response) {
	for name, value := range res.header {
		w.Header().Set(name, value)
	}
	if res.body == nil {
		if res.status == http.StatusNoContent { // SCIM-SDK refuses a response without it
			w.Header().Set("Content-Type", scim.MediaType)
		}
		w.WriteHeader(res.status)
		return
	}
	body := append(scim.EncodeJSON(res.body), '\n')
	w.Header().Set("Content-Type", scim.MediaType)
	w.WriteHeader(res.status)
	_, _ = w.Write(body)
}

// Package provider is the SCIM service provider over HTTP (RFC 7644): it lets
// requests in, routes them, and turns what the domain says into SCIM answers.
//
// Every answer on the SCIM base path is SCIM, errors included. A request with
// no valid token learns nothing, not even whether the directory exists. An
// internal failure is a 5xx that carries the request's id and no more.
package provider

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"maps"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"dsync/internal/directory"
	"dsync/internal/gateway"
	"dsync/internal/scim"
)

// Base is the path below which everything is SCIM; the next segment is the
// directory's external key.
const Base = scim.BasePath

// request is a request that was let in.
type request struct {
	*http.Request
	session *directory.Session
	base    string // URL of the directory's SCIM endpoint
	id      string // the path segment after the endpoint, "" for none
	Options
	*exchange
}

// answer is what an endpoint says.
type answer struct {
	status int
	header map[string]string
	body   any // nil for none
}

// endpoint serves one method of one path.
type endpoint func(*request) (answer, error)

// routes maps a path below the directory to its methods. "{id}" stands for any
// one segment.
type routes map[string]map[string]endpoint

type provider struct {
	Options
	routes   routes
	recorder *directory.Recorder
	pace     pace
}

// exchange is what is learned of a request while it is served. All of it may
// be logged: ids and names of ours, never a value or a secret.
type exchange struct {
	method     string
	route      string           // "" for a path that is no endpoint
	served     bool             // the route has the method
	visit      *directory.Visit // nil if nobody knows whose request it is
	operations []directory.Answer
}

func (p *provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := p.Now()
	x := &exchange{method: method(r.Method)}
	a, err := p.serve(r, x)
	entry := []slog.Attr{slog.String("method", x.method), slog.String("request_id", gateway.RequestID(r.Context()))}
	var refusal *scim.Error
	if err != nil && !errors.As(err, &refusal) {
		// What went wrong inside is for our log, not for the caller.
		entry = append(entry, slog.String("error", directory.Discreet(err)))
		refusal = scim.Errorf(http.StatusInternalServerError, "", "internal error; request id %s", gateway.RequestID(r.Context()))
	}
	if refusal != nil {
		a = answer{refusal.Status, a.header, refusal.Body()}
		if _, told := a.header[retryAfter]; refusal.Status == http.StatusTooManyRequests && !told {
			a.header = map[string]string{retryAfter: strconv.Itoa(seconds(0))}
		}
	}
	took := p.Now().Sub(start)
	write(w, a)
	p.note(r.Context(), x, entry, directory.Answer{Method: x.method, Route: x.route, Status: a.status, Refusal: refusal, Took: took})
}

const retryAfter = "Retry-After"

// serve finds the endpoint and calls it.
func (p *provider) serve(r *http.Request, x *exchange) (a answer, err error) {
	defer func() {
		if v := recover(); v != nil {
			a, err = answer{}, errors.New("panic")
			p.panicked(r.Context(), v)
		}
	}()
	key, segments, ok := split(r.URL.Path)
	if !ok {
		return answer{}, scim.Errorf(http.StatusNotFound, "", "there is nothing here: the Tenant URL ends in %s and a key", Base)
	}
	pattern, methods, id := p.routes.find(segments)
	serve := methods[r.Method]
	if methods != nil {
		x.route, x.served = pattern, serve != nil
	}
	secret, given := bearer(r.Header.Get("Authorization"))
	session, err := p.Directories.Authenticate(r.Context(), key, secret, gateway.RequestID(r.Context()))
	if err != nil {
		x.visit = directory.VisitOf(err)
		var e *scim.Error
		if errors.As(err, &e) && e.Status == http.StatusUnauthorized {
			return answer{header: map[string]string{"WWW-Authenticate": challenge(given)}}, err
		}
		return answer{}, err
	}
	x.visit = session.Visit()
	if wait := p.pace.take(x.visit.DirectoryID(), p.Now()); wait > 0 {
		return answer{header: map[string]string{retryAfter: strconv.Itoa(seconds(wait))}},
			scim.Errorf(http.StatusTooManyRequests, "", "too many requests: this directory may make %d a second", p.Limits.PerSecond)
	}
	if methods == nil {
		return answer{}, scim.Errorf(http.StatusNotFound, "", "there is no such endpoint in this directory")
	}
	if serve == nil {
		allow := strings.Join(slices.Sorted(maps.Keys(methods)), ", ")
		return answer{header: map[string]string{"Allow": allow}},
			scim.Errorf(http.StatusMethodNotAllowed, "", "%s allows %s", pattern, allow)
	}
	return serve(&request{r, session, r.URL.Scheme + "://" + r.Host + Base + key, id, p.Options, x})
}

// split takes a path apart: the external key and the segments behind it. Empty
// segments do not count, so slashes may be doubled or trail (entra.md section 1).
func split(path string) (key string, segments []string, ok bool) {
	rest, ok := strings.CutPrefix(path, Base)
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

// find picks the routes of a path. A literal segment wins over {id}.
func (rs routes) find(segments []string) (pattern string, methods map[string]endpoint, id string) {
	pattern = "/" + strings.Join(segments, "/")
	if methods = rs[pattern]; methods == nil && len(segments) == 2 {
		pattern, id = "/"+segments[0]+"/{id}", segments[1]
		methods = rs[pattern]
	}
	return pattern, methods, id
}

// body reads the request's body, whose media type must be SCIM's or JSON's.
func (r *request) body() ([]byte, error) {
	if ct := r.Header.Get("Content-Type"); ct != "" {
		mediaType, _, err := mime.ParseMediaType(ct)
		if err != nil || mediaType != scim.MediaType && mediaType != "application/json" {
			return nil, scim.Errorf(http.StatusUnsupportedMediaType, "", "the body must be %s or application/json", scim.MediaType)
		}
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, scim.MaxBody+1))
	if err != nil {
		return nil, scim.Errorf(http.StatusBadRequest, scim.InvalidSyntax, "the body could not be read")
	}
	if len(body) > scim.MaxBody {
		return nil, scim.Errorf(http.StatusRequestEntityTooLarge, "", "the body is larger than %d bytes", scim.MaxBody)
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

func write(w http.ResponseWriter, a answer) {
	for name, value := range a.header {
		w.Header().Set(name, value)
	}
	if a.body == nil {
		w.WriteHeader(a.status)
		return
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(a.body); err != nil { // maps, lists and strings always encode
		panic(err)
	}
	w.Header().Set("Content-Type", scim.MediaType)
	w.WriteHeader(a.status)
	_, _ = w.Write(b.Bytes())
}

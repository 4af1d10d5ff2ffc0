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
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"dsync/internal/directory"
	"dsync/internal/gateway"
	"dsync/internal/scim"
)

// Base is the path below which everything is SCIM; the next segment is the
// directory's external key.
const Base = "/scim/v2.0/"

// request is a request that was let in.
type request struct {
	*http.Request
	session *directory.Session
	base    string // URL of the directory's SCIM endpoint
	id      string // the path segment after the endpoint, "" for none
	log     *slog.Logger
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
	directories *directory.Service
	log         *slog.Logger
	routes      routes
}

// Users serves the /Users endpoint.
func Users(d *directory.Service, log *slog.Logger) http.Handler {
	return &provider{d, log, resources{directory.Users}.routes()}
}

// Groups serves the /Groups endpoint.
func Groups(d *directory.Service, log *slog.Logger) http.Handler {
	return &provider{d, log, resources{directory.Groups}.routes()}
}

// Discovery serves the discovery endpoints, Bulk and the search of all types,
// and answers every path that no route names. Among these may be /Users and /Groups: behind a Tenant URL that
// was pasted with a slash at its end they come as //Users, which API Gateway
// takes for another path.
func Discovery(d *directory.Service, log *slog.Logger) http.Handler {
	all := maps.Clone(discovery)
	maps.Copy(all, root)
	maps.Copy(all, resources{directory.Users}.routes())
	maps.Copy(all, resources{directory.Groups}.routes())
	return &provider{d, log, all}
}

func (p *provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	entry := []slog.Attr{slog.String("method", r.Method), slog.String("request_id", gateway.RequestID(r.Context()))}
	a, err := p.serve(r, &entry)
	if err != nil {
		var e *scim.Error
		if !errors.As(err, &e) {
			// What went wrong inside is for our log, not for the caller.
			entry = append(entry, slog.String("error", err.Error()))
			e = scim.Errorf(http.StatusInternalServerError, "", "internal error; request id %s", gateway.RequestID(r.Context()))
		}
		entry = append(entry, slog.String("scim_type", string(e.Type)))
		header := a.header
		a = answer{e.Status, header, e.Body()}
	}
	level := slog.LevelInfo
	if a.status >= http.StatusInternalServerError {
		level = slog.LevelError
	}
	entry = append(entry, slog.Int("status", a.status), slog.Float64("ms", float64(time.Since(start).Microseconds())/1000))
	p.log.LogAttrs(r.Context(), level, "request", entry...)
	write(w, a)
}

// serve finds the endpoint and calls it. It adds to the log entry what it
// learns; ids, never names or secrets.
func (p *provider) serve(r *http.Request, entry *[]slog.Attr) (a answer, err error) {
	defer func() {
		if v := recover(); v != nil {
			a, err = answer{}, errors.New("panic")
			p.log.LogAttrs(r.Context(), slog.LevelError, "panic", slog.Any("value", v), slog.String("stack", string(debug.Stack())))
		}
	}()
	key, segments, ok := split(r.URL.Path)
	if !ok {
		return answer{}, scim.Errorf(http.StatusNotFound, "", "there is nothing here: the Tenant URL ends in %s and a key", Base)
	}
	secret, given := bearer(r.Header.Get("Authorization"))
	session, err := p.directories.Authenticate(r.Context(), key, secret, gateway.RequestID(r.Context()))
	if err != nil {
		var e *scim.Error
		if errors.As(err, &e) && e.Status == http.StatusUnauthorized {
			return answer{header: map[string]string{"WWW-Authenticate": challenge(given)}}, err
		}
		return answer{}, err
	}
	*entry = append(*entry, slog.String("directory_id", session.DirectoryID()), slog.String("token_id", session.TokenID()))
	pattern, methods, id := p.routes.find(segments)
	if methods == nil {
		return answer{}, scim.Errorf(http.StatusNotFound, "", "there is no such endpoint in this directory")
	}
	*entry = append(*entry, slog.String("route", pattern))
	serve, ok := methods[r.Method]
	if !ok {
		allow := strings.Join(slices.Sorted(maps.Keys(methods)), ", ")
		return answer{header: map[string]string{"Allow": allow}},
			scim.Errorf(http.StatusMethodNotAllowed, "", "%s allows %s", pattern, allow)
	}
	return serve(&request{r, session, r.URL.Scheme + "://" + r.Host + Base + key, id, p.log})
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

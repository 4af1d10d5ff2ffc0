package web

import (
	"errors"
	"html/template"
	"io/fs"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"dsync/internal/fault"
	"dsync/internal/gateway"
	"dsync/internal/metric"
	"dsync/internal/redact"
)

// maxForm bounds the body of a form, in bytes: the largest has a few names.
const maxForm = 64 << 10

// Options are what a site is made of.
type Options struct {
	Base string // path, without a slash at its end: /console
	// Pages has a template for each page, name.html, which defines "content". Those in
	// the folder shared belong to every page; they define "layout".
	Pages   fs.FS
	Log     *slog.Logger
	Metrics *metric.Writer // nil for none
}

// Site serves the pages under a path. It is an http.Handler.
type Site struct {
	base      string
	templates map[string]*template.Template
	assets    map[string]asset
	log       *slog.Logger
	metrics   *metric.Writer
	mux       *http.ServeMux
	origins   http.CrossOriginProtection
}

// New returns a site that serves its static files and nothing else: Handle adds the
// rest. It panics where a template cannot be parsed.
func New(o Options) *Site {
	s := &Site{base: o.Base, assets: assetsUnder(o.Base), log: o.Log, metrics: o.Metrics, mux: http.NewServeMux()}
	s.templates = parse(o.Pages, s.assets)
	return s
}

// Handler is what a site does with a request.
type Handler interface {
	// Serve answers.
	Serve() error
	// Fail answers with the error of Serve, or of the request itself.
	Fail(err error)
	// LogAttrs are further attributes of the log line: ids, never names or secrets.
	LogAttrs() []slog.Attr
}

// Handle serves a pattern of http.ServeMux: it refuses requests of other sites, and
// logs.
func (s *Site) Handle(pattern string, handler func(*Exchange) Handler) {
	s.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		x := &Exchange{Request: r, w: w, site: s}
		v := handler(x)
		err := x.serve(v)
		if err != nil {
			v.Fail(err)
		}
		entry := []slog.Attr{slog.String("method", gateway.LoggedMethod(r.Method)), slog.String("route", pattern), slog.String("request_id", x.ID())}
		entry = append(entry, v.LogAttrs()...)
		level := slog.LevelInfo
		if x.status >= http.StatusInternalServerError {
			level = slog.LevelError
			entry = append(entry, slog.String("error", redact.Error(err)))
		}
		entry = append(entry, slog.Int("status", x.status), slog.Float64("ms", float64(time.Since(start).Microseconds())/1000))
		s.log.LogAttrs(r.Context(), level, "request", entry...)
		s.metrics.Write(nil, nil, gateway.Refusals(x.status)...)
	})
}

// policy is the Content-Security-Policy: nothing but what the site itself serves, no
// inline script or style, and no page of another site around it.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// headers are on every answer. The gateway adds Strict-Transport-Security.
var headers = map[string]string{
	"Content-Security-Policy":      policy,
	"Referrer-Policy":              "no-referrer",
	"Cache-Control":                "no-store",
	"X-Content-Type-Options":       "nosniff",
	"X-Frame-Options":              "DENY",
	"Cross-Origin-Opener-Policy":   "same-origin",
	"Cross-Origin-Resource-Policy": "same-origin",
}

// ServeHTTP implements http.Handler.
func (s *Site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	for name, value := range headers {
		w.Header().Set(name, value)
	}
	w.Header().Set("X-Request-Id", gateway.RequestID(r.Context()))
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	s.mux.ServeHTTP(w, r)
}

// serve answers unless the request comes from another site. A panic is an error:
// redact.Panic says what of its value is logged.
func (x *Exchange) serve(v Handler) (err error) {
	defer func() {
		if p := recover(); p != nil {
			x.site.log.LogAttrs(x.Request.Context(), slog.LevelError, "panic", slog.String("value", redact.Panic(p)), slog.String("stack", string(debug.Stack())))
			err = errors.New("panic")
		}
	}()
	if err := x.site.origins.Check(x.Request); err != nil {
		return fault.New(fault.Forbidden, "", "The request comes from another site.").Because(err)
	}
	return v.Serve()
}

// cookiePrefix is how the names of the site's cookies begin: sites of one host do not
// read each other's.
func (s *Site) cookiePrefix() string { return "dsync-" + strings.Trim(s.base, "/") + "-" }

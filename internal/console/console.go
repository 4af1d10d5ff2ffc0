package console

import (
	"errors"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"

	"dsync/internal/fault"
	"dsync/internal/gateway"
	"dsync/internal/management"
	"dsync/internal/metric"
	"dsync/internal/ratelimit"
	"dsync/internal/redact"
)

// maxForm bounds the body of a form, in bytes: the largest has a few names.
const maxForm = 64 << 10

type console struct {
	people   *management.Console
	events   management.EventLog
	scimBase string
	limiter  *ratelimit.Limiter
	now      func() time.Time
	log      *slog.Logger
	metrics  *metric.Writer
	mux      *http.ServeMux
	origins  http.CrossOriginProtection
}

// request is a request to a route.
type request struct {
	http    *http.Request
	console *console
	w       http.ResponseWriter
	session *management.Session // nil for a public route
	route   Route
	status  int // of the answer; 0 before it is written
}

// policy is the Content-Security-Policy: nothing but what the console itself
// serves, no inline script or style, and no page of another site around it.
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

func (c *console) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	for name, value := range headers {
		w.Header().Set(name, value)
	}
	w.Header().Set("X-Request-Id", gateway.RequestID(r.Context()))
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	c.mux.ServeHTTP(w, r)
}

// handler serves a route: it refuses requests from other origins, authenticates,
// checks the role, and logs. It logs ids, never names or secrets.
func (c *console) handler(route Route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, hr *http.Request) {
		start := time.Now()
		r := &request{http: hr, console: c, w: w, route: route}
		err := r.serve()
		if err != nil {
			r.fail(err)
		}
		entry := []slog.Attr{slog.String("method", gateway.LoggedMethod(r.http.Method)), slog.String("route", route.Pattern), slog.String("request_id", gateway.RequestID(r.http.Context()))}
		if r.session != nil {
			entry = append(entry, slog.String("console_session_id", r.session.Person().SessionID))
		}
		level := slog.LevelInfo
		if r.status >= http.StatusInternalServerError {
			level = slog.LevelError
			entry = append(entry, slog.String("error", redact.Error(err)))
		}
		entry = append(entry, slog.Int("status", r.status), slog.Float64("ms", float64(time.Since(start).Microseconds())/1000))
		c.log.LogAttrs(r.http.Context(), level, "request", entry...)
		c.metrics.Write(nil, nil, gateway.Refusals(r.status)...)
	})
}

func (r *request) serve() (err error) {
	defer func() {
		if v := recover(); v != nil {
			r.logPanic(v)
			err = errors.New("panic")
		}
	}()
	if err := r.console.origins.Check(r.http); err != nil {
		return fault.New(fault.Forbidden, "", "The request comes from another site.").Because(err)
	}
	if r.route.Scope == Public {
		return r.route.serve(r)
	}
	if r.session, err = r.console.people.Authenticate(r.http.Context(), r.cookie(), r.origin()); err != nil {
		return err
	}
	if wait := r.console.limiter.Take(r.session.Person().SessionID, r.console.now()); wait > 0 {
		return fault.New(fault.RateLimited, "", "too many requests")
	}
	if !r.session.May(r.route.Scope) {
		return fault.New(fault.Forbidden, "", "Your role, %s, may not do this.", r.session.Person().Role)
	}
	return r.route.serve(r)
}

// logPanic logs a panic: redact.Panic says what of its value.
func (r *request) logPanic(v any) {
	r.console.log.LogAttrs(r.http.Context(), slog.LevelError, "panic", slog.String("value", redact.Panic(v)), slog.String("stack", string(debug.Stack())))
}

// directory reads the directory of the path.
func (r *request) directory() (management.Directory, error) {
	return r.session.Directory(r.http.Context(), r.http.PathValue("directory"))
}

// organization reads the organization of the path.
func (r *request) organization() (management.Organization, error) {
	return r.session.Organization(r.http.Context(), r.http.PathValue("organization"))
}

// origin is where the request comes from, for the audit log.
func (r *request) origin() management.Origin {
	return management.Origin{RequestID: gateway.RequestID(r.http.Context()), SourceIP: r.http.RemoteAddr, UserAgent: r.http.UserAgent()}
}

// secure reports whether the console is served over https. Only a local machine
// serves it without.
func (r *request) secure() bool { return r.http.URL.Scheme == "https" }

// live reports whether htmx asks for a part of a page.
func (r *request) live() bool { return r.http.Header.Get("HX-Request") == "true" }

package console

import (
	"io"
	"log/slog"
	"time"

	"dsync/internal/fault"
	"dsync/internal/management"
	"dsync/internal/ratelimit"
	"dsync/internal/sso"
	"dsync/internal/web"
)

type console struct {
	people    *management.Console
	events    management.EventLog
	sso       *sso.Provider                       // nil for none
	activity  remembered[management.Activity]     // by directory
	names     remembered[management.Organization] // by id
	findings  remembered[[]management.Finding]    // by directory
	entropy   io.Reader
	scimBase  string
	limiter   *ratelimit.Limiter // by session
	strangers *ratelimit.Limiter // by address, of who signs in
	now       func() time.Time
	log       *slog.Logger
}

// request is a request to a route. It is a web.Handler.
type request struct {
	*web.Exchange
	console *console
	session *management.Session // nil for a public route
	route   Route
}

// handler handles the requests to a route.
func (c *console) handler(route Route) func(*web.Exchange) web.Handler {
	return func(x *web.Exchange) web.Handler { return &request{Exchange: x, console: c, route: route} }
}

// Serve authenticates, checks the role, and answers.
func (r *request) Serve() (err error) {
	if r.route.Scope == Public {
		return r.route.serve(r)
	}
	authenticate := r.console.people.Authenticate
	if r.route.poll {
		authenticate = r.console.people.AuthenticatePoll
	}
	if r.session, err = authenticate(r.Request.Context(), r.Cookie(sessionCookie), r.origin()); err != nil {
		return err
	}
	if err := r.limit(r.console.limiter, r.session.Person().SessionID); err != nil {
		return err
	}
	if !r.session.May(r.route.Scope) {
		return fault.New(fault.Forbidden, "", "Your role, %s, may not do this.", r.session.Person().Role)
	}
	return r.route.serve(r)
}

// limit refuses a caller who asks too often.
func (r *request) limit(by *ratelimit.Limiter, caller string) error {
	if wait := by.Take(caller, r.console.now()); wait > 0 {
		return fault.Limited(wait, "too many requests")
	}
	return nil
}

// LogAttrs name the session.
func (r *request) LogAttrs() []slog.Attr {
	if r.session == nil {
		return nil
	}
	return []slog.Attr{slog.String("console_session_id", r.session.Person().SessionID)}
}

// sessionCookie has the secret of the session.
const sessionCookie = "session"

// directory reads the directory of the path.
func (r *request) directory() (management.Directory, error) {
	return r.session.Directory(r.Request.Context(), r.Request.PathValue("directory"))
}

// organization reads the organization of the path.
func (r *request) organization() (management.Organization, error) {
	return r.session.Organization(r.Request.Context(), r.Request.PathValue("organization"))
}

// origin is where the request comes from, for the audit log.
func (r *request) origin() management.Origin {
	return management.Origin{RequestID: r.ID(), SourceIP: r.Request.RemoteAddr, UserAgent: r.Request.UserAgent()}
}

// static serves a static file of the site.
func static(r *request) error { return r.Static() }

package setup

import (
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"dsync/internal/fault"
	"dsync/internal/management"
	"dsync/internal/onboarding"
	"dsync/internal/ratelimit"
	"dsync/internal/web"
)

type site struct {
	links    *onboarding.Links
	limiter  *ratelimit.Limiter
	now      func() time.Time
	scimBase string
}

// request is a request to a route. It is a web.Handler.
type request struct {
	*web.Exchange
	site    *site
	route   Route
	session *onboarding.Session // nil for a public route
}

func (s *site) handler(route Route) func(*web.Exchange) web.Handler {
	return func(x *web.Exchange) web.Handler { return &request{Exchange: x, site: s, route: route} }
}

// Serve authenticates and answers.
func (r *request) Serve() error {
	if !r.route.Public {
		if err := r.authenticate(); err != nil {
			return err
		}
	}
	return r.route.serve(r)
}

// sessionCookie has the secret of the session.
const sessionCookie = "session"

// errNoSession is the failure of a request that has no session at all.
var errNoSession = fault.New(fault.Unauthorized, "no_session", "")

func (r *request) authenticate() (err error) {
	secret := r.Cookie(sessionCookie)
	if secret == "" {
		return errNoSession
	}
	if r.session, err = r.site.links.Authenticate(r.Request.Context(), secret, r.origin()); err != nil {
		return err
	}
	if wait := r.site.limiter.Take(r.session.LinkID(), r.site.now()); wait > 0 {
		return fault.Limited(wait, "too many requests")
	}
	return nil
}

// origin is where the request comes from, for the audit log.
func (r *request) origin() management.Origin {
	return management.Origin{RequestID: r.ID(), SourceIP: r.Request.RemoteAddr, UserAgent: r.Request.UserAgent()}
}

// LogAttrs name the link.
func (r *request) LogAttrs() []slog.Attr {
	if r.session == nil {
		return nil
	}
	return []slog.Attr{slog.String("setup_link_id", r.session.LinkID())}
}

// reasons are the statuses of the reasons why there is no session, by code. Each has
// a page of its own in the texts.
var reasons = map[fault.Code]int{
	errNoSession.Code:      http.StatusUnauthorized,
	onboarding.LinkUnknown: http.StatusNotFound,
	onboarding.LinkOpened:  http.StatusGone,
	onboarding.LinkExpired: http.StatusGone,
	onboarding.LinkRevoked: http.StatusGone,
	onboarding.LinkDeleted: http.StatusGone,
}

// Fail shows an error. Unless it is a fault, nothing of it is shown.
func (r *request) Fail(err error) {
	p := r.Problem(err)
	v := view{Template: "problem", Status: p.Status, Data: problem{Title: p.Title, Text: p.Text, RequestID: p.RequestID}}
	t := r.texts()
	var e *fault.Error
	if errors.As(err, &e) && e.Kind == fault.Unauthorized && reasons[e.Code] != 0 {
		v.Status = reasons[e.Code]
		v.Data = problem{Title: t.Text(string(e.Code) + ".title"), Text: t.Text(string(e.Code) + ".text")}
	}
	if r.Live() {
		r.Write(v.Status, []byte(p.Title+"\n"))
		return
	}
	if err := r.render(v); err != nil {
		r.Write(http.StatusInternalServerError, nil)
	}
}

// problem is an error as people read it.
type problem struct{ Title, Text, RequestID string }

func nothing(*request) error { return fault.Missing("Page", "") }

// showLinkOrPage shows what a setup link is for, or with a session the setup page.
func showLinkOrPage(r *request) error {
	link := r.Request.URL.Query().Get("token")
	if link == "" {
		if err := r.authenticate(); err != nil {
			return err
		}
		return showPage(r, "", "")
	}
	offer, err := r.site.links.Offer(r.Request.Context(), link)
	var e *fault.Error
	if errors.As(err, &e) && e.Code == onboarding.LinkOpened && r.authenticate() == nil && r.session.Opened(link) {
		return r.Redirect(management.SetupPath) // the same browser comes again
	} else if err != nil {
		r.session = nil
		return err
	}
	return r.render(view{Template: "offer", Data: struct {
		Organization, Directory, Link, Host string
	}{offer.Organization, offer.Directory, link, r.Request.Host}})
}

// openLink opens a link. Whatever session the browser had is left: the new one has a
// secret of its own.
func openLink(r *request) error {
	f, err := r.Form()
	if err != nil {
		return err
	}
	secret, expires, err := r.site.links.Open(r.Request.Context(), f.Value("token"), r.origin())
	if err != nil {
		return err
	}
	r.SetCookie(sessionCookie, secret, expires.Sub(r.site.now()))
	return r.Redirect(management.SetupPath)
}

const (
	languageCookie   = "language"
	languageLifetime = 365 * 24 * time.Hour
)

// chooseLanguage remembers the language of the page.
func chooseLanguage(r *request) error {
	f, err := r.Form()
	if err != nil {
		return err
	}
	if _, known := languages[f.Value("language")]; known {
		r.SetCookie(languageCookie, f.Value("language"), languageLifetime)
	}
	return r.Redirect(management.SetupPath)
}

// texts are the texts of the language that the admin has chosen, or that the browser
// prefers.
func (r *request) texts() Texts {
	if t, ok := languages[r.Cookie(languageCookie)]; ok {
		return t
	}
	for part := range strings.SplitSeq(r.Request.Header.Get("Accept-Language"), ",") {
		tag, _, _ := strings.Cut(strings.TrimSpace(part), ";")
		primary, _, _ := strings.Cut(strings.ToLower(tag), "-")
		if t, ok := languages[primary]; ok {
			return t
		}
	}
	return languages[fallback]
}

// showTheme is the stylesheet with the vendor's colour: no page has a style of its own.
func showTheme(r *request) error {
	p, err := r.site.links.Page(r.Request.Context())
	if err != nil {
		return err
	}
	css := "" // the default
	if p.Color != "" {
		css = ":root { --accent: " + p.Color + "; }\n"
	}
	r.Header().Set("Content-Type", "text/css; charset=utf-8")
	r.Write(http.StatusOK, []byte(css))
	return nil
}

// createToken shows the secret on its answer: it cannot be read again, so no redirect
// may lead to it. The page replaces its address, so that loading it again makes no
// second one.
func createToken(r *request) error {
	secret, err := r.session.CreateToken(r.Request.Context())
	if fault.KindOf(err) == fault.Conflict {
		return showPage(r, "", r.texts().Text("token.two"))
	} else if err != nil {
		return err
	}
	return showPage(r, secret, "")
}

func revokeToken(r *request) error {
	if err := r.session.RevokeToken(r.Request.Context(), r.Request.PathValue("token")); err != nil {
		return err
	}
	return r.Done(management.SetupPath+"#tokens", r.texts().Text("token.revoked"))
}

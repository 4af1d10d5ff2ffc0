// Package setup serves the setup page: one page on which a customer's admin connects
// Entra to a directory, and sees what arrives.
//
// A setup link leads here. Looking at it changes nothing, because what scans mails
// opens links, too: a press on a button opens it, once, and moves its secret from the
// URL to a cookie. Everything else goes through an onboarding.Session, which reaches
// one directory. GET changes nothing.
//
// The texts are data (texts/<language>.json), in the words of Entra's portal. The page
// works without scripts, but for what is live: parts of the page are polled (parts.js).
package setup

import (
	"embed"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"time"

	"dsync/internal/management"
	"dsync/internal/metric"
	"dsync/internal/onboarding"
	"dsync/internal/ratelimit"
	"dsync/internal/table"
	"dsync/internal/web"
)

//go:embed templates
var templates embed.FS

// Options are what the page is made of. The handler keeps no table: it reaches it
// through the session of a request only.
type Options struct {
	Table   *table.Table
	Now     func() time.Time
	Entropy io.Reader // of ids and secrets: crypto/rand.Reader outside tests
	Log     *slog.Logger
	Metrics *metric.Writer // nil for none
	// SCIMBase is the path of Tenant URLs before the external key.
	SCIMBase string
}

// sessionLimits are what each session may ask of one process: several tabs, each of
// which asks every second and a half.
var sessionLimits = ratelimit.Limits{PerSecond: 10, Burst: 50}

// base is the path of the site.
const base = "/setup"

// New returns the handler of the page. It is safe for concurrent use.
func New(o Options) http.Handler {
	s := &site{links: onboarding.New(o.Table, o.Now, o.Entropy), limiter: ratelimit.New(sessionLimits), now: o.Now, scimBase: o.SCIMBase}
	pages, err := fs.Sub(templates, "templates")
	if err != nil {
		panic(err)
	}
	served := web.New(web.Options{Base: base, Pages: pages, Log: o.Log, Metrics: o.Metrics})
	for _, route := range routes {
		served.Handle(route.Pattern, s.handler(route))
	}
	served.Handle("/", s.handler(Route{Pattern: "/", serve: nothing}))
	return served
}

// Route is a pattern of http.ServeMux with what serves it.
type Route struct {
	Pattern string
	Public  bool // it needs no session
	serve   func(*request) error
}

// Routes are all routes.
func Routes() []Route { return append([]Route(nil), routes...) }

var routes = []Route{
	{"GET " + base, true, func(r *request) error { return r.Redirect(management.SetupPath) }},
	{"GET " + management.SetupPath + "{$}", true, showLinkOrPage},
	{"POST " + base + "/open", true, openLink},
	{"POST " + base + "/language", true, chooseLanguage},
	{"GET " + base + "/theme.css", true, showTheme},
	{web.StaticPattern(base), true, func(r *request) error { return r.Static() }},
	{"GET " + base + "/live", false, showParts},
	{"POST " + base + "/tokens", false, createToken},
	{"POST " + base + "/tokens/{token}/revoke", false, revokeToken},
	{"GET " + base + "/scripts/{script}", false, showScript},
}

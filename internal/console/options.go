package console

import (
	"embed"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"time"

	"dsync/internal/management"
	"dsync/internal/metric"
	"dsync/internal/ratelimit"
	"dsync/internal/sso"
	"dsync/internal/table"
	"dsync/internal/web"
)

//go:embed templates
var templates embed.FS

// Options are what the console is made of. The handler keeps no table: it reaches
// it through the session of a request only.
type Options struct {
	Table   *table.Table
	Events  management.EventLog
	Now     func() time.Time
	Entropy io.Reader // of ids and secrets: crypto/rand.Reader outside tests
	Log     *slog.Logger
	Metrics *metric.Writer // nil for none
	// SSO signs people in, besides links; nil for none.
	SSO *sso.Provider
	// SCIMBase is the path of Tenant URLs before the external key.
	SCIMBase string
}

// sessionLimits are what each session may ask of one process: a person with several
// live tabs asks less.
var sessionLimits = ratelimit.Limits{PerSecond: 20, Burst: 100}

// strangerLimits are what each address may ask of one process to sign in: an answer of
// an identity provider makes requests there.
var strangerLimits = ratelimit.Limits{PerSecond: 1, Burst: 30}

// New returns the handler of the console. It is safe for concurrent use.
func New(o Options) http.Handler {
	c := &console{
		people:    management.NewConsole(o.Table, o.Now, o.Entropy),
		events:    o.Events,
		sso:       o.SSO,
		entropy:   o.Entropy,
		activity:  newRemembered[management.Activity](o.Now),
		names:     newRemembered[management.Organization](o.Now),
		findings:  newRemembered[[]management.Finding](o.Now),
		scimBase:  o.SCIMBase,
		limiter:   ratelimit.New(sessionLimits),
		strangers: ratelimit.New(strangerLimits),
		now:       o.Now,
		log:       o.Log,
	}
	pages, err := fs.Sub(templates, "templates")
	if err != nil {
		panic(err)
	}
	site := web.New(web.Options{Base: Base, Pages: pages, Log: o.Log, Metrics: o.Metrics})
	for _, route := range routes {
		site.Handle(route.Pattern, c.handler(route))
	}
	site.Handle("/", c.handler(Route{Pattern: "/", Scope: management.Read, serve: nothing}))
	return site
}

package provider

import (
	"context"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"time"

	"dsync/internal/doctor"
	"dsync/internal/metric"
	"dsync/internal/ratelimit"
	"dsync/internal/session"
	"dsync/internal/table"
	"dsync/internal/table/limit"
	"dsync/internal/usage"
)

// Options are what the endpoints are made of. The handlers keep no table: they
// reach it through the session of a request only.
type Options struct {
	Table   *table.Table
	Now     func() time.Time
	Entropy io.Reader // of ids: crypto/rand.Reader outside tests
	Log     *slog.Logger
	Metrics *metric.Writer   // nil for none
	Limits  ratelimit.Limits // of each directory
}

// DefaultLimits are four times Entra's 25 requests a second for a tenant
// (entra.md section 9), with bursts of ten seconds. The free share of a process is
// above what Entra sends in its initial cycle, if all of it comes to one process.
var DefaultLimits = ratelimit.Limits{PerSecond: 100, Burst: 1_000, FreePerSecond: 35, FreeBurst: 175, Concurrent: 50}

// metered returns a context whose calls to the table are counted.
func metered(ctx context.Context) (context.Context, *table.Meter) { return table.WithMeter(ctx) }

// Users serves the /Users endpoint.
func (o Options) Users() http.Handler { return o.serve(resourceRoutes(session.Users)) }

// Groups serves the /Groups endpoint.
func (o Options) Groups() http.Handler { return o.serve(resourceRoutes(session.Groups)) }

// Discovery serves the discovery endpoints, /Bulk, /Me, the search of all types
// and every other path. /Users and /Groups are among them: a Tenant URL with a
// slash at its end makes //Users, which API Gateway does not route to Users.
func (o Options) Discovery() http.Handler {
	all := maps.Clone(discoveryRoutes)
	maps.Copy(all, routes{
		searchPath: {http.MethodPost: searchAll},
		bulkPath:   {http.MethodPost: serveBulk},
		mePath:     me,
	})
	maps.Copy(all, resourceRoutes(session.Users))
	maps.Copy(all, resourceRoutes(session.Groups))
	return o.serve(all)
}

func (o Options) serve(r routes) http.Handler {
	return &provider{
		routes:   r,
		sessions: session.NewAuthenticator(o.Table, o.Now, o.Entropy),
		recorder: usage.NewRecorder(o.Table, o.Now, o.Entropy, o.Log),
		watch:    doctor.NewWatch(o.Table, o.Now, o.Log),
		limiter:  limit.NewLimiter(o.Table, o.Limits, o.Log),
		limits:   o.Limits,
		now:      o.Now,
		log:      o.Log,
		metrics:  o.Metrics,
	}
}

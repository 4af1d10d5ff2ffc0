package api

import (
	"io"
	"log/slog"
	"net/http"
	"time"

	"dsync/internal/management"
	"dsync/internal/metric"
	"dsync/internal/ratelimit"
	"dsync/internal/table"
)

// Options are what the API is made of. The handler keeps no table: it reaches
// it through the session of a request only.
type Options struct {
	Table   *table.Table
	Events  management.EventLog
	Now     func() time.Time
	Entropy io.Reader // of ids and secrets: crypto/rand.Reader outside tests
	Log     *slog.Logger
	Metrics *metric.Writer // nil for none
	// SCIMBase is the path of Tenant URLs before the external key.
	SCIMBase string
}

// keyLimits are what each key may ask of one process: several times what
// reading all users of a large directory takes, and less than what would slow
// the other keys down.
var keyLimits = ratelimit.Limits{PerSecond: 100, Burst: 200}

// New returns the handler of the API. It is safe for concurrent use.
func New(o Options) http.Handler {
	return &api{
		sessions: management.NewAuthenticator(o.Table, o.Now, o.Entropy, o.Log),
		events:   o.Events,
		scimBase: o.SCIMBase,
		limiter:  ratelimit.New(keyLimits),
		now:      o.Now,
		log:      o.Log,
		metrics:  o.Metrics,
		document: document,
	}
}

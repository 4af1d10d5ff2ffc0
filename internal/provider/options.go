package provider

import (
	"log/slog"
	"maps"
	"net/http"
	"time"

	"dsync/internal/directory"
	"dsync/internal/metric"
)

// Options are what the endpoints are made of.
type Options struct {
	Directories *directory.Service
	Log         *slog.Logger
	Metrics     *metric.Writer // nil for none
	Limits      Limits
	Now         func() time.Time
}

// Users serves the /Users endpoint.
func (o Options) Users() http.Handler { return o.serve(resources{directory.Users}.routes()) }

// Groups serves the /Groups endpoint.
func (o Options) Groups() http.Handler { return o.serve(resources{directory.Groups}.routes()) }

// Discovery serves the discovery endpoints, Bulk and the search of all types,
// and answers every path that no route names. Among these may be /Users and
// /Groups: behind a Tenant URL that was pasted with a slash at its end they
// come as //Users, which API Gateway takes for another path.
func (o Options) Discovery() http.Handler {
	all := maps.Clone(discovery)
	maps.Copy(all, root)
	maps.Copy(all, resources{directory.Users}.routes())
	maps.Copy(all, resources{directory.Groups}.routes())
	return o.serve(all)
}

func (o Options) serve(r routes) http.Handler {
	return &provider{Options: o, routes: r, recorder: directory.NewRecorder(o.Directories), pace: pace{Limits: o.Limits}}
}

package provider

import (
	"context"
	"time"

	"dsync/internal/ratelimit"
	"dsync/internal/usage"
)

// comparisonsOfUnit is how many comparisons cost as much as a request of usual size.
const comparisonsOfUnit = 50_000

// work is what a request has used so far.
type work struct {
	meter      meter
	operations int // 1, or those of a bulk request
	body       int // bytes
}

// meter counts units of DynamoDB.
type meter interface{ Units() float64 }

// units is the work in units of the limits. compared is the number of comparisons.
func (w *work) units(compared int) int {
	return ratelimit.Units(w.operations, w.meter.Units(), w.body) + compared/comparisonsOfUnit
}

// caller is the directory of a request, as the limiter knows it.
func (p *provider) caller(t *usage.Trace) ratelimit.Caller {
	return ratelimit.Caller{ID: t.DirectoryID(), Watched: t.Watched(), Watch: func(ctx context.Context, until time.Time) { p.recorder.Watch(ctx, t, until) }}
}

// beforeRecord returns a context that ends while there is time to record the
// request.
func beforeRecord(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, deadline.Add(-usage.RecordTime))
}

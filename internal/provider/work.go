package provider

import (
	"context"
	"errors"
	"time"

	"dsync/internal/fault"
	"dsync/internal/ratelimit"
	"dsync/internal/usage"
)

// What costs as much as a request of usual size: to find a user, or to create one.
// Lambda and DynamoDB bill these, and a directory has 1,000 write units a second.
const (
	capacityOfUnit    = 50 // units of DynamoDB
	bytesOfUnit       = 16 << 10
	comparisonsOfUnit = 50_000
)

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
	return w.operations + int(w.meter.Units())/capacityOfUnit + w.body/bytesOfUnit + compared/comparisonsOfUnit
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

// inTime makes an error of a request that had to end before the function's time was
// over. The client sends it again: every change is all or nothing, or goes on where
// it ended.
func inTime(ctx context.Context, err error) error {
	var known *fault.Error
	if err == nil || errors.As(err, &known) || !errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return err
	}
	return fault.New(fault.Busy, "", "the request could not be finished in time: send it again")
}

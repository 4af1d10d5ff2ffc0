package provider

import (
	"context"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"

	"dsync/internal/doctor"
	"dsync/internal/fault"
	"dsync/internal/gateway"
	"dsync/internal/metric"
	"dsync/internal/redact"
	"dsync/internal/usage"
)

// outcome is the outcome of a request, or of one operation of a bulk request.
type outcome struct {
	method    string
	route     string // "" for a path that is no endpoint
	status    int
	failure   *fault.Error // nil unless it failed
	bulk      int          // the operation of a bulk request, counted from 1; 0 for none
	took      time.Duration
	tolerated []usage.Tolerated
}

// usage is the outcome for the record.
func (o outcome) usage() usage.Outcome {
	r := usage.Request{
		Method: o.method, Route: o.route, Status: o.status, Bulk: o.bulk,
		Milliseconds: o.took.Milliseconds(), Tolerated: o.tolerated,
	}
	if o.failure != nil {
		r.ScimType, r.Path, r.Operation = string(o.failure.Code), o.failure.Path, o.failure.Operation
	}
	return usage.Outcome{Request: r, Refused: o.status >= http.StatusBadRequest}
}

// conclude writes the log line, the metrics and the record of a request whose
// response was written.
func (p *provider) conclude(ctx context.Context, x *exchange, entry []slog.Attr, o outcome) {
	if x.trace != nil {
		entry = append(entry, slog.String("directory_id", x.trace.DirectoryID()), slog.String("token_id", x.trace.TokenID()))
		o.tolerated = x.trace.TakeTolerated()
	}
	if x.route != "" {
		entry = append(entry, slog.String("route", x.route))
	}
	if e := o.failure; e != nil {
		entry = append(entry, slog.String("scim_type", string(e.Code)))
		if e.Path != "" {
			entry = append(entry, slog.String("path", e.Path))
		}
	}
	level := slog.LevelInfo
	if o.status >= http.StatusInternalServerError {
		level = slog.LevelError
	}
	if len(o.tolerated) > 0 {
		entry = append(entry, slog.Any("tolerated", o.tolerated))
	}
	ms := float64(o.took.Microseconds()) / 1000
	entry = append(entry, slog.Int("status", o.status), slog.Float64("ms", ms), slog.Float64("units", x.used.meter.Units()))
	p.log.LogAttrs(ctx, level, "request", entry...)
	p.measure(ctx, x, o, ms)
	if x.trace == nil {
		p.refuse(ctx, x, o)
		return
	}
	if o.route == bulkPath && o.failure != nil {
		// The whole request failed, because of one of its operations.
		whole := *o.failure
		o.bulk, whole.Operation = whole.Operation, 0
		o.failure = &whole
	}
	var outcomes []usage.Outcome
	for _, o := range append(x.operations, o) {
		outcomes = append(outcomes, o.usage())
	}
	p.watch.Learn(x.trace.DirectoryID(), p.recorder.Record(ctx, x.trace, outcomes...))
	told := doctor.Request{
		Served: o.status < http.StatusBadRequest, NoEndpoint: o.route == "" && o.status == http.StatusNotFound,
		Slow: o.took >= slow, UserAgent: x.agent,
	}
	if o.method == http.MethodPatch && told.Served && !x.trace.HasChanged() && len(o.tolerated) == 0 {
		told.Idle = x.id
	}
	p.watch.Observe(ctx, x.trace, told)
}

// slow is half the time of a function.
const slow = 5 * time.Second

// refusal is a request without a valid token: the external key of its path and what
// is wrong with its token.
type refusal struct {
	key string
	why usage.Observation
}

// refuse records a request without a valid token in the directory with the external
// key of its path, if there is one: see doctor.Watch.Refused.
func (p *provider) refuse(ctx context.Context, x *exchange, o outcome) {
	if x.refused.key == "" {
		return
	}
	directoryID, record := p.watch.Refused(ctx, x.refused.key, x.refused.why)
	if !record {
		return
	}
	line := o.usage()
	line.Request.Reason = x.refused.why.Code
	if err := p.recorder.Refuse(ctx, directoryID, gateway.RequestID(ctx), line); err != nil {
		p.log.LogAttrs(ctx, slog.LevelWarn, "the request was not recorded", slog.String("directory_id", directoryID), slog.String("error", redact.Error(err)))
	}
}

// measure counts the request by status, and its time by method. All requests that no
// route serves count as one operation, so that clients cannot add values to the
// dimension. The log line has the route.
func (p *provider) measure(ctx context.Context, x *exchange, o outcome, ms float64) {
	operation := ""
	if x.served {
		operation = o.method
	}
	properties := metric.Properties{"request_id": gateway.RequestID(ctx)}
	values := append(gateway.Refusals(o.status), metric.Requests.Of(1), metric.Latency.Of(ms))
	if x.trace != nil {
		properties["directory_id"] = x.trace.DirectoryID()
		if n := full(append(x.operations, o)); n > 0 {
			values = append(values, metric.QuotaRefusals.Of(float64(n)))
		}
		if x.trace.HasChanged() {
			values = append(values, metric.ChangesWritten.Of(1))
		}
	}
	p.metrics.Write(metric.Dimensions{metric.Operation: operation, metric.Status: metric.Class(o.status)}, properties, values...)
}

// full counts the outcomes of requests for more objects than the directory may have.
func full(outcomes []outcome) (n int) {
	for _, o := range outcomes {
		if o.failure != nil && o.failure.Kind == fault.Full {
			n++
		}
	}
	return n
}

// addOperation keeps the outcome of an operation of a bulk request, if it
// failed or something of it was tolerated.
func (x *exchange) addOperation(o outcome) {
	o.tolerated = x.trace.TakeTolerated()
	if o.failure != nil || len(o.tolerated) > 0 {
		x.operations = append(x.operations, o)
	}
}

// logPanic logs a panic: redact.Panic says what of its value.
func (p *provider) logPanic(ctx context.Context, v any) {
	p.log.LogAttrs(ctx, slog.LevelError, "panic", slog.String("value", redact.Panic(v)), slog.String("stack", string(debug.Stack())))
}

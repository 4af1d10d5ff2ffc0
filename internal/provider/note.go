package provider

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"runtime/debug"
	"slices"

	"dsync/internal/directory"
	"dsync/internal/gateway"
	"dsync/internal/metric"
)

// methods are those that are logged by name. A client may send any text for one.
var methods = []string{
	http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions,
}

func method(s string) string {
	if slices.Contains(methods, s) {
		return s
	}
	return "other"
}

// note tells the team's log, the metrics and the directory's own records what
// became of a request, whose answer is made.
func (p *provider) note(ctx context.Context, x *exchange, entry []slog.Attr, a directory.Answer) {
	if x.visit != nil {
		entry = append(entry, slog.String("directory_id", x.visit.DirectoryID()), slog.String("token_id", x.visit.TokenID()))
		a.Tolerated = x.visit.Tolerated()
	}
	if x.route != "" {
		entry = append(entry, slog.String("route", x.route))
	}
	if e := a.Refusal; e != nil {
		entry = append(entry, slog.String("scim_type", string(e.Type)))
		if e.Path != "" {
			entry = append(entry, slog.String("path", e.Path))
		}
	}
	level := slog.LevelInfo
	if a.Status >= http.StatusInternalServerError {
		level = slog.LevelError
	}
	if len(a.Tolerated) > 0 {
		entry = append(entry, slog.Any("tolerated", a.Tolerated))
	}
	ms := float64(a.Took.Microseconds()) / 1000
	entry = append(entry, slog.Int("status", a.Status), slog.Float64("ms", ms))
	p.Log.LogAttrs(ctx, level, "request", entry...)
	p.measure(ctx, x, a, ms)
	if x.visit == nil {
		return
	}
	if a.Route == bulkPath && a.Refusal != nil {
		// It was refused as a whole, for one of its operations.
		whole := *a.Refusal
		a.Bulk, whole.Operation = whole.Operation, 0
		a.Refusal = &whole
	}
	p.recorder.Conclude(ctx, x.visit, append(x.operations, a)...)
}

// measure counts the request by what it asked for. What no route serves is one
// sort: callers do not make up operations.
func (p *provider) measure(ctx context.Context, x *exchange, a directory.Answer, ms float64) {
	operation := ""
	if x.served {
		operation = a.Method + " " + a.Route
	}
	properties := metric.Properties{"request_id": gateway.RequestID(ctx)}
	if x.visit != nil {
		properties["directory_id"] = x.visit.DirectoryID()
	}
	p.Metrics.Write(metric.Dimensions{metric.Operation: operation, metric.Status: metric.Class(a.Status)}, properties,
		metric.Requests.Of(1), metric.Latency.Of(ms))
}

// noteOperation keeps what became of an operation of a bulk request, if it was
// refused or something of it was tolerated.
func (x *exchange) noteOperation(a directory.Answer) {
	if a.Tolerated = x.visit.Tolerated(); a.Refusal != nil || len(a.Tolerated) > 0 {
		x.operations = append(x.operations, a)
	}
}

// panicked logs a panic without its value, unless the runtime has made it: it
// might quote the request.
func (p *provider) panicked(ctx context.Context, v any) {
	what := fmt.Sprintf("%T", v)
	if e, ok := v.(runtime.Error); ok {
		what = e.Error()
	}
	p.Log.LogAttrs(ctx, slog.LevelError, "panic", slog.String("value", what), slog.String("stack", string(debug.Stack())))
}

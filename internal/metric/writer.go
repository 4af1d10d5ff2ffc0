package metric

import (
	"encoding/json"
	"io"
	"math"
	"slices"
	"sync"
	"time"
)

const (
	// dimensionValues bounds what a mistake in a caller can cost: each value
	// of a dimension is a metric on the bill. The API has about 40 operations.
	dimensionValues = 64
	// other is what a dimension holds beyond that.
	other = "other"
	// unknown is what a dimension holds that a caller left out: CloudWatch
	// would drop a metric without it.
	unknown = "unknown"
)

// Dimensions are what the values of a line are broken down by.
type Dimensions map[Dimension]string

// Properties are what else a line says. They must marshal to JSON.
type Properties map[string]any

// Writer writes lines. It is safe for concurrent use. A nil Writer writes
// nothing.
type Writer struct {
	function string
	now      func() time.Time

	mu   sync.Mutex
	out  io.Writer
	seen map[Dimension]map[string]bool
}

// New returns a writer of the metrics of that function.
func New(out io.Writer, function string, now func() time.Time) *Writer {
	if function == "" {
		function = unknown
	}
	return &Writer{function: function, now: now, out: out, seen: map[Dimension]map[string]bool{}}
}

// directive is what the format calls a metric directive: metrics that share
// their dimensions.
type directive struct {
	Namespace  string
	Dimensions [][]Dimension
	Metrics    []named
}

type named struct {
	Name string
	Unit Unit
}

// Write writes one line. Each value is broken down by the dimensions that its
// metric declares; what is in d beside them is left out. NaN and infinities,
// which no metric can be, are dropped, and so is a line without a value.
func (w *Writer) Write(d Dimensions, p Properties, values ...Value) {
	if w == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()

	line := map[string]any{}
	for name, value := range p {
		line[name] = value
	}
	var directives []directive
	for _, v := range values {
		if math.IsNaN(v.value) || math.IsInf(v.value, 0) {
			continue
		}
		names := append([]Dimension{Function}, v.metric.Dimensions...)
		i := slices.IndexFunc(directives, func(d directive) bool { return slices.Equal(d.Dimensions[0], names) })
		if i < 0 {
			i = len(directives)
			directives = append(directives, directive{Namespace, [][]Dimension{names}, nil})
		}
		directives[i].Metrics = append(directives[i].Metrics, named{v.metric.Name, v.metric.Unit})
		line[v.metric.Name] = v.value
		for _, name := range v.metric.Dimensions {
			line[string(name)] = w.bounded(name, d[name])
		}
	}
	if len(directives) == 0 {
		return
	}
	line[string(Function)] = w.function
	line["_aws"] = map[string]any{"Timestamp": w.now().UnixMilli(), "CloudWatchMetrics": directives}
	text, err := json.Marshal(line)
	if err != nil {
		return // a property that is no JSON
	}
	_, _ = w.out.Write(append(text, '\n'))
}

// bounded is the value, unless the dimension has taken too many others.
func (w *Writer) bounded(name Dimension, value string) string {
	if value == "" {
		return unknown
	}
	seen := w.seen[name]
	if seen == nil {
		seen = map[string]bool{}
		w.seen[name] = seen
	}
	if !seen[value] {
		if len(seen) == dimensionValues {
			return other
		}
		seen[value] = true
	}
	return value
}

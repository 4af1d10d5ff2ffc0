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
	// maxDimensionValues bounds the cost of a wrong call: CloudWatch charges for
	// each value of a dimension. There are six of Operation.
	maxDimensionValues = 8
	// other replaces further values of a dimension.
	other = "other"
	// unknown replaces a missing value: CloudWatch drops a metric without one.
	unknown = "unknown"
)

// Dimensions are the dimension values of a line.
type Dimensions map[Dimension]string

// Properties are the other fields of a line. They must marshal to JSON.
type Properties map[string]any

// Writer writes metrics. It is safe for concurrent use. A nil Writer writes
// nothing.
type Writer struct {
	function string
	now      func() time.Time

	mu   sync.Mutex
	out  io.Writer
	seen map[Dimension]map[string]bool // values of each dimension
}

// New returns a writer for the metrics of a function.
func New(out io.Writer, function string, now func() time.Time) *Writer {
	if function == "" {
		function = unknown
	}
	return &Writer{function: function, now: now, out: out, seen: map[Dimension]map[string]bool{}}
}

// metricDirective is a MetricDirective object of the format: metrics with the
// same dimensions.
type metricDirective struct {
	Namespace  string
	Dimensions [][]Dimension
	Metrics    []metricDefinition
}

// metricDefinition is a MetricDefinition object of the format.
type metricDefinition struct {
	Name string
	Unit Unit
}

// Write writes one line. Each value gets the dimensions that its metric
// declares; others in d are ignored. NaN and infinities are no metric values and
// are dropped. A line without values is not written.
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
	var directives []metricDirective
	for _, v := range values {
		if math.IsNaN(v.value) || math.IsInf(v.value, 0) {
			continue
		}
		names := append([]Dimension{Function}, v.metric.Dimensions...)
		i := slices.IndexFunc(directives, func(d metricDirective) bool { return slices.Equal(d.Dimensions[0], names) })
		if i < 0 {
			i = len(directives)
			directives = append(directives, metricDirective{Namespace, [][]Dimension{names}, nil})
		}
		directives[i].Metrics = append(directives[i].Metrics, metricDefinition{v.metric.Name, v.metric.Unit})
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
		return // a property does not marshal
	}
	_, _ = w.out.Write(append(text, '\n'))
}

// bounded returns the value, or other if the dimension has maxDimensionValues
// other values.
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
		if len(seen) == maxDimensionValues {
			return other
		}
		seen[value] = true
	}
	return value
}

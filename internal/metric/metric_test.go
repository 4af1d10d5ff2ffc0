package metric

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var noon = time.Date(2026, 5, 4, 12, 0, 0, 123_000_000, time.UTC)

func writer(function string) (*Writer, *bytes.Buffer) {
	out := &bytes.Buffer{}
	return New(out, function, func() time.Time { return noon }), out
}

// check checks a line by the rules of the embedded metric format specification,
// and returns its fields.
func check(t *testing.T, text string) map[string]any {
	t.Helper()
	var line map[string]any
	if err := json.Unmarshal([]byte(text), &line); err != nil {
		t.Fatalf("%v in %q", err, text)
	}
	metadata, ok := line["_aws"].(map[string]any)
	if !ok {
		t.Fatalf("no _aws in %s", text)
	}
	if at, ok := metadata["Timestamp"].(float64); !ok || at != math.Trunc(at) || time.UnixMilli(int64(at)).Year() != noon.Year() {
		t.Errorf("Timestamp %v is not a time in milliseconds", metadata["Timestamp"])
	}
	directives, _ := metadata["CloudWatchMetrics"].([]any)
	if len(directives) == 0 {
		t.Errorf("no metric in %s", text)
	}
	for _, entry := range directives {
		directive := entry.(map[string]any)
		if name, _ := directive["Namespace"].(string); name == "" || len(name) > 1024 {
			t.Errorf("namespace %q", name)
		}
		for _, set := range directive["Dimensions"].([]any) {
			if n := len(set.([]any)); n < 1 || n > 30 {
				t.Errorf("%d dimensions", n)
			}
			for _, name := range set.([]any) {
				if value, ok := line[name.(string)].(string); !ok || value == "" || len(value) > 1024 {
					t.Errorf("dimension %s holds %v", name, line[name.(string)])
				}
			}
		}
		metrics := directive["Metrics"].([]any)
		if len(metrics) == 0 || len(metrics) > 100 {
			t.Errorf("%d metrics", len(metrics))
		}
		for _, entry := range metrics {
			m := entry.(map[string]any)
			if _, ok := line[m["Name"].(string)].(float64); !ok {
				t.Errorf("metric %s holds %v", m["Name"], line[m["Name"].(string)])
			}
			if unit := m["Unit"]; unit != "Count" && unit != "Milliseconds" && unit != "Seconds" {
				t.Errorf("unit %v", unit)
			}
		}
	}
	return line
}

func TestEveryMetricMakesAValidLine(t *testing.T) {
	for _, m := range All() {
		w, out := writer("dsync-dev-Users")
		w.Write(Dimensions{Operation: "POST /Users", Status: Class(201)}, Properties{"directory_id": "directory_1"}, m.Of(3))
		line := check(t, out.String())
		if line[m.Name] != 3.0 {
			t.Errorf("%s is %v", m.Name, line[m.Name])
		}
		if line["directory_id"] != "directory_1" {
			t.Errorf("%s: the property is missing", m.Name)
		}
	}
}

func TestLine(t *testing.T) {
	w, out := writer("dsync-dev-Users")
	w.Write(Dimensions{Operation: "POST /Users", Status: "2xx"}, Properties{"request_id": "r"},
		Requests.Of(1), Latency.Of(12.5), TransactionConflicts.Of(2), EventsLogged.Of(4))
	var got map[string]any
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	metric := func(name, unit string) any { return map[string]any{"Name": name, "Unit": unit} }
	directive := func(dimensions []any, metrics ...any) any {
		return map[string]any{"Namespace": "dsync", "Dimensions": []any{dimensions}, "Metrics": metrics}
	}
	want := map[string]any{
		"_aws": map[string]any{
			"Timestamp": 1777896000123.0,
			"CloudWatchMetrics": []any{
				directive([]any{"FunctionName", "Status"}, metric("Requests", "Count")),
				directive([]any{"FunctionName", "Operation"}, metric("Latency", "Milliseconds")),
				directive([]any{"FunctionName"}, metric("TransactionConflicts", "Count"), metric("EventsLogged", "Count")),
			},
		},
		"FunctionName": "dsync-dev-Users", "Operation": "POST /Users", "Status": "2xx", "request_id": "r",
		"Requests": 1.0, "Latency": 12.5, "TransactionConflicts": 2.0, "EventsLogged": 4.0,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// Missing dimensions, reserved property names and invalid values make no invalid
// line.
func TestInvalidInput(t *testing.T) {
	for _, row := range []struct {
		name  string
		write func(w *Writer)
		want  string // in the line; "" for no line
	}{
		{"dimension missing", func(w *Writer) { w.Write(nil, nil, Requests.Of(1)) }, `"Status":"unknown"`},
		{"dimension empty", func(w *Writer) { w.Write(Dimensions{Operation: ""}, nil, Latency.Of(1)) }, `"Operation":"unknown"`},
		{"property named like a metric", func(w *Writer) { w.Write(nil, Properties{"EventsParked": "x"}, EventsParked.Of(1)) }, `"EventsParked":1`},
		{"property named like the function", func(w *Writer) { w.Write(nil, Properties{"FunctionName": "x"}, EventsParked.Of(1)) }, `"FunctionName":"f"`},
		{"property named like the metadata", func(w *Writer) { w.Write(nil, Properties{"_aws": "x"}, EventsParked.Of(1)) }, `"_aws":{`},
		{"line break in a property", func(w *Writer) { w.Write(nil, Properties{"p": "a\nb"}, EventsParked.Of(1)) }, `"a\nb"`},
		{"one of two values not a number", func(w *Writer) { w.Write(nil, nil, EventsParked.Of(math.NaN()), RelayLag.Of(5)) }, `"RelayLag":5`},
		{"property that does not marshal", func(w *Writer) { w.Write(nil, Properties{"p": func() {}}, EventsParked.Of(1)) }, ""},
		{"no value", func(w *Writer) { w.Write(nil, Properties{"p": 1}) }, ""},
		{"not a number", func(w *Writer) { w.Write(nil, nil, RelayLag.Of(math.NaN())) }, ""},
		{"infinite", func(w *Writer) { w.Write(nil, nil, RelayLag.Of(math.Inf(1))) }, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			w, out := writer("f")
			row.write(w)
			if row.want == "" {
				if out.Len() > 0 {
					t.Errorf("wrote %s", out)
				}
				return
			}
			check(t, out.String())
			if !strings.Contains(out.String(), row.want) {
				t.Errorf("%s lacks %s", out, row.want)
			}
			if strings.Count(out.String(), "\n") != 1 || !strings.HasSuffix(out.String(), "\n") {
				t.Errorf("%q is not one line", out)
			}
		})
	}
	var none *Writer
	none.Write(nil, nil, EventsParked.Of(1))
}

func TestFunctionWithoutAName(t *testing.T) {
	w, out := writer("")
	w.Write(nil, nil, EventsParked.Of(1))
	if line := check(t, out.String()); line["FunctionName"] != "unknown" {
		t.Errorf("the function is %v", line["FunctionName"])
	}
}

func TestDimensionsAreBounded(t *testing.T) {
	w, out := writer("f")
	operation := func(n int) any {
		out.Reset()
		w.Write(Dimensions{Operation: fmt.Sprint("operation ", n)}, nil, Latency.Of(1))
		return check(t, out.String())["Operation"]
	}
	for n := range maxDimensionValues {
		if got := operation(n); got != fmt.Sprint("operation ", n) {
			t.Fatalf("value %d became %v", n+1, got)
		}
	}
	if got := operation(maxDimensionValues); got != other {
		t.Errorf("one value too many became %v", got)
	}
	if got := operation(0); got != "operation 0" {
		t.Errorf("a known value became %v", got)
	}
}

// CloudWatch charges for each value of a dimension, so a dimension that is the
// id of a directory, a user or a token would cost money for each customer.
func TestNoDimensionIsAnID(t *testing.T) {
	identity := regexp.MustCompile(`(?i)directory|organi|user|group|token|key|id$`)
	names := map[string]bool{}
	for _, m := range All() {
		if names[m.Name] || m.Description == "" {
			t.Errorf("%s is declared twice, or has no description", m.Name)
		}
		names[m.Name] = true
		for _, d := range m.Dimensions {
			if identity.MatchString(string(d)) {
				t.Errorf("%s has the dimension %s", m.Name, d)
			}
			if names[string(d)] {
				t.Errorf("%s is a dimension and a metric", d)
			}
		}
	}
}

func TestConcurrentLinesStayWhole(t *testing.T) {
	w, out := writer("f")
	const writers, lines = 8, 200
	var wg sync.WaitGroup
	for n := range writers {
		wg.Go(func() {
			for range lines {
				w.Write(Dimensions{Operation: fmt.Sprint(n)}, Properties{"p": strings.Repeat("x", 100)}, Latency.Of(1))
			}
		})
	}
	wg.Wait()
	all := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	if len(all) != writers*lines {
		t.Fatalf("%d lines, want %d", len(all), writers*lines)
	}
	for _, text := range all {
		check(t, text)
	}
}

func TestClass(t *testing.T) {
	for status, want := range map[int]string{200: "2xx", 299: "2xx", 304: "3xx", 404: "4xx", 503: "5xx"} {
		if got := Class(status); got != want {
			t.Errorf("%d is %s, want %s", status, got, want)
		}
	}
}

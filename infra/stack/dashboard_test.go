package stack

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"dsync/internal/metric"
)

// shownWidget is a widget in the body of the dashboard.
type shownWidget struct {
	Type                string
	X, Y, Width, Height int
	Properties          struct {
		Title, Stat, View, Region string
		Markdown, Query           string
		Period                    int
		Metrics                   [][]any
		Alarms                    []string
	}
}

func shownWidgets(t *testing.T, template template) []shownWidget {
	t.Helper()
	dashboard := template.Resources[template.of("AWS::CloudWatch::Dashboard")[0]]
	var body struct{ Widgets []shownWidget }
	if err := json.Unmarshal([]byte(dashboard.text("DashboardBody")), &body); err != nil {
		t.Fatal(err)
	}
	return body.Widgets
}

var searched = regexp.MustCompile(`^SEARCH\('\{(\w+),([\w,]+)\} MetricName="(\w+)" FunctionName="(\$\{\w+\})"', '\w+', 300\)$`)

// shown parses a line of a graph. In a search expression, dimensions have the value
// "*".
func shown(line []any) (measured, error) {
	m := measured{Dimensions: map[string]string{}}
	if search, ok := line[0].(map[string]any); ok {
		parts := searched.FindStringSubmatch(fmt.Sprint(search["expression"]))
		if parts == nil {
			return m, fmt.Errorf("%v is no search", search["expression"])
		}
		m.Namespace, m.Name = parts[1], parts[3]
		for _, name := range regexp.MustCompile(`\w+`).FindAllString(parts[2], -1) {
			m.Dimensions[name] = "*"
		}
		m.Dimensions["FunctionName"] = parts[4]
		return m, nil
	}
	m.Namespace, m.Name = line[0].(string), line[1].(string)
	rest := line[2:]
	for len(rest) > 1 {
		m.Dimensions[rest[0].(string)], rest = rest[1].(string), rest[2:]
	}
	return m, nil
}

// Every line on the dashboard refers to an existing metric, and graphs do not
// overlap.
func TestDashboard(t *testing.T) {
	template := read(t, synthesized.full)
	r := newReader(template)
	r.system()
	taken := map[[2]int]string{}
	for _, w := range shownWidgets(t, template) {
		title := w.Properties.Title
		if w.Type == "metric" && (w.Properties.Region != "${AWS::Region}" || w.Properties.View != "timeSeries" || w.Properties.Period != 300 || len(w.Properties.Metrics) == 0) {
			t.Errorf("%s: %+v", title, w)
		}
		for x := w.X; x < w.X+w.Width; x++ {
			for y := w.Y; y < w.Y+w.Height; y++ {
				if other := taken[[2]int{x, y}]; other != "" {
					t.Fatalf("%s lies on %s", title, other)
				}
				if taken[[2]int{x, y}] = title; x >= 24 {
					t.Fatalf("%s reaches beyond the page", title)
				}
			}
		}
		for _, line := range w.Properties.Metrics {
			m, err := shown(line)
			if err != nil {
				t.Errorf("%s: %v", title, err)
				continue
			}
			// A graph may show any owner that exists.
			owner := ""
			if f := r.functions[idIn(m.Dimensions["FunctionName"], "")]; f != nil {
				owner = f.Name
			}
			if f := r.functions[idIn(r.at(idIn(m.Dimensions["EventSourceMappingUUID"], "")).text("FunctionName"), "Arn")]; f != nil {
				owner = f.Name
			}
			if queue := idIn(m.Dimensions["QueueName"], "QueueName"); queue != "" {
				owner = r.claimed[queue]
			}
			r.checkMeasured(title, owner, m)
		}
	}
	for _, complaint := range r.complaints {
		t.Error(complaint)
	}
}

// The top of the dashboard has the state of every alarm, and the directories whose
// requests are refused, from the log lines of each function that serves SCIM.
func TestDashboardBeginsWithHealth(t *testing.T) {
	template := read(t, synthesized.full)
	byType := map[string][]shownWidget{}
	for _, w := range shownWidgets(t, template) {
		byType[w.Type] = append(byType[w.Type], w)
		if graph := w.Type == "metric"; graph == (w.Y < overviewHeight) {
			t.Errorf("%s %q is in row %d", w.Type, w.Properties.Title, w.Y)
		}
	}
	if len(byType["text"]) != 1 || !strings.Contains(byType["text"][0].Properties.Markdown, "make console STAGE=dev") {
		t.Errorf("the text is %+v", byType["text"])
	}
	var want []string
	for _, id := range template.of("AWS::CloudWatch::Alarm") {
		want = append(want, "${"+id+".Arn}")
	}
	if len(byType["alarm"]) != 1 {
		t.Fatalf("%d widgets with alarms", len(byType["alarm"]))
	}
	got := byType["alarm"][0].Properties.Alarms
	slices.Sort(got)
	// CloudWatch shows 100 alarms in a widget.
	if !slices.Equal(got, want) || len(got) > 100 {
		t.Errorf("the dashboard has %d alarms, the stack has %d", len(got), len(want))
	}
	r := newReader(template)
	r.system()
	for _, w := range byType["log"] {
		sources := map[string]bool{}
		for _, source := range regexp.MustCompile(`SOURCE '\$\{(\w+)\}'`).FindAllStringSubmatch(w.Properties.Query, -1) {
			sources[r.claimed[source[1]]] = true
		}
		if !maps.Equal(sources, map[string]bool{"users": true, "groups": true, "discovery": true}) {
			t.Errorf("%s reads the logs of %v", w.Properties.Title, sources)
		}
	}
	if len(byType["log"]) != 2 {
		t.Errorf("%d queries", len(byType["log"]))
	}
}

// The queries name attributes that the log line of a request has.
func TestQueriesNameAttributes(t *testing.T) {
	code, err := os.ReadFile("../../internal/provider/accesslog.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"directory_id", "status", "scim_type", "units", "ms"} {
		if !strings.Contains(string(code), fmt.Sprintf("(%q, ", name)) {
			t.Errorf("no log line has %s", name)
		}
	}
}

// Each metric that functions write is on the dashboard or in an alarm, and the
// other way round. An unused metric costs money; a missing one is a line at zero.
func TestEveryMetricIsLookedAt(t *testing.T) {
	declared := map[string]bool{}
	for _, m := range metric.All() {
		declared[m.Name] = true
	}
	used := map[string]bool{}
	template := read(t, synthesized.dev)
	for _, w := range shownWidgets(t, template) {
		for _, line := range w.Properties.Metrics {
			if m, err := shown(line); err == nil && m.Namespace == metric.Namespace {
				used[m.Name] = true
			}
		}
	}
	for _, id := range template.of("AWS::CloudWatch::Alarm") {
		for _, m := range readAlarm(template.Resources[id]).Measures {
			if m.Namespace == metric.Namespace {
				used[m.Name] = true
			}
		}
	}
	if !maps.Equal(declared, used) {
		t.Errorf("declared %v, on the dashboard and in alarms %v", slices.Sorted(maps.Keys(declared)), slices.Sorted(maps.Keys(used)))
	}
}

// Each metric is written somewhere. An alarm on a metric that nobody writes either
// never goes off or never ends.
func TestEveryMetricIsWritten(t *testing.T) {
	var source strings.Builder
	for _, pattern := range []string{"../../internal/*/*.go", "../../functions/*/*.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatal(pattern, err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			code, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			source.Write(code)
		}
	}
	for _, m := range metric.All() {
		if !strings.Contains(source.String(), "metric."+m.Name+".Of(") {
			t.Errorf("nobody writes %s", m.Name)
		}
	}
}

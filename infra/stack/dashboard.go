package stack

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"dsync/infra/topology"
	"dsync/internal/metric"

	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/jsii-runtime-go"
)

// A dashboard is 24 units wide.
const (
	widgetWidth   = 12
	widgetHeight  = 6
	widgetsPerRow = 24 / widgetWidth
)

// widget is one graph.
type widget struct {
	title     string
	statistic string
	lines     []any // entries of "metrics" in the dashboard body
}

// addDashboard adds the dashboard. It answers at its top whether every directory's
// sync is healthy: the state of all alarms, and the directories whose requests are
// refused. Graphs of requests, latency, events, dead letters, errors and capacity
// follow.
func (b *builder) addDashboard() {
	placed := b.overview()
	for i, w := range b.widgets() {
		placed = append(placed, map[string]any{
			"type": "metric", "width": widgetWidth, "height": widgetHeight,
			"x": i % widgetsPerRow * widgetWidth, "y": overviewHeight + i/widgetsPerRow*widgetHeight,
			"properties": map[string]any{
				"title": w.title, "stat": w.statistic, "metrics": w.lines,
				"view": "timeSeries", "period": 300, "region": b.stack.Region(),
			},
		})
	}
	body, err := json.Marshal(map[string]any{"widgets": placed})
	if err != nil {
		panic(err) // maps of strings and numbers marshal
	}
	awscloudwatch.NewCfnDashboard(b.stack, jsii.String("Dashboard"), &awscloudwatch.CfnDashboardProps{
		DashboardName: b.stack.StackName(),
		DashboardBody: jsii.String(string(body)),
	})
}

// The heights of the rows above the graphs.
const (
	textHeight     = 3
	alarmsHeight   = 5
	overviewHeight = textHeight + alarmsHeight + widgetHeight
)

// overview returns the widgets above the graphs.
func (b *builder) overview() []any {
	var arns []any
	for _, alarm := range b.alarms {
		arns = append(arns, alarm.AttrArn())
	}
	text := "# " + *b.stack.StackName() + "\n" +
		"Healthy is: no alarm in the state *In alarm*, and no directory on the left. An alarm's description names its entry in docs/operations.md. " +
		"The console shows the health, the changes and the refused requests of one directory: `make console STAGE=" + b.settings.stage + "`."
	return []any{
		map[string]any{"type": "text", "x": 0, "y": 0, "width": 24, "height": textHeight, "properties": map[string]any{"markdown": text}},
		map[string]any{"type": "alarm", "x": 0, "y": textHeight, "width": 24, "height": alarmsHeight, "properties": map[string]any{
			"title": "Alarms", "alarms": arns, "sortBy": "stateUpdatedTimestamp",
		}},
		b.logTable(0, "Directories with refused requests", "filter ispresent(directory_id) and status >= 400"+
			" | stats count(*) as refused, latest(status) as last_status, latest(scim_type) as last_scim_type, max(@timestamp) as last by directory_id"+
			" | sort refused desc | limit 20"),
		b.logTable(1, "Busiest directories", "filter ispresent(directory_id) and ispresent(units)"+
			" | stats count(*) as requests, sum(units) as units, pct(ms, 95) as p95_ms by directory_id | sort requests desc | limit 20"),
	}
}

// logTable returns a widget with the result of a query on the logs of the functions
// that serve SCIM.
func (b *builder) logTable(column int, title, query string) any {
	var sources []string
	for _, f := range b.system.Functions {
		if slices.Contains(scim, f.Role) {
			sources = append(sources, "SOURCE '"+*b.logs[f.Name].LogGroupName()+"'")
		}
	}
	return map[string]any{
		"type": "log", "x": column * widgetWidth, "y": textHeight + alarmsHeight, "width": widgetWidth, "height": widgetHeight,
		"properties": map[string]any{
			"title": title, "query": strings.Join(sources, " | ") + " | " + query, "view": "table", "region": b.stack.Region(),
		},
	}
}

func (b *builder) widgets() []widget {
	perOwner := func(owners []string, measure func(*builder, string) []series) []any {
		var lines []any
		for _, owner := range owners {
			lines = append(lines, graphLines(measure(b, owner), owner)...)
		}
		return lines
	}
	relayed := func(metrics ...metric.Metric) []any {
		var lines []any
		for _, m := range metrics {
			lines = append(lines, graphLines(ofRelay(m)(b, ""), m.Name)...)
		}
		return lines
	}
	table := func(names ...string) []any {
		var lines []any
		for _, name := range names {
			lines = append(lines, graphLines([]series{{"AWS/DynamoDB", name, []*string{jsii.String("TableName"), b.table.TableName()}}}, name)...)
		}
		return lines
	}
	return []widget{
		{"Requests by status", "Sum", b.search(metric.Requests, "Sum")},
		{"Time in the function by method, p99 (ms)", "p99", b.search(metric.Latency, "p99")},
		{"API: 4xx and 5xx responses", "Sum", append(graphLines(ofAPI("4xx")(b, ""), "4xx"), graphLines(ofAPI("5xx")(b, ""), "5xx")...)},
		{"Requests without a valid token or key (401)", "Sum", perOwner([]string{""}, ofServers(metric.Unauthorized))},
		{"Requests above a limit (429)", "Sum", perOwner([]string{""}, ofServers(metric.RateLimited))},
		{"Users and groups above a quota (413)", "Sum", perOwner([]string{""}, ofSCIM(metric.QuotaRefusals))},
		{"API: latency, p99 (ms)", "p99", graphLines(ofAPI("Latency")(b, ""), "p99")},
		{"Events", "Sum", append(relayed(metric.EventsLogged, metric.EventsPublished, metric.EventsParked, metric.EventsTruncated),
			graphLines(ofFunction(metric.Namespace, metric.EventsRedriven.Name)(b, b.system.ByRole(topology.RedrivesEvents).Name), metric.EventsRedriven.Name)...)},
		{"Requests with changes, and processed records", "Sum", append(perOwner([]string{""}, ofSCIM(metric.ChangesWritten)), relayed(metric.RecordsProcessed)...)},
		{"From the change to the bus, maximum (ms)", "Maximum", relayed(metric.RelayLag)},
		{"Stream lag (ms)", "Maximum", perOwner(streamConsumers(b.system), ofFunction("AWS/Lambda", "IteratorAge"))},
		{"Stream: records that failed", "Sum", perOwner(streamConsumers(b.system), ofMapping("FailedInvokeEventCount"))},
		{"Stream: records given up", "Sum", perOwner(streamConsumers(b.system), ofMapping("OnFailureDestinationDeliveredEventCount"))},
		{"Messages in dead-letter queues", "Maximum", perOwner(b.system.DeadLetterOwners(), ofQueue)},
		{"Functions: errors", "Sum", perOwner(functions(b.system), ofFunction("AWS/Lambda", "Errors"))},
		{"Functions: throttles", "Sum", perOwner(functions(b.system), ofFunction("AWS/Lambda", "Throttles"))},
		{"Functions: duration, p99 (ms)", "p99", perOwner(functions(b.system), ofFunction("AWS/Lambda", "Duration"))},
		{"Transaction conflicts", "Sum", perOwner(functions(b.system), ofFunction(metric.Namespace, metric.TransactionConflicts.Name))},
		{"Jobs: age of the oldest (s)", "Maximum", graphLines(ofJobs(metric.OldestJobAge)(b, ""), metric.OldestJobAge.Name)},
		{"Jobs: failed", "Sum", graphLines(ofJobs(metric.JobsFailed)(b, ""), metric.JobsFailed.Name)},
		{"Table: units consumed", "Sum", table("ConsumedReadCapacityUnits", "ConsumedWriteCapacityUnits")},
		{"Table: throttled", "Sum", graphLines(ofTableThrottles(b, ""), "")},
	}
}

// graphLines returns series as entries of "metrics" in the dashboard body. An
// empty label selects CloudWatch's default.
func graphLines(all []series, label string) []any {
	var lines []any
	for _, s := range all {
		line := []any{s.namespace, s.name}
		for _, part := range s.dimensions {
			line = append(line, *part)
		}
		if label != "" {
			line = append(line, map[string]any{"label": label})
		}
		lines = append(lines, line)
	}
	return lines
}

// search returns search expressions for a metric with all its values of operation
// and status, which a template cannot list.
func (b *builder) search(m metric.Metric, statistic string) []any {
	dimensions := []string{metric.Namespace, string(metric.Function)}
	for _, name := range m.Dimensions {
		dimensions = append(dimensions, string(name))
	}
	var lines []any
	for _, f := range b.system.Functions {
		if len(f.Routes) > 0 {
			lines = append(lines, []any{map[string]any{"label": f.Name, "expression": fmt.Sprintf(
				`SEARCH('{%s} MetricName="%s" FunctionName="%s"', '%s', 300)`,
				strings.Join(dimensions, ","), m.Name, *b.functions[f.Name].FunctionName(), statistic)}})
		}
	}
	return lines
}

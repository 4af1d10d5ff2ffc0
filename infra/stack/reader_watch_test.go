package stack

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"dsync/infra/topology"
	"dsync/internal/metric"

	gocmp "github.com/google/go-cmp/cmp"
)

// measured is one metric of an alarm or of the dashboard.
type measured struct {
	Namespace, Name string
	Dimensions      map[string]string // name → what it resolves to
}

// alarm is one alarm of the template. Its metrics, m1, m2, …, differ only in name
// and dimensions.
type alarm struct {
	Measures    []measured
	Expressions []expression // the first is the value; none if there is one metric
	Statistic   string
	Period      time.Duration
	Threshold   float64
	Late, Of    int
	Topics      []string
	Comparison  string
	Missing     string
	LowSamples  string // EvaluateLowSampleCountPercentile
}

// dimensions are the sets of dimensions of AWS metrics, by namespace. A metric has
// no data with any other set.
var dimensions = map[string][][]string{
	"AWS/Lambda":     {{"FunctionName"}, {"EventSourceMappingUUID"}},
	"AWS/SQS":        {{"QueueName"}},
	"AWS/Events":     {{"EventBusName", "RuleName"}},
	"AWS/ApiGateway": {{"ApiId"}},
	"AWS/DynamoDB":   {{"TableName"}, {"TableName", "GlobalSecondaryIndexName"}, {"TableName", "Operation"}},
}

// readAlarms claims the alarms and compares them with alarmTypes, in both
// directions. It checks the metrics of each alarm.
func (r *reader) readAlarms(system topology.System) {
	stackName := "dsync-" + string(r.settings.stage) + "-"
	want := map[string]alarmType{}
	owners := map[string]string{}
	for _, k := range alarmTypes {
		for _, owner := range k.owners(system) {
			want[alarmName(k, owner)], owners[alarmName(k, owner)] = k, owner
		}
	}
	for _, id := range r.of("AWS::CloudWatch::Alarm") {
		resource := r.claim(id, "AWS::CloudWatch::Alarm", "the inventory")
		name, _ := strings.CutPrefix(resource.text("AlarmName"), stackName)
		k, known := want[name]
		if !known {
			r.complain("alarm %s is not in the inventory, or twice in the template", name)
			continue
		}
		delete(want, name)
		if !strings.Contains(resource.text("AlarmDescription"), "docs/operations.md, "+k.name+".") {
			r.complain("alarm %s does not lead to its entry in the runbook", name)
		}
		got := readAlarm(resource)
		expected := alarm{
			Measures: got.Measures, Statistic: k.statistic, Period: k.period, Threshold: k.threshold,
			Late: k.datapoints, Of: k.periods, Topics: got.Topics,
			Comparison: "GreaterThanThreshold", Missing: cmp.Or(k.withoutData, "notBreaching"),
		}
		if k.statistic[0] == 'p' {
			expected.LowSamples = "evaluate"
		}
		if n := len(got.Measures); expressions[k.name] != nil {
			expected.Expressions = expressions[k.name](n)
		} else if n > 1 {
			expected.Expressions = added(n)
		}
		if diff := gocmp.Diff(expected, got, gocmp.AllowUnexported(expression{})); diff != "" {
			r.complain("alarm %s (-inventory +template):\n%s", name, diff)
		}
		r.readActions(name, got.Topics)
		for _, m := range got.Measures {
			r.checkMeasured(name, owners[name], m)
		}
	}
	for name := range want {
		r.complain("alarm %s is not in the template", name)
	}
}

// readActions reads the actions of an alarm: one topic, or none.
func (r *reader) readActions(name string, topics []string) {
	topic := ""
	if ids := r.of("AWS::SNS::Topic"); len(ids) == 1 {
		topic = "${" + ids[0] + "}"
	} else if len(topics) > 0 {
		r.settings.alarmTopic, topic = topics[0], topics[0]
	}
	if want := []string{topic, topic}; topic != "" && !gocmp.Equal(want, topics) || topic == "" && len(topics) > 0 {
		r.complain("alarm %s goes to %v", name, topics)
	}
}

func readAlarm(resource *resource) alarm {
	a := alarm{
		Statistic:  resource.text("Statistic") + resource.text("ExtendedStatistic"),
		Period:     time.Duration(resource.number("Period")) * time.Second,
		Late:       resource.number("DatapointsToAlarm"),
		Of:         resource.number("EvaluationPeriods"),
		Topics:     append(texts(resource.get("AlarmActions")), texts(resource.get("OKActions"))...),
		Comparison: resource.text("ComparisonOperator"),
		Missing:    resource.text("TreatMissingData"),
		LowSamples: resource.text("EvaluateLowSampleCountPercentile"),
	}
	a.Threshold, _ = resource.get("Threshold").(float64)
	if resource.get("Metrics") == nil {
		a.Measures = []measured{readMeasured(resource.Properties)}
		return a
	}
	for _, query := range list(resource.get("Metrics")) {
		id := resolve(walk(query, "Id"))
		if (walk(query, "ReturnData") == true) != (len(a.Expressions) == 0) {
			a.Comparison = "of " + id
		}
		if walk(query, "MetricStat") == nil {
			a.Expressions = append(a.Expressions, expression{id, resolve(walk(query, "Expression"))})
			continue
		}
		if want := fmt.Sprintf("m%d", len(a.Measures)+1); id != want {
			a.Comparison = "with " + id + " instead of " + want
		}
		a.Statistic = resolve(walk(query, "MetricStat", "Stat"))
		seconds, _ := walk(query, "MetricStat", "Period").(float64)
		a.Period = time.Duration(seconds) * time.Second
		a.Measures = append(a.Measures, readMeasured(walk(query, "MetricStat", "Metric")))
	}
	return a
}

func readMeasured(value any) measured {
	m := measured{resolve(walk(value, "Namespace")), resolve(walk(value, "MetricName")), map[string]string{}}
	for _, d := range list(walk(value, "Dimensions")) {
		m.Dimensions[resolve(walk(d, "Name"))] = resolve(walk(d, "Value"))
	}
	return m
}

// checkMeasured checks that the metric exists with these dimensions and belongs to
// the owner.
func (r *reader) checkMeasured(name, owner string, m measured) {
	sets := dimensions[m.Namespace]
	if m.Namespace == metric.Namespace {
		for _, declared := range metric.All() {
			if declared.Name == m.Name {
				set := []string{string(metric.Function)}
				for _, d := range declared.Dimensions {
					set = append(set, string(d))
				}
				sets = [][]string{set}
			}
		}
	}
	fits := false
	for _, set := range sets {
		all := len(set) == len(m.Dimensions)
		for _, d := range set {
			all = all && m.Dimensions[d] != ""
		}
		fits = fits || all
	}
	if !fits {
		r.complain("%s: %s %s has no data under %v", name, m.Namespace, m.Name, m.Dimensions)
	}
	for d, value := range m.Dimensions {
		if complaint := r.checkDimension(owner, m.Name, d, value); complaint != "" {
			r.complain("%s measures %s %s: %s", name, d, value, complaint)
		}
	}
}

// writers are the roles of the functions that write the metrics of alarms of the
// whole system.
var writers = map[string][]topology.Role{
	metric.ChangesWritten.Name:   {topology.ServesUsers, topology.ServesGroups, topology.ServesDiscovery},
	metric.QuotaRefusals.Name:    {topology.ServesUsers, topology.ServesGroups, topology.ServesDiscovery},
	metric.RecordsProcessed.Name: {topology.RelaysEvents},
	metric.EventsParked.Name:     {topology.RelaysEvents},
	metric.RelayLag.Name:         {topology.RelaysEvents},
	metric.OldestJobAge.Name:     {topology.RunsJobs},
	metric.JobsFailed.Name:       {topology.RunsJobs},
	metric.Unauthorized.Name:     {topology.ServesUsers, topology.ServesGroups, topology.ServesDiscovery, topology.ServesREST, topology.ServesConsole, topology.ServesSetup},
	metric.RateLimited.Name:      {topology.ServesUsers, topology.ServesGroups, topology.ServesDiscovery, topology.ServesREST, topology.ServesConsole, topology.ServesSetup},
}

func (r *reader) checkDimension(owner, measure, name, value string) string {
	whose := ""
	if value == "*" && (name == string(metric.Operation) || name == string(metric.Status)) {
		return "" // a search expression
	}
	switch name {
	case "FunctionName":
		if f := r.functions[idIn(value, "")]; f != nil {
			whose = f.Name
			if owner == "" && slices.Contains(writers[measure], f.Role) {
				return ""
			}
		}
	case "EventSourceMappingUUID":
		if mapping := r.at(idIn(value, "")); mapping.Type == "AWS::Lambda::EventSourceMapping" {
			if f := r.functions[idIn(mapping.text("FunctionName"), "Arn")]; f != nil {
				whose = f.Name
			}
		}
	case "QueueName":
		whose = r.claimed[idIn(value, "QueueName")]
	case "RuleName":
		for _, id := range r.of("AWS::Events::Rule") {
			if r.Resources[id].text("Name") == value {
				whose = value
			}
		}
	case "EventBusName":
		owner, whose = "${"+r.bus+"}", value
	case "ApiId":
		owner, whose = "${"+r.api+"}", value
	case "TableName":
		owner, whose = "${"+r.table+"}", value
	case "GlobalSecondaryIndexName":
		whose = value
		for _, index := range list(r.at(r.table).get("GlobalSecondaryIndexes")) {
			owner = resolve(walk(index, "IndexName"))
		}
	case "Operation":
		if !r.grantsOperation(value) {
			return "no function may call it"
		}
		return ""
	default:
		return "is no dimension"
	}
	if whose != owner {
		return fmt.Sprintf("belongs to %q, not to %q", whose, owner)
	}
	return ""
}

func (r *reader) grantsOperation(operation string) bool {
	for _, f := range r.functions {
		for _, g := range f.Grants {
			for _, action := range g.Actions {
				if action == "dynamodb:"+operation {
					return true
				}
			}
		}
	}
	return operation == "TransactWriteItems"
}

package stack

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"dsync/infra/topology"
	"dsync/internal/metric"

	"github.com/aws/jsii-runtime-go"
)

// alarmType describes alarms of one type, one for each owner. docs/operations.md
// has an entry for each type, which also says why missing data is treated so.
type alarmType struct {
	name string
	// owners returns the functions or rules that have such an alarm. An alarm of
	// the whole system has the owner "".
	owners func(s topology.System) []string
	// metrics returns the metrics of the alarm. Their values are added up, unless
	// expressions says otherwise.
	metrics   func(b *builder, owner string) []series
	statistic string
	// The alarm goes off when the value is above the threshold in datapoints of
	// periods. Functions run only when there is work, so a period without data is
	// within the threshold, unless withoutData says otherwise.
	threshold           float64
	period              time.Duration
	datapoints, periods int
	withoutData         string // TreatMissingData; "" for notBreaching
	description         string
}

// breaching is the TreatMissingData of metrics that never pause.
const breaching = "breaching"

// silence is the threshold of alarms that go off for missing data alone.
const silence = math.MaxInt32

// series is a CloudWatch metric with its dimensions: name, value, name, value …
type series struct {
	namespace, name string
	dimensions      []*string
}

const minute = time.Minute

// alarmTypes lists the alarms. The threshold is zero where a healthy system never
// exceeds it. Percentiles are for metrics with many values only: an alarm of a few
// values is an alarm of their maximum.
var alarmTypes = []alarmType{
	{"errors", functions, ofFunction("AWS/Lambda", "Errors"), "Sum", 0, 5 * minute, 1, 1, "",
		"The function crashed, timed out or ran out of memory."},
	{"throttles", functions, ofFunction("AWS/Lambda", "Throttles"), "Sum", 0, 5 * minute, 2, 3, "",
		"Lambda refused to start the function: its reserved concurrency or the account's is exhausted."},
	// Three of five, because a batch that is retried has not a value each minute.
	{"iterator-age", streamConsumers, ofFunction("AWS/Lambda", "IteratorAge"), "Maximum", 60_000, minute, 3, 5, "",
		"The function is more than a minute behind the stream. The stream deletes records after 24 hours."},
	{"failed-records", streamConsumers, ofMapping("FailedInvokeEventCount"), "Sum", 0, minute, 3, 5, "",
		"The function keeps failing on stream records. Batch item failures are no errors of the function."},
	{"given-up", streamConsumers, ofMapping("OnFailureDestinationDeliveredEventCount"), "Sum", 0, 5 * minute, 1, 1, "",
		"Lambda gave up on stream records. They are in the failure bucket for 30 days."},
	{"lost-records", streamConsumers, ofLostRecords, "Sum", 0, 5 * minute, 1, 1, "",
		"Lambda gave up on stream records and could not write them to the failure bucket."},
	// Lambda writes the metric for a poll without records, too.
	{"not-polling", streamConsumers, ofMapping("PolledEventCount"), "Sum", silence, 5 * minute, 3, 3, breaching,
		"Lambda does not read the stream: the event source mapping is disabled or gone."},
	{"relay-stopped", once, ofHeartbeat, "Sum", 0, 15 * minute, 1, 2, "",
		"Requests changed something, and the relay has processed no stream record for 15 minutes."},
	{"dead-letters", topology.System.DeadLetterOwners, ofQueue, "Maximum", 0, 5 * minute, 1, 1, "",
		"A message could not be processed. It stays in the queue for 14 days."},
	{"failed-deliveries", rules, ofRule, "Sum", 0, 5 * minute, 1, 1, "",
		"EventBridge could not deliver events of the rule, and could not put them into the rule's dead-letter queue."},
	{"events-parked", once, ofRelay(metric.EventsParked), "Sum", 0, 5 * minute, 1, 1, "",
		"The relay parked events or records that no retry can fix."},
	// Events normally reach the bus within two seconds of their change.
	{"relay-lag", once, ofRelay(metric.RelayLag), "Maximum", 60_000, minute, 3, 5, "",
		"Events reach the bus more than a minute after their change."},
	// The sweep writes the metric each minute, also without jobs.
	{"oldest-job", once, ofJobs(metric.OldestJobAge), "Maximum", 3600, 5 * minute, 3, 5, breaching,
		"A job is not done an hour after its start, or the sweep of jobs does not run."},
	{"failed-jobs", once, ofJobs(metric.JobsFailed), "Sum", 0, 5 * minute, 1, 1, "",
		"A job was given up."},
	{"table-throttles", once, ofTableThrottles, "Sum", 0, 5 * minute, 2, 3, "",
		"DynamoDB throttled reads or writes: the limit of a partition key or of the account is exceeded."},
	{"table-errors", once, ofTableErrors, "Sum", 0, 5 * minute, 2, 3, "",
		"DynamoDB has internal errors."},
	// Entra retries, so a few errors during a short outage need no action.
	{"http-errors", once, ofAPI("5xx"), "Sum", 5, 5 * minute, 1, 1, "",
		"More than five requests got a 5xx response."},
	// A customer's Entra with an expired token sends fewer: it slows down.
	{"unauthorized", once, ofServers(metric.Unauthorized), "Sum", 500, 5 * minute, 3, 3, "",
		"More than 500 requests in five minutes have no valid token or key, again and again."},
	// Entra sends less than a directory may send.
	{"rate-limited", once, ofServers(metric.RateLimited), "Sum", 500, 5 * minute, 3, 3, "",
		"More than 500 requests in five minutes are above a limit, again and again."},
	// Half of the timeout of the functions. Of a few requests, p99 is the slowest.
	{"http-latency", once, ofAPI("Latency"), "p99", 5_000, 5 * minute, 3, 5, "",
		"One request in a hundred takes more than five seconds."},
}

// expressions are the metric math of alarm types that do not add up their metrics:
// functions of the number of metrics, which are m1, m2, … The first expression is
// the value of the alarm.
var expressions = map[string]func(metrics int) []expression{"relay-stopped": heartbeat}

// expression is a metric math expression of CloudWatch with its id.
type expression struct{ id, text string }

// heartbeat returns the expressions on n metrics, of which the last counts
// processed records and the others count changes. The value is 1 if there was a
// change in the period before the last, and no record was processed in either.
// Comparing one period alone would take a change in its last second for one that
// is not processed. x - DIFF(x) is the value of the period before.
func heartbeat(n int) []expression {
	var written []string
	for i := range n - 1 {
		written = append(written, fmt.Sprintf("FILL(m%d, 0)", i+1))
	}
	return []expression{
		{"stopped", "IF(written - DIFF(written) > 0 AND processed == 0 AND processed - DIFF(processed) == 0, 1, 0)"},
		{"written", strings.Join(written, " + ")},
		{"processed", fmt.Sprintf("FILL(m%d, 0)", n)},
	}
}

// added adds up n metrics. Metrics without data count as zero.
func added(int) []expression { return []expression{{"sum", "SUM(METRICS())"}} }

// alarmName returns the name of an alarm without the prefix of the stack.
func alarmName(k alarmType, owner string) string { return strings.TrimPrefix(owner+"-"+k.name, "-") }

func once(topology.System) []string { return []string{""} }

func functions(s topology.System) []string {
	return functionNames(s, func(topology.Function) bool { return true })
}

// functionNames returns the names of the functions that fulfil a condition.
func functionNames(s topology.System, include func(topology.Function) bool) []string {
	var names []string
	for _, f := range s.Functions {
		if include(f) {
			names = append(names, f.Name)
		}
	}
	return names
}

func rules(s topology.System) []string {
	var names []string
	for _, r := range s.Rules {
		names = append(names, r.Name)
	}
	return names
}

func ofFunction(namespace, name string) func(*builder, string) []series {
	return func(b *builder, owner string) []series {
		return []series{{namespace, name, []*string{jsii.String(string(metric.Function)), b.functions[owner].FunctionName()}}}
	}
}

func ofRole(role topology.Role, m metric.Metric) func(*builder, string) []series {
	return func(b *builder, _ string) []series {
		return ofFunction(metric.Namespace, m.Name)(b, b.system.ByRole(role).Name)
	}
}

func ofRelay(m metric.Metric) func(*builder, string) []series {
	return ofRole(topology.RelaysEvents, m)
}

func ofJobs(m metric.Metric) func(*builder, string) []series { return ofRole(topology.RunsJobs, m) }

// ofMapping returns a metric of the event source mapping from the stream.
func ofMapping(name string) func(*builder, string) []series {
	return func(b *builder, owner string) []series {
		return []series{{"AWS/Lambda", name, []*string{jsii.String("EventSourceMappingUUID"), b.mappings[owner].Ref()}}}
	}
}

// ofLostRecords returns the metrics of records that Lambda could not write to the
// failure bucket.
func ofLostRecords(b *builder, owner string) []series {
	return append(ofMapping("DroppedEventCount")(b, owner), ofFunction("AWS/Lambda", "DestinationDeliveryFailures")(b, owner)...)
}

// ofHeartbeat returns the metrics of heartbeat: the changes of each function that
// serves SCIM, then the records of the relay.
func ofHeartbeat(b *builder, owner string) []series {
	return append(ofSCIM(metric.ChangesWritten)(b, owner), ofRelay(metric.RecordsProcessed)(b, owner)...)
}

// ofSCIM returns a metric of each function that serves SCIM.
func ofSCIM(m metric.Metric) func(*builder, string) []series {
	return func(b *builder, owner string) []series {
		var all []series
		for _, role := range scim {
			if b.system.ByRole(role) != nil {
				all = append(all, ofRole(role, m)(b, owner)...)
			}
		}
		return all
	}
}

// scim are the roles of the functions that serve SCIM.
var scim = []topology.Role{topology.ServesUsers, topology.ServesGroups, topology.ServesDiscovery}

// ofServers returns a metric of each function that serves HTTP.
func ofServers(m metric.Metric) func(*builder, string) []series {
	return func(b *builder, owner string) []series {
		var all []series
		for _, f := range b.system.Functions {
			if len(f.Routes) > 0 {
				all = append(all, ofFunction(metric.Namespace, m.Name)(b, f.Name)...)
			}
		}
		return all
	}
}

func ofQueue(b *builder, owner string) []series {
	return []series{{"AWS/SQS", "ApproximateNumberOfMessagesVisible", []*string{jsii.String("QueueName"), b.deadLetters[owner].QueueName()}}}
}

// ofRule returns the metrics of events that were lost. Events in the dead-letter
// queue have an alarm of their own.
func ofRule(b *builder, owner string) []series {
	rule := []*string{jsii.String("EventBusName"), b.bus.EventBusName(), jsii.String("RuleName"), b.rules[owner].Name()}
	return []series{{"AWS/Events", "FailedInvocations", rule}, {"AWS/Events", "InvocationsFailedToBeSentToDlq", rule}}
}

func ofAPI(name string) func(*builder, string) []series {
	return func(b *builder, _ string) []series {
		return []series{{"AWS/ApiGateway", name, []*string{jsii.String("ApiId"), b.api.Ref()}}}
	}
}

func ofTableThrottles(b *builder, _ string) []series {
	table := []*string{jsii.String("TableName"), b.table.TableName()}
	index := append(slices.Clone(table), jsii.String("GlobalSecondaryIndexName"), &b.system.Table.Index.Name)
	return []series{
		{"AWS/DynamoDB", "ReadThrottleEvents", table}, {"AWS/DynamoDB", "WriteThrottleEvents", table},
		{"AWS/DynamoDB", "ReadThrottleEvents", index}, {"AWS/DynamoDB", "WriteThrottleEvents", index},
	}
}

// ofTableErrors returns the metrics of all operations that the functions call:
// DynamoDB has SystemErrors by operation only.
func ofTableErrors(b *builder, _ string) []series {
	var all []series
	for _, operation := range tableOperations(b.system) {
		all = append(all, series{"AWS/DynamoDB", "SystemErrors", []*string{
			jsii.String("TableName"), b.table.TableName(), jsii.String("Operation"), &operation,
		}})
	}
	return all
}

// tableOperations returns the operations on the table that a function may call.
// TransactWriteItems is authorized by the actions of its items.
func tableOperations(s topology.System) []string {
	operations := []string{"TransactWriteItems"}
	for _, f := range s.Functions {
		for _, g := range f.Grants {
			for _, action := range g.Actions {
				// A condition check is an item of a transaction.
				if operation, found := strings.CutPrefix(action, "dynamodb:"); found && operation != "ConditionCheckItem" {
					operations = append(operations, operation)
				}
			}
		}
	}
	slices.Sort(operations)
	return slices.Compact(operations)
}

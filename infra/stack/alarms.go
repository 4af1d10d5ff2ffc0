package stack

import (
	"slices"
	"strings"
	"time"

	"dsync/infra/topology"
	"dsync/internal/metric"

	"github.com/aws/jsii-runtime-go"
)

// alarmType describes alarms of one type, one for each owner. docs/operations.md
// has an entry for each type.
type alarmType struct {
	name string
	// owners returns the functions or rules that have such an alarm. An alarm of
	// the whole system has the owner "".
	owners func(s topology.System) []string
	// metrics returns the metrics that the alarm adds up.
	metrics   func(b *builder, owner string) []series
	statistic string
	// The alarm goes off when the value is above the threshold in datapoints of
	// periods.
	threshold           float64
	period              time.Duration
	datapoints, periods int
	description         string
}

// series is a CloudWatch metric with its dimensions: name, value, name, value …
type series struct {
	namespace, name string
	dimensions      []*string
}

const minute = time.Minute

// alarmTypes lists the alarms. The threshold is zero where a healthy system never
// exceeds it.
var alarmTypes = []alarmType{
	{"errors", functions, ofFunction("AWS/Lambda", "Errors"), "Sum", 0, 5 * minute, 1, 1,
		"The function crashed, timed out or ran out of memory."},
	{"throttles", functions, ofFunction("AWS/Lambda", "Throttles"), "Sum", 0, 5 * minute, 2, 3,
		"Lambda refused to start the function: its reserved concurrency or the account's is exhausted."},
	{"iterator-age", streamConsumers, ofFunction("AWS/Lambda", "IteratorAge"), "Maximum", 60_000, minute, 5, 5,
		"The function is more than a minute behind the stream. The stream deletes records after 24 hours."},
	{"dead-letters", topology.System.DeadLetterOwners, ofQueue, "Maximum", 0, 5 * minute, 1, 1,
		"A message could not be processed. It stays in the queue for 14 days."},
	{"failed-deliveries", rules, ofRule, "Sum", 0, 5 * minute, 1, 1,
		"EventBridge could not deliver events of the rule, and could not put them into the rule's dead-letter queue."},
	{"events-parked", once, ofRelay(metric.EventsParked), "Sum", 0, 5 * minute, 1, 1,
		"The relay sent events that no retry can fix to its dead-letter queue."},
	// Events normally reach the bus within two seconds of their change.
	{"relay-lag", once, ofRelay(metric.RelayLag), "p90", 60_000, 5 * minute, 3, 3,
		"Events reach the bus more than a minute after their change."},
	{"table-throttles", once, ofTableThrottles, "Sum", 0, 5 * minute, 2, 3,
		"DynamoDB throttled reads or writes: the limit of a partition key or of the account is exceeded."},
	{"table-errors", once, ofTableErrors, "Sum", 0, 5 * minute, 2, 3,
		"DynamoDB has internal errors."},
	// Entra retries, so a few errors during a short outage need no action.
	{"http-errors", once, ofAPI("5xx"), "Sum", 5, 5 * minute, 1, 1,
		"More than five requests got a 5xx response."},
	// Half of the timeout of the functions.
	{"http-latency", once, ofAPI("Latency"), "p99", 5_000, 5 * minute, 3, 3,
		"One request in a hundred takes more than five seconds."},
}

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

func ofRelay(m metric.Metric) func(*builder, string) []series {
	return func(b *builder, _ string) []series {
		return ofFunction(metric.Namespace, m.Name)(b, b.system.ByRole(topology.RelaysEvents).Name)
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
				if operation, found := strings.CutPrefix(action, "dynamodb:"); found {
					operations = append(operations, operation)
				}
			}
		}
	}
	slices.Sort(operations)
	return slices.Compact(operations)
}

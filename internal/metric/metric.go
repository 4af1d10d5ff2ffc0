// Package metric writes metrics in the embedded metric format of CloudWatch: a
// function writes log lines to its standard output, and CloudWatch extracts the
// metrics from them. No API call is made.
//
// Promises:
//
//   - One call writes one whole line, also from concurrent goroutines.
//   - The cost is bounded. CloudWatch charges for each distinct set of dimension
//     values, so all metrics and their dimensions are declared here, no
//     dimension is an id, and a dimension has at most maxDimensionValues values
//     in a process. Ids are properties, which are searchable in the logs and
//     make no metric.
//   - A failed write loses the line and nothing else.
//
// Source: CloudWatch User Guide, "Specification: Embedded metric format".
package metric

import "strconv"

// Namespace is the CloudWatch namespace of every metric.
const Namespace = "dsync"

// Dimension is the name of a dimension of a metric.
type Dimension string

// The dimensions.
const (
	// Function is a dimension of every metric: the stages of an account share
	// the namespace, and the names of their functions differ.
	Function Dimension = "FunctionName"
	// Operation is the method of a request that a route serves. The number of values
	// is the number of methods, whatever routes there are: see Series.
	Operation Dimension = "Operation"
	// Status is the class of an HTTP status code: see Class.
	Status Dimension = "Status"
)

// Unit is a CloudWatch unit.
type Unit string

// The units.
const (
	Count        Unit = "Count"
	Milliseconds Unit = "Milliseconds"
	Seconds      Unit = "Seconds"
)

// Metric is a declared metric.
type Metric struct {
	Name        string
	Unit        Unit
	Dimensions  []Dimension // in addition to Function
	Description string
}

// The metrics.
var (
	Requests = Metric{"Requests", Count, []Dimension{Status},
		"requests that got a response"}
	Latency = Metric{"Latency", Milliseconds, []Dimension{Operation},
		"time from the request in the function to the response"}
	// Unauthorized and RateLimited are not written for requests that API Gateway
	// refuses by itself.
	Unauthorized = Metric{"Unauthorized", Count, nil,
		"requests without a valid token or key, which got 401"}
	RateLimited = Metric{"RateLimited", Count, nil,
		"requests above a limit, or with too many concurrent changes, which got 429"}
	QuotaRefusals = Metric{"QuotaRefusals", Count, nil,
		"users and groups that were not created because their directory has as many as it may have"}
	TransactionConflicts = Metric{"TransactionConflicts", Count, nil,
		"writes retried because of a conflict with another transaction"}
	// ChangesWritten and RecordsProcessed belong together: an alarm compares them.
	ChangesWritten = Metric{"ChangesWritten", Count, nil,
		"requests that changed users, groups or memberships"}
	RecordsProcessed = Metric{"RecordsProcessed", Count, nil,
		"stream records that the relay is done with: logged, parked, or without an event"}
	EventsLogged = Metric{"EventsLogged", Count, nil,
		"events appended to the log"}
	EventsPublished = Metric{"EventsPublished", Count, nil,
		"events accepted by the event bus"}
	EventsParked = Metric{"EventsParked", Count, nil,
		"events and records that can never be processed, sent to the dead-letter queue or the failure bucket"}
	EventsTruncated = Metric{"EventsTruncated", Count, nil,
		"events that were too large and were logged without some of their data"}
	RelayLag = Metric{"RelayLag", Milliseconds, nil,
		"time from the change to its event on the event bus"}
	EventsRedriven = Metric{"EventsRedriven", Count, nil,
		"events published again by an operator"}
	// OldestJobAge is written by every sweep, also with the value 0: an alarm goes
	// off without it.
	OldestJobAge = Metric{"OldestJobAge", Seconds, nil,
		"age of the oldest running job; 0 if none runs"}
	JobsFailed = Metric{"JobsFailed", Count, nil,
		"jobs that were stopped before their end"}
)

// All returns every metric.
func All() []Metric {
	return []Metric{
		Requests, Latency, Unauthorized, RateLimited, QuotaRefusals, TransactionConflicts, ChangesWritten,
		RecordsProcessed, EventsLogged, EventsPublished, EventsParked, EventsTruncated, RelayLag, EventsRedriven,
		OldestJobAge, JobsFailed,
	}
}

// Series is how many series a function can write of the metric. CloudWatch charges
// for each.
func (m Metric) Series() int {
	n := 1
	for _, d := range m.Dimensions {
		n *= values[d]
	}
	return n
}

// values is how many values a dimension has: the methods that a route serves and
// unknown, and the classes of status codes that a function answers with.
var values = map[Dimension]int{Operation: 6, Status: 4}

// Of returns a value of the metric, in its unit.
func (m Metric) Of(v float64) Value { return Value{m, v} }

// Value is one value of a metric.
type Value struct {
	metric Metric
	value  float64
}

// Class is the class of an HTTP status code: "2xx" for 201.
func Class(status int) string { return strconv.Itoa(status/100) + "xx" }

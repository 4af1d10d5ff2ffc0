// Package metric counts what happens, as lines in the embedded metric format
// of CloudWatch: a function writes them to its standard output and CloudWatch
// makes metrics of them, with no call and no waiting.
//
// It promises: one call is one line, whole, also when many goroutines write.
// A metric costs money for each different set of dimensions, so which there
// are is declared here, no dimension holds an id, and none takes more than
// dimensionValues values in a process. What identifies a request or a
// directory goes into the properties, which are searched in the logs and cost
// nothing. A line that cannot be written is lost; the request is not.
package metric

import "strconv"

// Namespace is the CloudWatch namespace of every metric.
const Namespace = "dsync"

// Dimension is what a metric is broken down by.
type Dimension string

// The dimensions.
const (
	// Function is in each set of dimensions: two stages of one account write
	// to the same namespace, and their functions differ by name.
	Function Dimension = "FunctionName"
	// Operation is what was asked for: "POST /Users", never a path with an id.
	Operation Dimension = "Operation"
	// Status is the class of an HTTP status: see Class.
	Status Dimension = "Status"
)

// Unit is a unit of CloudWatch.
type Unit string

// The units.
const (
	Count        Unit = "Count"
	Milliseconds Unit = "Milliseconds"
)

// Metric is one that is declared.
type Metric struct {
	Name       string
	Unit       Unit
	Dimensions []Dimension // beside Function
	Means      string
}

// The metrics.
var (
	Requests = Metric{"Requests", Count, []Dimension{Operation, Status},
		"requests answered"}
	Latency = Metric{"Latency", Milliseconds, []Dimension{Operation},
		"from the request in the function to its answer"}
	TransactionConflicts = Metric{"TransactionConflicts", Count, nil,
		"transactions that met another one and were tried again"}
	EventsLogged = Metric{"EventsLogged", Count, nil,
		"events appended to the log"}
	EventsPublished = Metric{"EventsPublished", Count, nil,
		"events that the bus took"}
	EventsParked = Metric{"EventsParked", Count, nil,
		"events that can never be published, put into the dead-letter queue"}
	RelayLag = Metric{"RelayLag", Milliseconds, nil,
		"from the change to its event on the bus"}
	EventsRedriven = Metric{"EventsRedriven", Count, nil,
		"events that an operator had published once more"}
)

// All lists every metric.
func All() []Metric {
	return []Metric{Requests, Latency, TransactionConflicts, EventsLogged, EventsPublished, EventsParked, RelayLag, EventsRedriven}
}

// Of is one value of the metric, in its unit.
func (m Metric) Of(v float64) Value { return Value{m, v} }

// Value is what one line says of a metric.
type Value struct {
	metric Metric
	value  float64
}

// Class is the class of an HTTP status: "2xx" of 201.
func Class(status int) string { return strconv.Itoa(status/100) + "xx" }

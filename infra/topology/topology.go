// Package topology says what dsync consists of, as data: the table, the bus,
// the functions with their routes, stream records, environment and
// permissions, and the rules on the bus.
//
// It is the only such place. infra/stack draws CloudFormation from it and
// infra/local draws one machine from it, so what runs on a laptop is wired
// like what is deployed.
package topology

import (
	"time"

	"dsync/internal/table/schema"
)

// System is the whole of dsync.
type System struct {
	Table     schema.Table
	Bus       Bus
	Functions []Function
	Rules     []Rule
}

// Bus is the EventBridge event bus that carries dsync events.
type Bus struct {
	Name   string // logical name; the physical name reaches functions as EVENT_BUS_NAME
	Source string // the `source` of every event
}

// Function is one Lambda: the folder functions/<Name>.
type Function struct {
	Name        string
	Description string
	MemoryMiB   int
	Timeout     time.Duration
	// Routes are HTTP API route keys ("ANY /path/{param}" or "$default"). A
	// function with neither routes nor a stream is invoked by an operator,
	// whom IAM lets.
	Routes []string
	// Stream, when set, is the event source mapping from the table's stream.
	Stream *StreamConsumer
	// Environment maps a variable's name to what it holds.
	Environment map[string]Reference
	Grants      []Grant
}

// StreamConsumer is an event source mapping on the table's stream. Every
// mapping reports partial batch failures, bisects a failing batch, starts at
// TRIM_HORIZON, runs one batch at a time per shard, and sends what it gives
// up on to a dead-letter queue of its own.
type StreamConsumer struct {
	BatchSize     int
	RetryAttempts int // Unlimited: until a record is past MaximumAge
	MaximumAge    time.Duration
	Filter        schema.Filter
}

// Unlimited is the RetryAttempts of a consumer that gives up on age only.
const Unlimited = -1

// Reference names a value that only a rendering knows.
type Reference string

// The values an environment variable may hold.
const (
	TableName    Reference = "table name"
	EventBusName Reference = "event bus name"
	// RelayDeadLettersURL is the URL of the relay's dead-letter queue.
	RelayDeadLettersURL Reference = "URL of the relay's dead-letter queue"
)

// Resource is something a function may be allowed to touch.
type Resource string

// The resources of the system.
const (
	TheTable Resource = "table" // the table itself
	TheIndex Resource = "index" // its index
	TheBus   Resource = "bus"
	// TheRelayDeadLetters is the dead-letter queue of the relay.
	TheRelayDeadLetters Resource = "dead-letter queue of the relay"
)

// Grant allows Actions (IAM action names) on one resource. What an event
// source mapping needs (the stream, its dead-letter queue) and what logging
// needs is granted by the rendering, for every function alike.
type Grant struct {
	Resource Resource
	Actions  []string
}

// Rule matches events on the bus and hands them to a target.
type Rule struct {
	Name        string
	Description string
	// Pattern is an EventBridge event pattern: field → accepted values,
	// exact or {"prefix": …}.
	Pattern map[string]any
	Target  Target
}

// Target is where a rule delivers.
type Target string

// EventLog is a log group in the cloud, .local/events.ndjson on one machine.
const EventLog Target = "event log"

// Function returns the function of that name, or nil.
func (s System) Function(name string) *Function {
	for i := range s.Functions {
		if s.Functions[i].Name == name {
			return &s.Functions[i]
		}
	}
	return nil
}

// Package topology describes dsync as data: the table, the bus, the functions
// with their routes, stream records, environment and permissions, and the rules
// on the bus.
//
// It is the only such place. infra/stack renders it as CloudFormation and
// infra/local renders it as processes on one machine, so both are wired alike.
// No other file names a function: the rest of the project finds a function by
// its Role.
package topology

import (
	"strings"
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

// Role says what a function does for other parts of the system: the dashboard,
// the operator's commands, the local machine's handlers. A function that no
// other part addresses needs none.
type Role string

// The roles. Each belongs to one function.
const (
	ServesUsers     Role = "serves SCIM users"
	ServesGroups    Role = "serves SCIM groups"
	ServesDiscovery Role = "serves SCIM discovery" // and every path without a route
	ServesREST      Role = "serves the REST API"
	ServesConsole   Role = "serves the console"    // to people; for whoever may invoke it, it makes sign-in links
	ServesSetup     Role = "serves the setup page" // to the admins of customers
	RelaysEvents    Role = "relays events"         // from the stream to the log and the bus
	RunsJobs        Role = "runs jobs"             // long work, one page a step
	CreatesAPIKeys  Role = "creates API keys"
	RedrivesEvents  Role = "redrives events" // publishes events again
)

// Function is a Lambda function, in the folder functions/<Name>.
type Function struct {
	Name        string
	Role        Role
	Description string
	MemoryMiB   int
	Timeout     time.Duration
	// Routes are HTTP API route keys ("ANY /path/{param}" or "$default").
	Routes []string
	// Throttle is that of each route; above it, API Gateway responds with 429 and
	// does not invoke the function. Every function with routes has one.
	Throttle Throttle
	// Output is the name of the stack output with the function's physical name.
	// A function has one if operators invoke it, with the permission of IAM.
	Output string
	// Stream, when set, is the event source mapping from the table's stream.
	Stream *StreamConsumer
	// Queue, when set, is the event source mapping from an SQS queue that belongs
	// to the function. Rules that target the function send events to this queue.
	Queue *QueueConsumer
	// Schedules invoke the function with a fixed payload.
	Schedules []Schedule
	// Recursive says that writes of the function invoke it again through the
	// stream. Lambda must not take that for a loop.
	Recursive bool
	// Environment maps a variable's name to what it holds.
	Environment map[string]Reference
	Grants      []Grant
}

// Throttle is how many requests a route takes.
type Throttle struct {
	PerSecond int // in the long run
	AtOnce    int
}

// Schedule is an EventBridge Scheduler schedule that invokes its function.
// Invocations are asynchronous, at least once, and may overlap.
type Schedule struct {
	Name        string
	Description string
	Rate        time.Duration // a whole number of minutes
	Payload     string        // JSON
}

// StreamConsumer is an event source mapping on the table's stream. Every
// mapping reports batch item failures, bisects a failing batch and starts at
// TRIM_HORIZON. Batches that it gives up go to the failure bucket, with their
// payload.
type StreamConsumer struct {
	BatchSize int // records
	// Parallelization is the ParallelizationFactor: how many batches of one shard
	// are processed at a time, 1 to 10. Above 1 only the records of one item are
	// in order.
	Parallelization int
	RetryAttempts   int // Unlimited: until a record is older than MaximumAge
	MaximumAge      time.Duration
	Filter          schema.Filter
}

// Unlimited is the RetryAttempts of a consumer that gives up on age only.
const Unlimited = -1

// QueueConsumer is an event source mapping on an SQS queue. Every mapping
// reports batch item failures. Messages are delivered at least once and in any
// order. A message that failed is received again after VisibilityTimeout. After
// MaxReceives it goes to the dead-letter queue of the function.
//
// While its queue is empty, an event source mapping on SQS still makes about
// 650,000 requests a month, which SQS bills.
type QueueConsumer struct {
	BatchSize      int // messages, 1 to 10
	MaxConcurrency int // batches at a time, 2 to 1,000
	MaxReceives    int // of one message
}

// VisibilityTimeout is how long the queue of the function hides a message that
// was received: six times the timeout of the function, as AWS recommends, so that
// a throttled batch can be retried before its messages become visible.
func (f Function) VisibilityTimeout() time.Duration { return 6 * f.Timeout }

// Reference is a value that only a rendering knows, for an environment
// variable.
type Reference struct {
	Kind string
	Of   string // the function or rule that owns it; "" for a value of the system
}

// The values of the system.
var (
	TableName         = Reference{Kind: "table name"}
	EventBusName      = Reference{Kind: "event bus name"}
	FailureBucketName = Reference{Kind: "failure bucket name"}
	// EraseAfterDays is the number of days after the deletion of a directory, 0 to
	// 90, after which its log and the records of its requests are erased.
	EraseAfterDays = Reference{Kind: "days until erasure"}
	// PublicURL is the scheme and host of absolute URLs. A rendering may have none:
	// then they have the domain name of the HTTP API.
	PublicURL = Reference{Kind: "public URL"}
	// OriginSecretHashes are the SHA-256 of the secrets one of which a request must
	// have, separated by a comma. A rendering may have none: then no request needs
	// one.
	OriginSecretHashes = Reference{Kind: "hashes of origin secrets"}
	// SingleSignOn are the settings of the identity provider of the console, in the JSON
	// of package sso. A rendering may have none.
	SingleSignOn = Reference{Kind: "single sign-on"}
)

// Optional reports whether a rendering may lack the value. The variable is then
// empty or absent.
func (r Reference) Optional() bool {
	return r == PublicURL || r == OriginSecretHashes || r == SingleSignOn
}

const deadLetterQueueURL = "dead-letter queue URL"

// DeadLetterQueueURL is the URL of the dead-letter queue of a function or rule.
func DeadLetterQueueURL(owner string) Reference { return Reference{deadLetterQueueURL, owner} }

// IsDeadLetterQueueURL reports whether the value is the URL of a dead-letter
// queue.
func (r Reference) IsDeadLetterQueueURL() bool { return r.Kind == deadLetterQueueURL }

// Resource is something that a function may be allowed to use.
type Resource struct {
	Kind string
	Of   string // the function or rule that owns it, or a prefix of keys; "" for a resource of the system
}

// The resources of the system.
var (
	TheTable = Resource{Kind: "table"} // the table itself
	TheIndex = Resource{Kind: "index"} // its index
	TheBus   = Resource{Kind: "bus"}
	// TheFailureBucket is the S3 bucket for batches that an event source mapping
	// gave up, and for parked records that are too large for a queue. Actions on its
	// objects need FailureObjects.
	TheFailureBucket = Resource{Kind: "failure bucket"}
	// TheClientSecret is the secret of SingleSignOn. A rendering may have none: then it
	// leaves out the grants.
	TheClientSecret = Resource{Kind: "client secret"}
)

const failureObjects = "failure objects"

// FailureObjects are the objects in the failure bucket whose keys begin with the
// prefix, which may be empty.
func FailureObjects(prefix string) Resource { return Resource{failureObjects, prefix} }

// IsFailureObjects reports whether the resource is objects in the failure bucket.
// Their prefix is in Of.
func (r Resource) IsFailureObjects() bool { return r.Kind == failureObjects }

// The prefixes of keys in the failure bucket.
const (
	// GivenUpPrefix begins the keys of batches that an event source mapping gave
	// up. Lambda appends the id of the mapping, the shard and the time.
	GivenUpPrefix = "aws/lambda/"
	// ParkedPrefix begins the keys of parked records and events.
	ParkedPrefix = "parked/"
)

const deadLetterQueue = "dead-letter queue"

// DeadLetterQueue is the dead-letter queue of a function or rule.
func DeadLetterQueue(owner string) Resource { return Resource{deadLetterQueue, owner} }

// IsDeadLetterQueue reports whether the resource is a dead-letter queue.
func (r Resource) IsDeadLetterQueue() bool { return r.Kind == deadLetterQueue }

// Grant allows actions (IAM action names) on one resource. A rendering grants
// by itself what every function needs: its log group, and for an event source
// mapping the stream and the failure bucket, or the queue.
type Grant struct {
	Resource Resource
	Actions  []string
	// Partitions limits the actions to items whose partition key begins with one of
	// these prefixes. nil is all items.
	Partitions []string
}

// Rule matches events on the bus and sends them to a target. Events that
// EventBridge cannot deliver to the target go to the dead-letter queue of the
// rule.
type Rule struct {
	Name        string
	Description string
	// Pattern is an EventBridge event pattern: field → accepted values,
	// exact or {"prefix": …}.
	Pattern map[string]any
	Target  Target
}

// Target is where a rule sends events. The zero value is EventLog.
type Target struct {
	Function string // name of a function with a Queue, which receives the events
}

// EventLog is a log group on AWS and .local/events.ndjson on one machine.
var EventLog = Target{}

// LogicalID returns the CloudFormation logical ID of a function or rule:
// "EveryEvent" for "every-event". The logical IDs of its resources begin with it.
func LogicalID(name string) string {
	var id strings.Builder
	for word := range strings.SplitSeq(name, "-") {
		if word != "" {
			id.WriteString(strings.ToUpper(word[:1]) + word[1:])
		}
	}
	return id.String()
}

// DeadLetterOwners returns the names of the functions and rules that have a
// dead-letter queue: functions with a Queue, functions whose dead-letter queue
// the environment of a function names, then all rules.
func (s System) DeadLetterOwners() []string {
	named := map[Reference]bool{}
	for _, f := range s.Functions {
		for _, reference := range f.Environment {
			named[reference] = true
		}
	}
	var owners []string
	for _, f := range s.Functions {
		if f.Queue != nil || named[DeadLetterQueueURL(f.Name)] {
			owners = append(owners, f.Name)
		}
	}
	for _, r := range s.Rules {
		owners = append(owners, r.Name)
	}
	return owners
}

// ByRole returns the function with that role, or nil.
func (s System) ByRole(role Role) *Function {
	for i := range s.Functions {
		if s.Functions[i].Role == role {
			return &s.Functions[i]
		}
	}
	return nil
}

// Function returns the function of that name, or nil.
func (s System) Function(name string) *Function {
	for i := range s.Functions {
		if s.Functions[i].Name == name {
			return &s.Functions[i]
		}
	}
	return nil
}

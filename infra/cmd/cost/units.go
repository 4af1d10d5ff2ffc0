package main

// units contains the billed DynamoDB units of a request. row is a prefix of the
// name of the row in internal/session TestBudget that has these units. The units
// are the limit of the row, or the billed units that the row's name states.
type units struct {
	row         string
	write, read float64
}

// readUser is a user that the application reads by its id: its claim, its record,
// the directory, and the place and the record of a group (internal/api
// TestCostOfAnID).
var readUser = units{"", 0, 4.5}

var (
	authenticate = units{"authenticate, not cached", 0, 1}
	findNothing  = units{"filter that finds nothing", 0, 1}
	findOne      = units{"filter that finds one", 0, 2}
	getUser      = units{"GET user", 0, 1}
	createUser   = units{"create user", 14, 0}
	patchUser    = units{"PATCH user, no key attribute", 3, 1}
	deleteUser   = units{"delete user", 16, 1}
	createGroup  = units{"create group", 10, 0}
	isMember     = units{"is a user in a group", 0, 2}
	getGroup     = units{"GET group without members", 0, 1}
	changeMember = units{"add a member", 5, 2}
)

// Values that other tests measure.
const (
	// appendEvent and readForEvent are the units of one event that is logged alone:
	// the limits of the row eventRow in internal/relay TestBudgetOfEvents.
	appendEvent  = 8
	readForEvent = 3
	eventRow     = "group.user_added, alone"

	// countRequests is the write units of the count of requests of a directory, which
	// one process writes in a quarter of an hour, and lookAtCounts the read units of
	// each process that looks whether that is done: internal/usage
	// TestCountsOfTheDay. useToken is the write units of the day on which a token was
	// used: TestTokenUse.
	countRequests = 1
	lookAtCounts  = 1
	useToken      = 1

	// eventBytes is the size of an event that a rule receives. TestSizes
	// compares it with the mean size of events/samples.
	eventBytes = 2_000

	// requestLogBytes is the size of a request's log lines: the access log, the
	// function log and the metrics, with the bytes that CloudWatch adds to each line
	// (perLine). eventLogBytes is the size of an event's log lines: the line of
	// the relay and its metrics. TestSizes measures requestLogBytes.
	requestLogBytes = 1_500
	eventLogBytes   = 1_000
	perLine         = 26
)

// Assumptions, which cannot be measured without AWS. The page states them.
const (
	// requestTime and relayTime are billed seconds. Published figures of Go
	// functions with one table are 5 ms for the median and 18 ms for the 99th
	// percentile. coldTime is the billed seconds of the start of an environment.
	requestTime = 0.020
	coldTime    = 0.080
	relayTime   = 0.100 // one event per batch, the worst case

	// sweepTime is the billed seconds of a sweep that finds no job, and sweepReads
	// the read units: the list of running jobs has four partitions.
	sweepTime  = 0.020
	sweepReads = 4

	// emptyReceives is how many requests an event source mapping makes in a month
	// to a queue that is empty: five pollers wait for 20 s each.
	emptyReceives = 5 * 3 * 60 * 24 * 30

	// answerBytes is the size of a response with its headers.
	answerBytes = 2_500
)

// Stored bytes of a directory's records, including the index and the 100 bytes
// that DynamoDB adds to each record.
const (
	userBytes       = 3_900 // 2 KB, the claims and the lookup records
	groupBytes      = 1_400
	membershipBytes = 700
	loggedBytes     = 2_300 // the billed 2 KB, the place and the index
	loggedMonths    = 3     // the log keeps 90 days
)

// counted is what a month of each of sizes costs, as TestTraffic counts it with
// DSYNC_BENCH=1: the traffic goes through the real handlers on the real engine.
var counted = []load{
	{requests: 2_305, writes: 1_581, reads: 6_970.5, events: 49},
	{requests: 3_660, writes: 5_877, reads: 11_497, events: 510},
}

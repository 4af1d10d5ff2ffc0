package main

// units are what a request costs in DynamoDB, as billed. row is the beginning
// of the name of the row of internal/session TestBudget that holds them:
// the limit there, or what its name says is billed.
type units struct {
	row         string
	write, read float64
}

var (
	authenticate = units{"authenticate, not cached", 0, 1}
	findNothing  = units{"filter that finds nothing", 0, 1}
	findOne      = units{"filter that finds one", 0, 2}
	getUser      = units{"GET user", 0, 1}
	createUser   = units{"create user", 11, 0}
	patchUser    = units{"PATCH user, no key attribute", 3, 1}
	deleteUser   = units{"delete user", 14, 1}
	createGroup  = units{"create group", 7, 0}
	isMember     = units{"is a user in a group", 0, 2}
	getGroup     = units{"GET group without members", 0, 1}
	changeMember = units{"add a member", 5, 2}
)

// What is measured elsewhere.
const (
	// appendEvent is the write units of one event in the log, alone in its
	// batch: what the row eventRow of internal/relay TestBudgetOfEvents bills,
	// and 2 for the place of an event that is logged late, taken for all.
	appendEvent = 7 + 2
	eventRow    = "group.user_added (2 KB user)"
	// readForEvent is the head of the log, and the user and the group of a
	// membership.
	readForEvent = 3

	// eventBytes is the size of an event as a rule sees it: the mean of
	// events/samples, TestSizes.
	eventBytes = 2_000

	// A request's lines: its access log, the function's own, its metrics with
	// the 26 bytes that CloudWatch adds to each. An event's: the relay's, and
	// the copy that the example's rule writes. TestSizes.
	requestLogBytes = 1_500
	eventLogBytes   = eventBytes + 1_000
)

// What nobody could measure without AWS: assumptions, said so in the page.
const (
	// requestTime and relayTime are billed. Published figures of Go functions
	// with one table are 5 ms for the median and 18 ms for one in a hundred;
	// starts cost 80 ms, once in thousands.
	requestTime = 0.020
	relayTime   = 0.100 // one event a batch: the worst

	// emptyReceives is how many requests an event source mapping makes in a month
	// to a queue that is empty: five pollers wait for 20 s each.
	emptyReceives = 5 * 3 * 60 * 24 * 30

	// answerBytes is an answer with its headers.
	answerBytes = 2_500

	// series is how many metrics the functions write, each operation and class
	// of status counted: the most that there can be is bounded in
	// internal/metric.
	series = 75
)

// What a directory stores, in bytes with index and the 100 bytes that DynamoDB
// adds to a record.
const (
	userBytes       = 3_500 // 2 KB, its claim and its look-ups
	groupBytes      = 1_000
	membershipBytes = 700
	loggedBytes     = 2_300 // the 2 KB that it is billed for, its place and its index
	loggedMonths    = 3     // the log keeps 90 days
)

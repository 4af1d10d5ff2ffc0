package main

import (
	"fmt"
	"slices"
	"time"

	"dsync/infra/topology"
)

// size describes the size of a directory.
type size struct {
	name                       string
	users, groups, memberships float64
}

var sizes = []size{
	{"100 users", 100, 10, 300},
	{"1,000 users", 1_000, 50, 3_000},
}

// Assumed load per day. Shares relate to the number of users.
const (
	changedADay  = 0.01   // share of users with a changed attribute
	joinedADay   = 0.0005 // share of users created, and share of users deleted
	movedADay    = 0.005  // memberships added or removed per user
	daysAMonth   = 30
	monthTime    = daysAMonth * 24 * time.Hour
	cyclesADay   = 36 // every 40 minutes
	probesACycle = 2  // one for a missing user and one for a missing group
	readsAnEvent = 1  // REST API requests of the application
)

// request is a kind of request with its number.
type request struct {
	units
	count float64
}

// load is the load of a period.
type load struct {
	requests, writes, reads, events float64
	cold                            float64 // starts of a function's environment
	stored                          float64 // bytes
}

func (l *load) add(r request) {
	l.requests += r.count
	l.writes += r.count * r.write
	l.reads += r.count * (r.read + authenticate.read) // assumes that no token is cached
}

func (l *load) happen(events float64) {
	l.events += events
	l.writes += events * appendEvent
	l.reads += events * readForEvent
}

// traffic is what Entra does to a directory in some days.
type traffic struct {
	days                   float64
	changed, joined, moved float64 // users changed, users created and as many deleted, memberships changed
}

// load returns the load of the traffic, without what is stored.
func (t traffic) load() load {
	var l load
	cycles := cyclesADay * t.days
	l.add(request{findNothing, cycles * probesACycle})
	// In each cycle, one process for users and one for groups look whether the requests
	// of the quarter of an hour are counted, and the first counts them. Each day notes
	// the use of the token.
	l.reads += cycles * probesACycle * lookAtCounts
	l.writes += cycles*countRequests + t.days*useToken
	// A cycle comes so late after the one before it that Lambda has ended the
	// environments, unless other directories keep them busy.
	l.cold += cycles * probesACycle
	for _, r := range []request{
		{getUser, t.changed}, {patchUser, t.changed},
		// Entra searches for the user, creates it, and sets its references.
		{findNothing, t.joined}, {createUser, t.joined}, {patchUser, t.joined},
		// Entra disables a user and deletes it 30 days later.
		{getUser, t.joined}, {patchUser, t.joined}, {deleteUser, t.joined},
		{getGroup, t.moved}, {changeMember, t.moved},
	} {
		l.add(r)
	}
	events := t.changed + 4*t.joined + t.moved
	l.happen(events)
	l.cold += events // of the relay
	l.add(request{readUser, events * readsAnEvent})
	return l
}

// monthly is the traffic of a directory in a month.
func monthly(s size) traffic {
	return traffic{daysAMonth, changedADay * s.users * daysAMonth, joinedADay * s.users * daysAMonth, movedADay * s.users * daysAMonth}
}

// month returns the load of one directory in a month.
func month(s size) load {
	l := monthly(s).load()
	l.stored = stored(s) + l.events*loggedMonths*loggedBytes
	return l
}

func stored(s size) float64 {
	return s.users*userBytes + s.groups*groupBytes + s.memberships*membershipBytes
}

// initial returns the load of the initial cycle of a directory.
func initial(s size) load {
	var l load
	for _, r := range []request{
		{findNothing, s.users}, {createUser, s.users},
		{findNothing, s.groups}, {createGroup, s.groups},
		{isMember, s.memberships}, {changeMember, s.memberships},
	} {
		l.add(r)
	}
	l.happen(s.users + s.groups + s.memberships)
	return l
}

func (l load) times(n float64) load {
	return load{l.requests * n, l.writes * n, l.reads * n, l.events * n, l.cold * n, l.stored * n}
}

// item is a line of a bill.
type item struct {
	name string
	cost float64
	of   string // quantity, for fixed costs
}

// bill returns the costs of a load.
func bill(l load) []item {
	seconds := (l.requests*requestTime+l.cold*coldTime)*memory(topology.ServesUsers) + l.events*relayTime*memory(topology.RelaysEvents)
	logs := (l.requests*requestLogBytes + l.events*eventLogBytes) / gb
	return []item{
		{"API Gateway", l.requests * httpRequest, ""},
		{"Lambda", (l.requests+l.events)*lambdaRequest + seconds*lambdaGBSecond, ""},
		{"DynamoDB: writes", l.writes * writeUnit, ""},
		{"DynamoDB: reads", l.reads * readUnit, ""},
		{"DynamoDB: storage and recovery", l.stored / gb * (tableGBMonth + recoveryGBMonth), ""},
		{"EventBridge", l.events * customEvent, ""},
		{"CloudWatch logs", logs * (logsGB + logsGBMonth), ""},
		{"Data out", l.requests * answerBytes / gb * outGB, ""},
	}
}

// fixed returns the costs that do not depend on the load.
func fixed() []item {
	items := []item{
		{"CloudWatch alarms", float64(alarmMetrics()) * alarmMonth, fmt.Sprintf("%d metrics that they watch", alarmMetrics())},
		{"CloudWatch metrics", float64(series()) * metricMonth, fmt.Sprintf("%d at most", series())},
		{"CloudWatch dashboard", dashboardMonth, "1"},
	}
	sweeps := 0.0
	for _, f := range topology.Dsync().Functions {
		for _, s := range f.Schedules {
			sweeps += monthTime.Minutes() / s.Rate.Minutes()
		}
	}
	items = append(items, item{"Schedule of jobs", sweeps * sweepCost(), number(sweeps) + " invocations"})
	queues := 0
	for _, f := range topology.Dsync().Functions {
		if f.Queue != nil {
			queues++
		}
	}
	if queues > 0 {
		items = append(items, item{"SQS: receives of Lambda", float64(queues) * emptyReceives * sqsRequest, fmt.Sprintf("%d, while the queue is empty", queues)})
	}
	return items
}

// sweepCost is the cost of one invocation that finds no job to do.
func sweepCost() float64 {
	return schedulerInvocation + lambdaRequest + sweepTime*memory(topology.RunsJobs)*lambdaGBSecond + sweepReads*readUnit
}

// alarmMetrics counts the metrics of the alarms of the stage prod.
// TestAlarmsOnTheBill in the stack's tests compares this number with the template.
func alarmMetrics() int {
	system := topology.Dsync()
	// Prod has no rule that writes events to a log group.
	system.Rules = slices.DeleteFunc(system.Rules, func(r topology.Rule) bool { return r.Target == topology.EventLog })
	streams, servers := 0, 0
	for _, f := range system.Functions {
		if len(f.Routes) > 0 {
			servers++
		}
		if f.Stream != nil {
			streams++
		}
	}
	const (
		fixed       = 22 // API, table, relay, jobs
		perFunction = 2  // errors, throttles
		perServer   = 2  // 401 and 429
		perStream   = 6  // iterator age, failed, given up and lost records, polling
		perQueue    = 1  // dead letters
		perRule     = 2  // failed deliveries
	)
	return fixed + perFunction*len(system.Functions) + perServer*servers + perStream*streams +
		perQueue*len(system.DeadLetterOwners()) + perRule*len(system.Rules)
}

func total(items []item) (sum float64) {
	for _, i := range items {
		sum += i.cost
	}
	return sum
}

// memory returns the memory of a function in GB.
func memory(role topology.Role) float64 {
	return float64(topology.Dsync().ByRole(role).MemoryMiB) / 1024
}

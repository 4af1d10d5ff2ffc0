package relay

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"dsync/internal/dsync"
	"dsync/internal/table"
	"dsync/internal/table/journal"

	"github.com/aws/aws-lambda-go/events"
)

// scenario is three changes of two items. The records of one item are delivered
// to one relay, those of the other item to another one, as by two shards.
type scenario struct {
	name   string
	start  func(w *world)
	writes []func(w *world)
	// batches of each relay, and the number of writes that must precede each.
	batches [2][][]events.DynamoDBEventRecord
	after   [2][]int
	want    []string // names of events that must be logged once, in any order
	may     []string // names of events that may be logged once
	member  bool     // whether the last event of the membership says that it exists
}

func scenarios() []scenario {
	resource := func(kind table.Kind, id, doc string, version int64) table.Resource {
		return table.Resource{
			Kind: kind, ID: id, DirectoryID: modelDirectory, OrganizationID: modelOrganization, Document: doc, Version: version,
			Created: modelTime, Modified: modelTime,
		}
	}
	user, group := resource(table.User, modelUser, `{"userName":"ada"}`, 1), resource(table.Group, modelGroup, `{"displayName":"g"}`, 1)
	in := table.Membership{DirectoryID: modelDirectory, OrganizationID: modelOrganization, GroupID: modelGroup, UserID: modelUser, At: modelTime}
	out := in.SoftDelete()
	deletedUser := user
	deletedUser.Version, deletedUser.Deleted = 2, true
	put := func(r table.Resource) func(*world) { return func(w *world) { w.resources[r.ID] = r } }
	join := func(m table.Membership) func(*world) { return func(w *world) { w.member = &m } }
	// exists logs the creation of a resource before the scenario.
	exists := func(w *world, r table.Resource, name string) {
		put(r)(w)
		id, err := dsync.CreationID(modelTime, r.ID, 0)
		if err != nil {
			panic(err)
		}
		e := table.LoggedEvent{ID: id, Name: name, DirectoryID: modelDirectory, OrganizationID: modelOrganization, Sequence: int64(w.head.Sequence) + 1}
		e.Position = w.shard.Position.Next(modelTime, journal.ShardOf(modelOrganization))
		if _, err := w.appendLog(table.LogAppend{Head: w.head, ShardHead: w.shard, Events: []table.LoggedEvent{e}}); err != nil {
			panic(err)
		}
		w.head.Add(tallyOf(nil, &dsync.Resource{Updated: modelTime}, r.Kind))
	}
	type batch = []events.DynamoDBEventRecord
	created := recordOf("1", "U#", nil, user)
	deleted := recordOf("2", "U#", user, deletedUser)
	added := recordOf("3", "M#", nil, in)
	removed := recordOf("4", "M#", in, out)
	groupCreated := recordOf("5", "G#", nil, group)

	view := dsync.Projection{Deactivation: dsync.Delete}.Encode()
	visible, hidden, back := user, user, user
	visible.View = view
	hidden.View, hidden.Version, hidden.Hidden, hidden.Document = view, 2, true, `{"userName":"ada","active":false}`
	back.View, back.Version, back.Generation, back.VisibleSince = view, 3, 1, modelTime
	again := in
	again.Generation = 1
	return []scenario{
		{
			name:    "a user is created, joins a group, and is deleted",
			start:   func(w *world) { exists(w, group, dsync.GroupCreated) },
			writes:  []func(*world){put(user), join(in), put(deletedUser)},
			batches: [2][]batch{{{created}, {deleted}}, {{added}}}, after: [2][]int{{1, 3}, {2}},
			want: []string{dsync.GroupCreated, dsync.UserCreated, dsync.UserDeleted}, may: []string{dsync.GroupUserAdded}, member: true,
		},
		{
			name:    "a group is created, and a user joins and leaves it",
			start:   func(w *world) { exists(w, user, dsync.UserCreated) },
			writes:  []func(*world){func(w *world) { put(group)(w); join(in)(w) }, join(out)},
			batches: [2][]batch{{{groupCreated}}, {{added}, {removed}}}, after: [2][]int{{1}, {1, 2}},
			want: []string{dsync.UserCreated, dsync.GroupCreated, dsync.GroupUserAdded, dsync.GroupUserRemoved},
		},
		{
			name: "a member leaves the projection, returns, and is announced again",
			start: func(w *world) {
				exists(w, group, dsync.GroupCreated)
				exists(w, visible, dsync.UserCreated)
				join(in)(w)
			},
			writes:  []func(*world){put(hidden), put(back), join(again)},
			batches: [2][]batch{{{recordOf("6", "U#", visible, hidden)}, {recordOf("7", "U#", hidden, back)}}, {{recordOf("8", "M#", in, again)}}},
			after:   [2][]int{{1, 2}, {3}},
			want:    []string{dsync.GroupCreated, dsync.UserCreated, dsync.UserDeleted, dsync.UserCreated, dsync.GroupUserAdded}, member: true,
		},
		{
			name:    "a member leaves a group while the user is deleted",
			start:   func(w *world) { exists(w, group, dsync.GroupCreated); exists(w, user, dsync.UserCreated); join(in)(w) },
			writes:  []func(*world){join(out), put(deletedUser), join(in)},
			batches: [2][]batch{{{deleted}}, {{removed, recordOf("9", "M#", out, in)}}}, after: [2][]int{{2}, {3}},
			want: []string{dsync.GroupCreated, dsync.UserCreated, dsync.UserDeleted}, may: []string{dsync.GroupUserRemoved, dsync.GroupUserAdded}, member: true,
		},
	}
}

// explorer tries every interleaving of a scenario by depth-first search. A state
// that was reached before is not continued again.
type explorer struct {
	scenario scenario
	sabotage sabotage
	faults   int // of one run
	visited  map[[32]byte]bool
	runs     int
	problems []string
}

// explore runs the scenario until every choice was made. It stops at the first
// problem if the explorer has a sabotage.
func (x *explorer) explore() {
	x.visited = map[[32]byte]bool{}
	var path []int
	for {
		options := x.run(&path)
		x.runs++
		if x.sabotage != "" && len(x.problems) > 0 {
			return
		}
		for len(path) > 0 && path[len(path)-1]+1 >= options[len(path)-1] {
			path = path[:len(path)-1]
		}
		if len(path) == 0 {
			return
		}
		path[len(path)-1]++
	}
}

// option is what may happen next: a write, or a call with its outcome.
type option struct {
	task    *task // nil for a write
	outcome outcome
}

// run makes the choices of the path, and extends it with first choices up to the
// end or a known state. It returns the number of options at each choice.
func (x *explorer) run(path *[]int) (options []int) {
	w := &world{resources: map[string]table.Resource{}}
	w.head.Count.Known = true
	x.scenario.start(w)
	w.sabotage = x.sabotage
	written, faults := 0, x.faults
	var tasks []*task
	for i := range x.scenario.batches {
		t := &task{name: fmt.Sprint("relay ", i), batches: x.scenario.batches[i], after: x.scenario.after[i], calls: make(chan *call)}
		tasks = append(tasks, t)
		go t.run()
		t.pending = <-t.calls
	}
	defer func() {
		for _, t := range tasks {
			t.stopped = true
			for t.pending != nil {
				t.pending.reply <- errDied
				t.pending = <-t.calls
			}
		}
	}()
	for depth := 0; ; depth++ {
		list := x.options(tasks, written, faults)
		if len(list) == 0 {
			x.check(w)
			return options
		}
		options = append(options, len(list))
		if depth == len(*path) {
			if state := x.state(w, tasks, written, faults); x.visited[state] {
				return append(options[:depth], 0)[:depth]
			} else {
				x.visited[state] = true
			}
			*path = append(*path, 0)
		}
		chosen := list[(*path)[depth]]
		if chosen.task == nil {
			x.scenario.writes[written](w)
			written++
			continue
		}
		if chosen.outcome != works {
			faults--
		}
		chosen.task.step(w, chosen.outcome)
	}
}

// options are what may happen next. A call that no other task can notice happens
// at once: in another order with the calls of other tasks, the state is the same.
func (x *explorer) options(tasks []*task, written, faults int) (list []option) {
	if written < len(x.scenario.writes) {
		list = append(list, option{})
	}
	for _, t := range tasks {
		if t.pending == nil || t.pending.name == "GetRecords" && written < t.after[t.next] {
			continue
		}
		own := []option{{t, works}}
		if faults > 0 {
			own = append(own, t.faults()...)
		}
		if t.pending.name == "GetRecords" || t.pending.name == "PutEvents" {
			return own
		}
		list = append(list, own...)
	}
	return list
}

// faults are the faults that the pending call can have.
func (t *task) faults() []option {
	if t.pending.name == "GetRecords" {
		return []option{{t, repeats}}
	}
	list := []option{{t, fails}, {t, timesOut}, {t, diesFirst}, {t, diesLater}}
	if t.pending.read {
		list = append(list, option{t, isStale})
	}
	return list
}

// step lets the pending call of the task happen, and waits for the next one.
func (t *task) step(w *world, o outcome) {
	c := t.pending
	response := "none"
	if o != fails && o != diesFirst {
		response = c.do(w, o == isStale)
	}
	var err error
	switch o {
	case fails, timesOut:
		err, response = fmt.Errorf("injected: %s", c.name), "failed"
	case diesFirst, diesLater:
		err, response = errDied, "died"
		t.dead = true
	case repeats:
		t.repeat = true
	}
	t.history = sha256.Sum256(fmt.Append(t.history[:], c.name, response, t.repeat, t.next))
	if t.dead {
		t.history = sha256.Sum256(fmt.Append(nil, "fresh", t.next, t.repeat))
	}
	c.reply <- err
	t.pending = <-t.calls
}

func (x *explorer) state(w *world, tasks []*task, written, faults int) [32]byte {
	text := fmt.Append(nil, w.digest(), w.older.Version, w.olderHead.Version, written, faults)
	for _, t := range tasks {
		text = fmt.Append(text, t.pending == nil, t.next, t.history)
		if t.pending != nil {
			text = fmt.Append(text, t.pending.name)
		}
	}
	return sha256.Sum256(text)
}

func (x *explorer) problem(format string, arguments ...any) {
	x.problems = append(x.problems, fmt.Sprintf(format, arguments...))
}

// check checks the promises when all records are relayed.
func (x *explorer) check(w *world) {
	var names []string
	positions := map[string]int{} // of the last event with the name
	ids := map[string]bool{}
	last := journal.Position(0)
	for i, e := range w.events {
		names = append(names, e.Name)
		if e.Sequence != int64(i+1) {
			x.problem("event %d has the sequence %d", i, e.Sequence)
		}
		if ids[e.ID] {
			x.problem("%s is logged twice", e.Name)
		}
		if e.Position <= last {
			x.problem("%s has the position %s after %s", e.Name, e.Position, last)
		}
		ids[e.ID], last = true, e.Position
		positions[e.Name] = i
		switch e.Name {
		case dsync.GroupUserAdded, dsync.GroupUserRemoved:
			if !slices.Contains(names, dsync.UserCreated) || !slices.Contains(names, dsync.GroupCreated) {
				x.problem("%s comes before a creation: %v", e.Name, names)
			}
			deleted, present := positions[dsync.UserDeleted]
			if present && deleted > positions[dsync.UserCreated] {
				x.problem("%s comes after a deletion: %v", e.Name, names)
			}
		}
	}
	left := slices.Clone(names)
	for _, name := range x.scenario.want {
		if i := slices.Index(left, name); i >= 0 {
			left = slices.Delete(left, i, i+1)
		} else {
			x.problem("%s is missing: %v", name, names)
		}
	}
	for _, name := range x.scenario.may {
		if i := slices.Index(left, name); i >= 0 {
			left = slices.Delete(left, i, i+1)
		}
	}
	if len(left) > 0 {
		x.problem("there should be no %v: %v", left, names)
	}
	added, isAdded := positions[dsync.GroupUserAdded]
	removed, isRemoved := positions[dsync.GroupUserRemoved]
	if isAdded && isRemoved && (added > removed) != x.scenario.member {
		x.problem("the membership is out of order: %v", names)
	}
	if want := w.counts(); w.head.Count != want {
		x.problem("the directory counts %+v, not %+v", w.head.Count, want)
	}
	if len(w.deferred) > 0 {
		x.problem("%d changes are deferred for good: %v", len(w.deferred), names)
	}
	if len(w.shard.Entries) != len(w.events) {
		x.problem("the journal of the environment has %d entries of %d events", len(w.shard.Entries), len(w.events))
	}
	published := map[string]bool{}
	for _, detail := range w.bus {
		var e dsync.Event
		if err := json.Unmarshal([]byte(detail), &e); err != nil {
			x.problem("the bus has %s", detail)
		}
		published[fmt.Sprint(e.ID, " ", e.Context.Sequence)] = true
	}
	for _, e := range w.events {
		if e.Body != nil && !published[fmt.Sprint(e.ID, " ", e.Sequence)] {
			x.problem("%s with the sequence %d is not on the bus", e.Name, e.Sequence)
		}
		delete(published, fmt.Sprint(e.ID, " ", e.Sequence))
	}
	if len(published) > 0 {
		x.problem("the bus has other events than the log: %v", published)
	}
}

// modelFaults is how many faults a run has at most. Two take some minutes.
const modelFaults = 1

// skipWithRaceDetector skips a test of the model, which `make test` runs without
// the detector.
func skipWithRaceDetector(t *testing.T) {
	t.Helper()
	if raceDetector {
		t.Skip("the model is run without the race detector")
	}
}

// Two relays derive and append the events of three changes of two items. Every
// interleaving of their calls and of the writes is tried, with a fault at each
// step: a call that fails or times out, a process that ends, a stale read of a
// head, a batch that is delivered again.
func TestEveryInterleaving(t *testing.T) {
	skipWithRaceDetector(t)
	for _, s := range scenarios() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			x := &explorer{scenario: s, faults: modelFaults}
			x.explore()
			for _, p := range x.problems[:min(len(x.problems), 5)] {
				t.Error(p)
			}
			t.Logf("%d states in %d runs, at most %d fault in a run, %d problems", len(x.visited), x.runs, modelFaults, len(x.problems))
		})
	}
}

// The model notices when a mechanism is missing.
func TestModelNoticesSabotage(t *testing.T) {
	skipWithRaceDetector(t)
	for _, s := range []sabotage{noFence, noClaim, noShard, noDeferral, noDeletions} {
		found := ""
		for _, c := range scenarios() {
			x := &explorer{scenario: c, faults: modelFaults, sabotage: s}
			if x.explore(); len(x.problems) > 0 {
				found = x.problems[0]
				break
			}
		}
		if found == "" {
			t.Errorf("nothing is noticed when %s", s)
		}
		t.Logf("when %s: %s", s, found)
	}
}

package chaos

import (
	"fmt"
	"testing"
	"time"

	"dsync/internal/dsync"
)

func expected(optional bool, names ...string) (all []expectation) {
	for _, n := range names {
		all = append(all, expectation{fact: fact{n, "u", "g"}, optional: optional})
	}
	return all
}

// An optional event may be missing, in every place; nothing else may.
func TestFits(t *testing.T) {
	const add, remove = dsync.GroupUserAdded, dsync.GroupUserRemoved
	want := append(expected(true, add, remove), expected(false, add)...)
	for _, c := range []struct {
		got  []string
		fits bool
	}{
		{[]string{add, remove, add}, true},
		{[]string{add}, true},
		{[]string{remove, add}, true},
		{[]string{add, add}, true},
		{nil, false},
		{[]string{remove}, false},
		{[]string{add, remove}, false},
		{[]string{remove, remove, add}, false},
		{[]string{add, remove, add, remove}, false},
	} {
		var got []fact
		for _, n := range c.got {
			got = append(got, fact{n, "u", "g"})
		}
		if fits(want, got) != c.fits {
			t.Errorf("%v fits: %v", c.got, !c.fits)
		}
	}
}

// event returns an event of a user, a group or both.
func event(sequence int64, name, user, group string) dsync.Event {
	data := map[string]any{"directory_id": "d"}
	switch {
	case user != "" && group != "":
		data["user"], data["group"] = map[string]any{"id": user}, map[string]any{"id": group}
	case name == dsync.DirectoryDeleted:
		data["id"] = "d"
	default:
		data["id"] = user + group
	}
	return dsync.Event{ID: fmt.Sprint("event_", sequence), Name: name, Data: data, Context: dsync.Context{Sequence: sequence}}
}

// history is a log without a violation.
func history() []dsync.Event {
	return []dsync.Event{
		event(1, dsync.UserCreated, "u", ""), event(2, dsync.GroupCreated, "", "g"), event(3, dsync.GroupUserAdded, "u", "g"),
		event(4, dsync.UserUpdated, "u", ""), event(5, dsync.UserDeleted, "u", ""), event(6, dsync.UserCreated, "u", ""),
		event(7, dsync.GroupUserAdded, "u", "g"), event(8, dsync.GroupDeleted, "", "g"), event(9, dsync.DirectoryDeleted, "", ""),
	}
}

func modelOf(events []dsync.Event) *model {
	m := newModel("d", true)
	for _, e := range events {
		f := factOf(e)
		m.tell(f.name, f.user, f.group)
	}
	return m
}

func TestChecksOfTheLog(t *testing.T) {
	swap := func(i, j int) func([]dsync.Event) []dsync.Event {
		return func(all []dsync.Event) []dsync.Event {
			all[i], all[j] = all[j], all[i]
			for n := range all {
				all[n].Context.Sequence = int64(n + 1)
			}
			return all
		}
	}
	type counts struct{ gaps, missing, foreign, order, early, late int }
	for name, c := range map[string]struct {
		change func([]dsync.Event) []dsync.Event
		want   counts
	}{
		"nothing": {func(all []dsync.Event) []dsync.Event { return all }, counts{}},
		"a gap":   {func(all []dsync.Event) []dsync.Event { all[8].Context.Sequence = 10; return all }, counts{gaps: 1}},
		"the same sequence twice": {
			func(all []dsync.Event) []dsync.Event { all[4].Context.Sequence = 4; return all }, counts{gaps: 1}},
		"a loss at the end": {func(all []dsync.Event) []dsync.Event { return all[:8] }, counts{missing: 1}},
		"an event twice": {func(all []dsync.Event) []dsync.Event {
			return append(all[:8], event(9, dsync.GroupDeleted, "", "g"), event(10, dsync.DirectoryDeleted, "", ""))
		}, counts{foreign: 1, late: 1}},
		"a stranger": {func(all []dsync.Event) []dsync.Event {
			return append(all[:8], event(9, dsync.UserCreated, "x", ""), event(10, dsync.DirectoryDeleted, "", ""))
		}, counts{foreign: 1}},
		"a membership before its group":         {swap(1, 2), counts{early: 1}},
		"a membership after its user":           {swap(2, 4), counts{late: 2, order: 1}},
		"a membership before the user's return": {swap(5, 6), counts{late: 1}},
		"a membership after its group":          {swap(6, 7), counts{late: 1}},
		"something after the directory":         {swap(7, 8), counts{late: 1}},
		"an update before the creation":         {swap(0, 3), counts{early: 2, order: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			r := &Report{}
			logged := c.change(history())
			r.log(modelOf(history()), logged, 0)
			r.causes(modelOf(history()), logged)
			got := counts{r.Gaps, r.MissingInLog, r.ForeignInLog, r.OrderInLog, r.TooEarly, r.AboutDeleted}
			if got != c.want {
				t.Errorf("%+v, want %+v: %v", got, c.want, r.problems)
			}
		})
	}
}

// The events of a membership are optional if its user or group ends while they are
// on their way; its other events and those of other resources are not.
func TestOptionalExpectations(t *testing.T) {
	optional := func(m *model, way time.Duration) (names []string) {
		for _, w := range m.want {
			if w.optionalIn(way) {
				names = append(names, w.name)
			}
		}
		return names
	}
	begin := func(deletes bool) *model {
		m := newModel("d", deletes)
		m.createUser("u")
		m.createUser("v")
		m.createGroup("g", "")
		m.join("g", "u", true)
		m.join("g", "v", true)
		return m
	}
	later := func(m *model) {
		for i := range m.want {
			m.want[i].at = time.Now().Add(-90 * time.Second)
		}
		m.deleteUser("u")
	}
	for name, c := range map[string]struct {
		deletes bool
		end     func(*model)
		way     time.Duration
		want    int
	}{
		"nothing ends":                              {false, func(*model) {}, 0, 0},
		"a user is deleted":                         {false, func(m *model) { m.deleteUser("u") }, 0, 1},
		"a group is deleted":                        {false, func(m *model) { m.deleteGroup("g") }, 0, 2},
		"a user is hidden":                          {true, func(m *model) { m.activate("u", false) }, 0, 1},
		"a user is deactivated":                     {false, func(m *model) { m.activate("u", false) }, 0, 0},
		"a user is hidden for once":                 {true, func(m *model) { m.activate("u", false); m.activate("u", true) }, 0, 1},
		"the directory is deleted":                  {false, func(m *model) { m.end() }, 0, 5},
		"a user is deleted later":                   {false, later, 0, 0},
		"a user is deleted later, events were slow": {false, later, 91 * time.Second, 1},
	} {
		m := begin(c.deletes)
		c.end(m)
		if got := optional(m, c.way); len(got) != c.want {
			t.Errorf("%s: optional are %v, want %d", name, got, c.want)
		}
	}
}

// The slowest event is the one that arrived longest after its change; one that has
// not arrived, and the second of a fact, say nothing.
func TestSlowestEvent(t *testing.T) {
	m := newModel("d", false)
	m.createUser("u")
	m.createGroup("g", "")
	m.createUser("late")
	m.join("g", "u", true)
	m.join("g", "u", false)
	m.join("g", "u", true)
	began := m.want[0].at
	for i := range m.want {
		m.want[i].at = began.Add(time.Duration(i) * time.Second)
	}
	arrived := func(f fact) (time.Time, bool) {
		return began.Add(10 * time.Second), f.user != "late"
	}
	if way := m.slowest(arrived); way != 10*time.Second {
		t.Errorf("the slowest event took %s, want 10s", way)
	}
	m.want = m.want[1:]
	if way := m.slowest(arrived); way != 9*time.Second {
		t.Errorf("without the first, the slowest took %s, want 9s", way)
	}
}

// An application applies the events of a resource by their sequence, in whatever
// order they arrive.
func TestConsumerComparesSequences(t *testing.T) {
	for _, order := range [][]int{{0, 1, 2, 3, 4, 5, 6}, {6, 5, 4, 3, 2, 1, 0}, {2, 0, 6, 1, 5, 3, 4, 2, 2}} {
		var all []dsync.Event
		for _, n := range order {
			all = append(all, history()[n])
		}
		c := consume(all)
		if !c.users["u"] || !c.groups["g"] || !c.members("g")["u"] {
			t.Errorf("order %v: %+v", order, c)
		}
	}
}

// What the bus, the log and the reader tell about an event must be the same.
func TestSequencesAreCompared(t *testing.T) {
	sequences := map[string]map[int64]bool{}
	e := event(1, dsync.UserCreated, "u", "")
	collect(sequences, e)
	collect(sequences, e)
	if len(sequences[e.ID]) != 1 {
		t.Errorf("%v", sequences)
	}
	e.Context.Sequence++
	if collect(sequences, e); len(sequences[e.ID]) != 2 {
		t.Errorf("%v", sequences)
	}
}

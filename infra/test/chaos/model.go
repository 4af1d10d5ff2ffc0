package chaos

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"dsync/internal/dsync"
)

// model contains the expected state of a directory and its expected events. It
// consists of maps and lists and shares no code with the dsync implementation.
type model struct {
	id      string
	deletes bool // the deactivation policy
	users   map[string]*person
	groups  map[string]string // id → name
	members map[edge]bool
	want    []expectation
}

type person struct {
	title  string
	active bool
}

type edge struct{ group, user string }

// fact is the part of an event that the campaign compares: the name, the user
// and the group.
type fact struct{ name, user, group string }

// subject returns what the fact is about: a user, a group, a membership, or with
// no ids the directory. The facts of one subject have an order.
func (f fact) subject() fact { return fact{user: f.user, group: f.group} }

func factOf(e dsync.Event) fact {
	about := e.References()
	return fact{e.Name, about.UserID, about.GroupID}
}

// expectation is an event that the directory must publish. One about a membership
// is optional if its user or group is deleted or hidden while it is on its way to
// the log, because then nothing about them may follow. Any is optional if the
// directory is deleted meanwhile.
type expectation struct {
	fact
	at       time.Time
	ended    time.Time // when its subject was deleted or hidden; zero if never
	optional bool
}

// soon is the time that every event may be on its way to the log. Where the
// faults delayed other events of the directory for longer, the limit is the
// slowest of them. A loss of an event that is older is seen although its subject
// is deleted later.
const soon = time.Minute

// optionalIn reports whether the subject ended while the event was on its way, if
// the way takes up to that time.
func (w expectation) optionalIn(way time.Duration) bool {
	return !w.ended.IsZero() && w.ended.Sub(w.at) < max(soon, way)
}

// slowest returns the longest time from a change to its event on the bus.
func (m *model) slowest(arrived func(fact) (time.Time, bool)) (way time.Duration) {
	seen := map[fact]bool{}
	for _, w := range m.want {
		// arrived knows the first event of a fact, which belongs to its first change.
		if at, ok := arrived(w.fact); ok && !seen[w.fact] {
			way = max(way, at.Sub(w.at))
		}
		seen[w.fact] = true
	}
	return way
}

func newModel(id string, deletes bool) *model {
	return &model{id: id, deletes: deletes, users: map[string]*person{}, groups: map[string]string{}, members: map[edge]bool{}}
}

func (m *model) tell(name, user, group string) {
	m.want = append(m.want, expectation{fact: fact{name, user, group}, at: time.Now()})
}

// ends marks expectations whose subject ends: those of the memberships of a user
// or a group, or all.
func (m *model) ends(of func(fact) bool) {
	for i, w := range m.want {
		if of(w.fact) && w.ended.IsZero() {
			m.want[i].ended = time.Now()
		}
	}
}

func membershipOf(id string) func(fact) bool {
	return func(f fact) bool { return f.user != "" && f.group != "" && (f.user == id || f.group == id) }
}

// hidden reports whether the user is hidden from consumers.
func (m *model) hidden(user string) bool { return m.deletes && !m.users[user].active }

func (m *model) createUser(id string) {
	m.users[id] = &person{active: true}
	m.tell(dsync.UserCreated, id, "")
}

func (m *model) retitle(id, title string) {
	if m.users[id].title == title {
		return
	}
	if m.users[id].title = title; !m.hidden(id) {
		m.tell(dsync.UserUpdated, id, "")
	}
}

// activate sets the active state of a user. It returns the number of membership
// events that follow.
func (m *model) activate(id string, active bool) (follow int) {
	u := m.users[id]
	if u.active == active {
		return 0
	}
	u.active = active
	switch {
	case !m.deletes:
		m.tell(dsync.UserUpdated, id, "")
	case !active:
		m.ends(membershipOf(id))
		m.tell(dsync.UserDeleted, id, "")
	default:
		m.tell(dsync.UserCreated, id, "")
		for _, e := range m.edges() {
			if e.user == id {
				m.tell(dsync.GroupUserAdded, id, e.group)
				follow++
			}
		}
	}
	return follow
}

func (m *model) deleteUser(id string) {
	m.ends(membershipOf(id))
	if !m.hidden(id) {
		m.tell(dsync.UserDeleted, id, "")
	}
	delete(m.users, id)
	maps.DeleteFunc(m.members, func(e edge, _ bool) bool { return e.user == id })
}

func (m *model) createGroup(id, name string) {
	m.groups[id] = name
	m.tell(dsync.GroupCreated, "", id)
}

func (m *model) rename(id, name string) {
	m.groups[id] = name
	m.tell(dsync.GroupUpdated, "", id)
}

func (m *model) deleteGroup(id string) {
	m.ends(membershipOf(id))
	m.tell(dsync.GroupDeleted, "", id)
	delete(m.groups, id)
	maps.DeleteFunc(m.members, func(e edge, _ bool) bool { return e.group == id })
}

func (m *model) join(group, user string, in bool) {
	e := edge{group, user}
	if m.members[e] == in {
		return
	}
	name := dsync.GroupUserAdded
	if m.members[e] = true; !in {
		name = dsync.GroupUserRemoved
		delete(m.members, e)
	}
	if !m.hidden(user) {
		m.tell(name, user, group)
	}
}

func (m *model) end() {
	m.ends(func(fact) bool { return true })
	m.tell(dsync.DirectoryDeleted, "", "")
	m.users, m.groups, m.members = map[string]*person{}, map[string]string{}, map[edge]bool{}
}

func (m *model) deleted() bool { return m.want[len(m.want)-1].name == dsync.DirectoryDeleted }

// fate says how long after an expectation its subject ended.
func (m *model) fate(of expectation) string {
	for _, w := range m.want {
		ends := w.fact == fact{dsync.UserDeleted, of.user, ""} || w.fact == fact{dsync.GroupDeleted, "", of.group} || w.name == dsync.DirectoryDeleted
		if ends && w.at.After(of.at) {
			return fmt.Sprintf(", and %s follows %s later", w.name, w.at.Sub(of.at).Round(time.Millisecond))
		}
	}
	return ", and nothing ends its subject"
}

func (m *model) edges() []edge {
	return slices.SortedFunc(maps.Keys(m.members), func(a, b edge) int {
		return slices.Compare([]string{a.group, a.user}, []string{b.group, b.user})
	})
}

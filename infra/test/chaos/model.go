package chaos

import (
	"maps"
	"slices"

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
	want    []fact
}

type person struct {
	title  string
	active bool
}

type edge struct{ group, user string }

// fact is the part of an event that the campaign compares: the name, the user
// and the group. When a user returns, dsync publishes the memberships of the
// user in any order. The facts of these memberships have the same step.
type fact struct {
	name        string
	user, group string
	step        int
}

func newModel(id string, deletes bool) *model {
	return &model{id: id, deletes: deletes, users: map[string]*person{}, groups: map[string]string{}, members: map[edge]bool{}}
}

func (m *model) tell(name, user, group string) {
	m.want = append(m.want, fact{name, user, group, len(m.want)})
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
		m.tell(dsync.UserDeleted, id, "")
	default:
		m.tell(dsync.UserCreated, id, "")
		for _, e := range m.edges() {
			if e.user == id {
				m.tell(dsync.GroupUserAdded, id, e.group)
				m.want[len(m.want)-1].step = len(m.want) - 1 - follow
				follow++
			}
		}
	}
	return follow
}

func (m *model) deleteUser(id string) {
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

func (m *model) delete() {
	m.tell(dsync.DirectoryDeleted, "", "")
	m.users, m.groups, m.members = map[string]*person{}, map[string]string{}, map[edge]bool{}
}

func (m *model) deleted() bool { return m.want[len(m.want)-1].name == dsync.DirectoryDeleted }

func (m *model) edges() []edge {
	return slices.SortedFunc(maps.Keys(m.members), func(a, b edge) int {
		return slices.Compare([]string{a.group, a.user}, []string{b.group, b.user})
	})
}

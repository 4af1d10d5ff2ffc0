package scim

import (
	"strings"
)

// Member is an element of a group's members: an id, the name that the client
// gave with it, and whether it says that this is the id of a group.
type Member struct {
	ID      string
	Display string
	Group   bool
}

// Members is a change of a group's members: first forget all of them if Reset,
// then remove, then add. An id is never both added and removed.
type Members struct {
	Reset   bool
	added   map[string]Member // by id
	removed map[string]bool
	order   []string // ids in the order they were first named
}

// Added lists the members to add, in the order the request named them.
func (m *Members) Added() []Member {
	var list []Member
	for _, id := range m.order {
		if member, ok := m.added[id]; ok {
			list = append(list, member)
		}
	}
	return list
}

// Removed lists the ids to remove, in the order the request named them.
func (m *Members) Removed() []string {
	var list []string
	for _, id := range m.order {
		if m.removed[id] {
			list = append(list, id)
		}
	}
	return list
}

// Empty reports whether there is nothing to do.
func (m *Members) Empty() bool { return !m.Reset && len(m.added) == 0 && len(m.removed) == 0 }

func (m *Members) add(v any) error {
	members, err := readMembers(v)
	if err != nil {
		return err
	}
	for _, member := range members {
		if err := m.note(member.ID); err != nil {
			return err
		}
		m.added[member.ID] = member
		delete(m.removed, member.ID)
	}
	return nil
}

func (m *Members) remove(v any) error {
	members, err := readMembers(v)
	if err != nil {
		return err
	}
	for _, member := range members {
		if err := m.note(member.ID); err != nil {
			return err
		}
		m.removed[member.ID] = true
		delete(m.added, member.ID)
	}
	return nil
}

func (m *Members) reset() { *m = Members{Reset: true} }

func (m *Members) replace(v any) error {
	m.reset()
	return m.add(v)
}

// note registers an id that the request names.
func (m *Members) note(id string) error {
	if m.added == nil {
		m.added, m.removed = map[string]Member{}, map[string]bool{}
	}
	if _, added := m.added[id]; !added && !m.removed[id] {
		if len(m.order) == MaxMembers {
			return tooLarge("one request may name %d members at most", MaxMembers)
		}
		m.order = append(m.order, id)
	}
	return nil
}

// readMembers reads a list of {"value": id}, one such object, or a bare id
// (entra.md Q32, Q39). `$ref` is ignored.
func readMembers(v any) ([]Member, error) {
	if unassigned(v) {
		return nil, nil
	}
	elements, ok := v.([]any)
	if !ok {
		elements = []any{v}
	}
	members := make([]Member, 0, len(elements))
	for _, element := range elements {
		var m Member
		switch element := element.(type) {
		case nil:
			continue
		case string:
			m.ID = element
		case map[string]any:
			value, _ := member(element, "value")
			m.ID, _ = value.(string)
			display, _ := member(element, "display")
			if empty(display) {
				display, _ = member(element, "displayName")
			}
			m.Display, _ = display.(string)
			kind, _ := member(element, "type")
			name, _ := kind.(string)
			m.Group = strings.EqualFold(name, Groups.Name)
		default:
			return nil, badRequest(InvalidValue, "a member is an object with a value")
		}
		if m.ID == "" {
			return nil, badRequest(InvalidValue, "a member has no value")
		}
		if len(m.Display) > MaxDisplay {
			return nil, badRequest(InvalidValue, "the display of a member is longer than %d bytes", MaxDisplay)
		}
		members = append(members, m)
	}
	return members, nil
}

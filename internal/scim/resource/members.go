package resource

import (
	"strings"

	"dsync/internal/scim"
	"dsync/internal/scim/value"
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

func (m *Members) Add(v any) error {
	members, err := readMembers(v)
	if err != nil {
		return err
	}
	for _, member := range members {
		if err := m.register(member.ID); err != nil {
			return err
		}
		m.added[member.ID] = member
		delete(m.removed, member.ID)
	}
	return nil
}

func (m *Members) Remove(v any) error {
	members, err := readMembers(v)
	if err != nil {
		return err
	}
	for _, member := range members {
		if err := m.register(member.ID); err != nil {
			return err
		}
		m.removed[member.ID] = true
		delete(m.added, member.ID)
	}
	return nil
}

func (m *Members) RemoveAll() { *m = Members{Reset: true} }

func (m *Members) ReplaceAll(v any) error {
	m.RemoveAll()
	return m.Add(v)
}

// register registers an id that the request names.
func (m *Members) register(id string) error {
	if m.added == nil {
		m.added, m.removed = map[string]Member{}, map[string]bool{}
	}
	if _, added := m.added[id]; !added && !m.removed[id] {
		if len(m.order) == MaxMembers {
			return scim.TooLarge("a request can list at most %d members", MaxMembers)
		}
		m.order = append(m.order, id)
	}
	return nil
}

// readMembers reads a list of {"value": id}, one such object, or a bare id
// (entra.md Q32, Q39). `$ref` is ignored.
func readMembers(v any) ([]Member, error) {
	if value.Unassigned(v) {
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
			id, _ := scim.Lookup(element, "value")
			m.ID, _ = id.(string)
			display, _ := scim.Lookup(element, "display")
			if value.Empty(display) {
				display, _ = scim.Lookup(element, "displayName")
			}
			m.Display, _ = display.(string)
			kind, _ := scim.Lookup(element, "type")
			name, _ := kind.(string)
			m.Group = strings.EqualFold(name, scim.Groups.Name)
		default:
			return nil, scim.BadRequest(scim.InvalidValue, "a member must be an object with a value")
		}
		if m.ID == "" {
			return nil, scim.BadRequest(scim.InvalidValue, "a member has no value")
		}
		if len(m.Display) > MaxDisplay {
			return nil, scim.BadRequest(scim.InvalidValue, "the display of a member is longer than %d bytes", MaxDisplay)
		}
		members = append(members, m)
	}
	return members, nil
}

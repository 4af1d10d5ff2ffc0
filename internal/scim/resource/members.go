package resource

import (
	"strings"
	"unicode/utf8"

	"dsync/internal/scim"
	"dsync/internal/scim/value"
)

// Member is an element of a group's members: an id, the name that the client
// sent with it, and whether its type is Group.
type Member struct {
	ID      string
	Display string
	Group   bool
}

// Members is a change of a group's members: first remove all if Reset, then
// remove, then add. An id is never both added and removed.
type Members struct {
	Reset   bool
	added   map[string]Member // by id
	removed map[string]bool
	order   []string // ids in the order of the request
}

// Added lists the members to add, in the order of the request.
func (m *Members) Added() []Member {
	var list []Member
	for _, id := range m.order {
		if member, ok := m.added[id]; ok {
			list = append(list, member)
		}
	}
	return list
}

// Removed lists the ids to remove, in the order of the request.
func (m *Members) Removed() []string {
	var list []string
	for _, id := range m.order {
		if m.removed[id] {
			list = append(list, id)
		}
	}
	return list
}

// Empty reports whether the change has no effect.
func (m *Members) Empty() bool { return !m.Reset && len(m.added) == 0 && len(m.removed) == 0 }

// Add adds the members of a value: a list of members or one member.
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

// Remove removes the members of a value, as in Add.
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

// RemoveAll removes all members, those added before included.
func (m *Members) RemoveAll() { *m = Members{Reset: true} }

// ReplaceAll removes all members and adds those of a value, as in Add.
func (m *Members) ReplaceAll(v any) error {
	m.RemoveAll()
	return m.Add(v)
}

// register records an id of the request. It fails above MaxMembers.
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

// readMembers reads a list of {"value": id}, one such object, or an id as a
// string (entra.md Q32, Q39). A `$ref` counts only without a value.
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
			m = readMember(element)
		default:
			return nil, scim.BadRequest(scim.InvalidValue, "a member must be an object with a value")
		}
		if m.ID == "" {
			return nil, scim.BadRequest(scim.InvalidValue, "a member has no value")
		}
		if utf8.RuneCountInString(m.Display) > MaxDisplay {
			return nil, scim.BadRequest(scim.InvalidValue, "the display of a member is longer than %d characters", MaxDisplay)
		}
		members = append(members, m)
	}
	return members, nil
}

// readMember reads a member that is an object.
func readMember(object map[string]any) Member {
	var m Member
	id, _ := scim.Lookup(object, "value")
	m.ID, _ = id.(string)
	display, _ := scim.Lookup(object, "display")
	if value.Empty(display) {
		display, _ = scim.Lookup(object, "displayName")
	}
	m.Display, _ = display.(string)
	kind, _ := scim.Lookup(object, "type")
	name, _ := kind.(string)
	m.Group = strings.EqualFold(name, scim.Groups.Name)
	if !value.Unassigned(id) {
		return m
	}
	ref := scim.Ref(object)
	if user, ok := scim.Referenced(scim.Users.Endpoint, ref); ok {
		m.ID = user
	} else if group, ok := scim.Referenced(scim.Groups.Endpoint, ref); ok {
		m.ID, m.Group = group, true
	}
	return m
}

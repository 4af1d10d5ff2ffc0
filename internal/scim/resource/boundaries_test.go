package resource_test

import (
	"fmt"
	"strings"
	"testing"

	"dsync/internal/scim"
	"dsync/internal/scim/resource"
)

// The last operation on a member counts, and a change is empty if it neither names
// a member nor removes all of them.
func TestMembersOfOperations(t *testing.T) {
	for name, row := range map[string]struct {
		change         func(m *resource.Members) []error
		added, removed string
		empty          bool
	}{
		"nothing":           {func(*resource.Members) []error { return nil }, "[]", "[]", true},
		"added":             {func(m *resource.Members) []error { return []error{m.Add("a")} }, "[a]", "[]", false},
		"removed":           {func(m *resource.Members) []error { return []error{m.Remove("a")} }, "[]", "[a]", false},
		"removed and added": {func(m *resource.Members) []error { return []error{m.Remove("a"), m.Add("a")} }, "[a]", "[]", false},
		"added and removed": {func(m *resource.Members) []error { return []error{m.Add("a"), m.Remove("a")} }, "[]", "[a]", false},
		"all removed":       {func(m *resource.Members) []error { m.RemoveAll(); return nil }, "[]", "[]", false},
		"replaced by none":  {func(m *resource.Members) []error { return []error{m.Add("a"), m.ReplaceAll([]any{})} }, "[]", "[]", false},
	} {
		m := &resource.Members{}
		for _, err := range row.change(m) {
			if err != nil {
				t.Error(name, err)
			}
		}
		var added []string
		for _, member := range m.Added() {
			added = append(added, member.ID)
		}
		if fmt.Sprint(added) != row.added || fmt.Sprint(m.Removed()) != row.removed || m.Empty() != row.empty {
			t.Errorf("%s: added %v, removed %v, empty %v", name, added, m.Removed(), m.Empty())
		}
	}
}

// A request names 5,000 members, each as often as it likes, and not one more.
func TestMaxMembers(t *testing.T) {
	var ids []any
	for i := range resource.MaxMembers {
		ids = append(ids, fmt.Sprint(i))
	}
	m := &resource.Members{}
	if err := m.Add(append(ids, "0", "1")); err != nil {
		t.Errorf("at the limit: %v", err)
	}
	if err := m.Remove("0"); err != nil {
		t.Errorf("a member again: %v", err)
	}
	for name, change := range map[string]func(any) error{"Add": m.Add, "Remove": m.Remove} {
		if err := change("one more"); err == nil {
			t.Errorf("%s: one member above the limit", name)
		}
	}
	for n, fits := range map[int]bool{resource.MaxDisplay: true, resource.MaxDisplay + 1: false} {
		err := (&resource.Members{}).Add(map[string]any{"value": "a", "display": strings.Repeat("x", n)})
		if (err == nil) != fits {
			t.Errorf("a display of %d bytes: %v", n, err)
		}
	}
}

// An extension whose last attribute is unassigned is no part of the resource.
func TestEmptyExtension(t *testing.T) {
	r := map[string]any{"userName": "ada", scim.EnterpriseURN: map[string]any{"department": "", "manager": map[string]any{}}}
	if err := resource.Finish(scim.Users, r); err != nil || len(r) != 1 {
		t.Errorf("%v, %v", r, err)
	}
}

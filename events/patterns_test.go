package events_test

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"dsync/internal/awslocal/eventbridge/pattern"
	"dsync/internal/dsync"
)

// matches has the events that each pattern selects.
var matches = map[string][]string{
	"all":                      dsync.Names,
	"users":                    {dsync.UserCreated, dsync.UserUpdated, dsync.UserDeleted},
	"organization":             except(dsync.GroupUserAdded, dsync.GroupUserRemoved),
	"organization-memberships": {dsync.GroupUserAdded, dsync.GroupUserRemoved},
	"user-deactivated":         {dsync.UserUpdated},
	"user-deleted":             {dsync.UserDeleted},
	"group-members":            {dsync.GroupUserAdded, dsync.GroupUserRemoved},
}

// except returns the names of all events except these.
func except(these ...string) []string {
	return slices.DeleteFunc(slices.Clone(dsync.Names), func(name string) bool { return slices.Contains(these, name) })
}

func compiled(t testing.TB, name string) pattern.Pattern {
	t.Helper()
	var source map[string]any
	if err := json.Unmarshal(readFile(t, filepath.Join("patterns", name+".json")), &source); err != nil {
		t.Fatal(err)
	}
	p, err := pattern.Compile(source)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return p
}

func TestPatterns(t *testing.T) {
	if files := names(t, "patterns"); len(files) != len(matches) {
		t.Errorf("patterns %v, but %d are tested", files, len(matches))
	}
	for name, want := range matches {
		p := compiled(t, name)
		for _, event := range dsync.Names {
			whole := readFile(t, filepath.Join("samples", event+".json"))
			if got := p.Match(whole); got != slices.Contains(want, event) {
				t.Errorf("%s matches %s: %v", name, event, got)
			}
			if p.Match(bytes.Replace(whole, []byte(`"source": "dsync"`), []byte(`"source": "other"`), 1)) {
				t.Errorf("%s matches %s from another source", name, event)
			}
		}
	}
}

// A pattern depends on the value that it is about.
func TestPatternsTellApart(t *testing.T) {
	for _, c := range []struct{ pattern, event, is, instead string }{
		{"organization", dsync.UserCreated, organization, "org_01EZTR6WYX1A0DSE2CYMGXQ24Z"},
		{"organization-memberships", dsync.GroupUserAdded, organization, "org_01EZTR6WYX1A0DSE2CYMGXQ24Z"},
		{"group-members", dsync.GroupUserRemoved, groupID, "directory_group_01E1X5GPMMXF4T1DCERMVEEPVX"},
		{"user-deactivated", dsync.UserUpdated, `"state": "inactive"`, `"state": "active"`},
		// Another change of an inactive user.
		{"user-deactivated", dsync.UserUpdated, `"state": "active"`, `"name": "Lela"`},
	} {
		whole := string(readFile(t, filepath.Join("samples", c.event+".json")))
		if !strings.Contains(whole, c.is) {
			t.Fatalf("%s has no %s", c.event, c.is)
		}
		p := compiled(t, c.pattern)
		if !p.Match([]byte(whole)) || p.Match([]byte(strings.ReplaceAll(whole, c.is, c.instead))) {
			t.Errorf("%s does not distinguish %s from %s", c.pattern, c.is, c.instead)
		}
	}
}

package dsync_test

import (
	"slices"
	"strings"
	"testing"

	"dsync/internal/dsync"
)

// The events of WorkOS Directory Sync (workos.md section 2.2) are all there.
func TestCatalogueHasWorkOSEvents(t *testing.T) {
	for _, name := range []string{
		"dsync.activated", "dsync.deleted",
		"dsync.user.created", "dsync.user.updated", "dsync.user.deleted",
		"dsync.group.created", "dsync.group.updated", "dsync.group.deleted",
		"dsync.group.user_added", "dsync.group.user_removed",
		"dsync.token.created", "dsync.token.revoked",
	} {
		if !slices.Contains(dsync.Names, name) {
			t.Errorf("the catalogue lacks %s", name)
		}
	}
}

// Each row is complete and consistent, and each transition has one event at
// most.
func TestCatalogueRows(t *testing.T) {
	names := map[string]bool{}
	for i, row := range dsync.Catalogue {
		if !strings.HasPrefix(row.Name, "dsync.") || names[row.Name] {
			t.Errorf("%q is no name for an event, or is there twice", row.Name)
		}
		names[row.Name] = true
		if dsync.Names[i] != row.Name {
			t.Errorf("name %d is %s, want %s", i, dsync.Names[i], row.Name)
		}
		ends := row.To == dsync.Absent || row.To == dsync.Deleting
		if ends != slices.Contains(row.Removes, row.Subject) || !ends && row.Removes != nil {
			t.Errorf("%s leads to %q and removes %q", row.Name, row.To, row.Removes)
		}
		for _, other := range dsync.Catalogue[:i] {
			anyState := row.From == dsync.Any || other.From == dsync.Any
			if row.Subject == other.Subject && row.To == other.To && (anyState || row.From == other.From) {
				t.Errorf("%s and %s have the same transition", row.Name, other.Name)
			}
		}
	}
	if len(dsync.Names) != len(dsync.Catalogue) {
		t.Errorf("%d names of %d events", len(dsync.Names), len(dsync.Catalogue))
	}
}

func TestReferences(t *testing.T) {
	const d, u, g = "directory_1", "directory_user_1", "directory_group_1"
	object := func(id string) map[string]any { return map[string]any{"id": id, "directory_id": d} }
	membership := map[string]any{"directory_id": d, "user": object(u), "group": object(g)}
	for name, c := range map[string]struct {
		event string
		data  map[string]any
		want  dsync.References
	}{
		"directory":       {dsync.DirectoryDeleted, map[string]any{"id": d}, dsync.References{DirectoryID: d}},
		"token":           {dsync.TokenCreated, object("directory_token_1"), dsync.References{DirectoryID: d}},
		"user":            {dsync.UserUpdated, object(u), dsync.References{DirectoryID: d, UserID: u}},
		"group":           {dsync.GroupCreated, object(g), dsync.References{DirectoryID: d, GroupID: g}},
		"membership":      {dsync.GroupUserAdded, membership, dsync.References{DirectoryID: d, UserID: u, GroupID: g}},
		"an unknown name": {"dsync.group.merged", object(g), dsync.References{DirectoryID: d}},
		"no data":         {dsync.UserCreated, nil, dsync.References{}},
	} {
		if got := (dsync.Event{Name: c.event, Data: c.data}).References(); got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}

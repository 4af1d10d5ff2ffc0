package relay_test

import (
	"slices"
	"testing"
	"time"

	"dsync/internal/dsync"
	"dsync/internal/session"
	"dsync/internal/table"

	"github.com/google/go-cmp/cmp"
)

// names are those of the events so far, without the directory's own.
func names(all []dsync.Event) (list []string) {
	for _, e := range all {
		if e.Name != dsync.TokenCreated && e.Name != dsync.DirectoryActivated {
			list = append(list, e.Name)
		}
	}
	return list
}

// Under the policy "delete" a user who returns is created, and consumers are
// told of each membership that was kept; the provider does not send it again.
func TestReturnUnderDelete(t *testing.T) {
	m := start(t, dsync.Projection{Deactivation: dsync.Delete}, intact)
	user := m.create(t, session.Users, map[string]any{"userName": "ada", "active": true})
	var groups []string
	for _, name := range []string{"a", "b", "c", "d"} {
		groups = append(groups, m.create(t, session.Groups, map[string]any{"displayName": name}))
	}
	members := func(op, group string) {
		m.patch(t, session.Groups, group, `{"op":"`+op+`","path":"members","value":[{"value":"`+user+`"}]}`)
	}
	members("Add", groups[0])
	members("Add", groups[1])
	m.patch(t, session.Users, user, `{"op":"Replace","path":"active","value":false}`)
	members("Remove", groups[1]) // nobody is told: the user is gone
	members("Add", groups[2])
	m.patch(t, session.Users, user, `{"op":"Replace","path":"title","value":"x"}`)
	m.patch(t, session.Users, user, `{"op":"Replace","path":"active","value":true}`)
	m.until(t, "not all were told", func(all []dsync.Event) bool { return len(names(all)) >= 11 }) // both kept memberships
	members("Add", groups[3])
	marker := m.create(t, session.Users, map[string]any{"userName": "marker", "active": true})
	all := m.await(t, dsync.UserCreated, marker)

	want := []string{
		dsync.UserCreated, dsync.GroupCreated, dsync.GroupCreated, dsync.GroupCreated, dsync.GroupCreated,
		dsync.GroupUserAdded, dsync.GroupUserAdded, dsync.UserDeleted,
		dsync.UserCreated, dsync.GroupUserAdded, dsync.GroupUserAdded, dsync.GroupUserAdded, dsync.UserCreated,
	}
	if diff := cmp.Diff(want, names(all)); diff != "" {
		t.Error(diff)
	}
	var told []string
	again := false
	for _, e := range all {
		switch e.Name {
		case dsync.UserDeleted:
			again = true
			if e.Data["state"] != "inactive" || e.Data["id"] != user {
				t.Errorf("deleted: %v", e.Data)
			}
		case dsync.GroupUserAdded:
			if again {
				told = append(told, e.Data["group"].(map[string]any)["id"].(string))
			}
		}
	}
	slices.Sort(told[:2])
	if kept := []string{groups[0], groups[2], groups[3]}; !slices.Equal(told, kept) {
		t.Errorf("told of %v, want %v", told, kept)
	}
}

// A membership that was written as hidden, just when its user returned, is
// told all the same.
func TestHiddenBehindTheReturn(t *testing.T) {
	m := start(t, dsync.Projection{Deactivation: dsync.Delete}, intact)
	user := m.create(t, session.Users, map[string]any{"userName": "ada", "active": true})
	group := m.create(t, session.Groups, map[string]any{"displayName": "g"})
	late := table.Membership{DirectoryID: m.directory.ID, GroupID: group, UserID: user, At: time.Now().UTC(), Hidden: true}
	if err := m.table.PutMemberships(t.Context(), []table.Membership{late}); err != nil {
		t.Fatal(err)
	}
	m.until(t, "no user_added", func(all []dsync.Event) bool { return slices.Contains(names(all), dsync.GroupUserAdded) })
}

// A directory has its own events, and its deletion is the last of all.
func TestDirectoryEvents(t *testing.T) {
	m := start(t, dsync.Projection{}, intact)
	if _, err := m.session.List(t.Context(), session.Users, listAll); err != nil {
		t.Fatal(err)
	}
	second := table.TokenRef{ID: "directory_token_01000000000000000000000000", Hash: "00", Suffix: "wxyz", Created: time.Now().UTC().Truncate(time.Millisecond)}
	m.change(t, func(d *table.Directory) { d.Tokens = append(d.Tokens, second) })
	m.change(t, func(d *table.Directory) { d.Name = "Other" })
	m.change(t, func(d *table.Directory) { d.Tokens = d.Tokens[1:] })
	user := m.create(t, session.Users, map[string]any{"userName": "ada"})
	group := m.create(t, session.Groups, map[string]any{"displayName": "g"})
	m.patch(t, session.Groups, group, `{"op":"Add","path":"members","value":[{"value":"`+user+`"}]}`)

	job := m.delete(t)
	// What a function still writes, because it trusts its token, is no event.
	m.create(t, session.Users, map[string]any{"userName": "late"})
	all := m.until(t, "no deletion", func(all []dsync.Event) bool { return slices.Contains(names(all), dsync.DirectoryDeleted) })
	for done := (table.Job{}); done.State != table.JobDone; {
		var err error
		if done, err = m.table.Job(t.Context(), job.ID); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	for _, e := range all {
		got = append(got, e.Name)
	}
	want := []string{
		dsync.TokenCreated, dsync.DirectoryActivated, dsync.TokenCreated, dsync.TokenRevoked,
		dsync.UserCreated, dsync.GroupCreated, dsync.GroupUserAdded, dsync.DirectoryDeleted,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if e := all[len(all)-1]; e.Data["id"] != m.directory.ID || e.Data["state"] != "deleting" || e.Data["name"] != "Other" {
		t.Errorf("%v", e.Data)
	}
	if e := all[1]; e.Data["state"] != "active" || e.Data["external_key"] != m.directory.ExternalKey || e.Context.TokenID == "" {
		t.Errorf("%+v", e)
	}
	m.logged(t, want)
}

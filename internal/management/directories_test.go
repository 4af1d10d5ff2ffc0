package management_test

import (
	"crypto/rand"
	"slices"
	"testing"
	"time"

	"dsync/internal/dsynctest"
	"dsync/internal/fault"
	"dsync/internal/management"
	"dsync/internal/settings"
	"dsync/internal/table"
)

func TestMain(m *testing.M) { dsynctest.Main(m) }

// office is a directory, and a session of the team with a clock.
type office struct {
	*management.Session
	table     *table.Table
	directory table.Directory
	at        time.Time
}

func open(t *testing.T) *office {
	api, name := dsynctest.Table(t)
	o := &office{table: table.New(api, name), at: time.Now().UTC().Truncate(time.Millisecond)}
	o.directory, _ = dsynctest.Connect(t, o.table)
	o.Session = management.Bootstrap(o.table, func() time.Time { return o.at }, rand.Reader)
	return o
}

func (o *office) stored(t *testing.T) table.Directory {
	t.Helper()
	d, err := o.table.Directory(t.Context(), o.directory.ID)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// A directory has two active tokens. One that has expired does not count, and the
// next change takes it off the record.
func TestTwoTokens(t *testing.T) {
	o := open(t)
	expires := o.at.Add(time.Hour)
	if _, _, err := o.CreateToken(t.Context(), o.directory.ID, expires); err != nil {
		t.Fatal(err)
	}
	o.at = expires.Add(-time.Millisecond)
	if _, _, err := o.CreateToken(t.Context(), o.directory.ID, time.Time{}); fault.KindOf(err) != fault.Conflict {
		t.Errorf("a third token: %v", err)
	}
	o.at = expires
	if _, _, err := o.CreateToken(t.Context(), o.directory.ID, time.Time{}); err != nil {
		t.Errorf("a token in the place of one that has expired: %v", err)
	}
	if d := o.stored(t); len(d.Tokens) != 2 || slices.ContainsFunc(d.Tokens, func(r table.TokenRef) bool { return r.Expires.Equal(expires) }) {
		t.Errorf("%+v", d.Tokens)
	}
}

// A directory that is paused before its first request waits for it again when it
// is resumed. One that is deleted has no tokens and cannot be changed.
func TestStatesOfADirectory(t *testing.T) {
	o := open(t)
	if _, err := o.PauseDirectory(t.Context(), o.directory.ID); err != nil {
		t.Fatal(err)
	}
	if d := o.stored(t); d.State != table.Unlinked || !d.Paused {
		t.Errorf("paused: %+v", d)
	}
	if d, err := o.ResumeDirectory(t.Context(), o.directory.ID); err != nil || d.State != table.Validating || d.Paused {
		t.Errorf("resumed: %+v, %v", d, err)
	}
	user := table.Resource{Kind: table.User, ID: "directory_user_01KB0000000000000000000000", DirectoryID: o.directory.ID, Document: `{"userName":"ada"}`, Version: 1, Created: o.at, Modified: o.at}
	if err := o.table.Create(t.Context(), user, table.Keys{Name: "ada"}, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := o.User(t.Context(), user.ID, o.directory.ID); err != nil {
		t.Error(err)
	}
	if err := o.DeleteDirectory(t.Context(), o.directory.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := o.User(t.Context(), user.ID, o.directory.ID); fault.KindOf(err) != fault.NotFound {
		t.Errorf("a user of a deleted directory: %v", err)
	}
	if d := o.stored(t); d.State != table.Deleting || len(d.Tokens) != 0 {
		t.Errorf("deleted: %+v", d)
	}
	if token, err := o.table.Token(t.Context(), o.directory.Tokens[0].Hash); err != nil || !token.Revoked {
		t.Errorf("its token: %+v, %v", token, err)
	}
	if _, err := o.ResumeDirectory(t.Context(), o.directory.ID); fault.KindOf(err) != fault.Conflict {
		t.Errorf("a change of a deleted directory: %v", err)
	}
	if err := o.DeleteOrganization(t.Context(), o.directory.OrganizationID); fault.KindOf(err) != fault.Conflict {
		t.Errorf("its organization is deleted before it is purged: %v", err)
	}
}

// A change of how users look starts a job, and any other change does not.
func TestNewViewIsProjected(t *testing.T) {
	o := open(t)
	name := "Other"
	for i, u := range []management.DirectoryUpdate{
		{Name: &name}, {Settings: settings.Change{"deactivation_policy": []byte(`"delete"`)}},
	} {
		if _, err := o.UpdateDirectory(t.Context(), o.directory.ID, u); err != nil {
			t.Fatal(err)
		}
		page, err := o.Jobs(t.Context(), o.directory.ID, management.PageRequest{Limit: 10})
		if err != nil || len(page.Items) != i {
			t.Errorf("change %d: %d jobs, %v", i, len(page.Items), err)
		}
	}
}

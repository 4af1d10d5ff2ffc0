package table_test

import (
	"context"
	"errors"
	"reflect"
	"strconv"
	"testing"
	"time"

	"dsync/internal/id"
	"dsync/internal/table"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Each kind of record expires when the package documentation says, or never.
// Every row writes exactly one record that expires, or none.
func TestTTL(t *testing.T) {
	later := now.Add(30 * 24 * time.Hour)
	keys := table.Keys{Name: "n", ExternalID: "x", Emails: []string{"a@example.com"}}
	for name, row := range map[string]struct {
		write func(ctx context.Context, f fixture)
		want  time.Time // zero for never
	}{
		"users, groups, memberships, claims and look-ups": {func(ctx context.Context, f fixture) {
			user, group := f.create(table.User, keys), f.create(table.Group, keys)
			f.do(f.PutMemberships(ctx, []table.Membership{f.member(group, user)}))
			f.do(f.CreateShared(ctx, f.resource(table.Group, "{}"), keys, nil))
		}, time.Time{}},
		"deleted user": {func(ctx context.Context, f fixture) {
			user := f.create(table.User, keys)
			f.do(f.Delete(ctx, user, keys, f.job(user), later, actor))
		}, later.Add(table.DeletedRetention)},
		"deleted group": {func(ctx context.Context, f fixture) {
			group := f.create(table.Group, keys)
			f.do(f.Delete(ctx, group, keys, f.job(group), later, actor))
		}, later.Add(table.DeletedRetention)},
		"deleted membership": {func(ctx context.Context, f fixture) {
			m := f.member(f.create(table.Group, keys), f.create(table.User, keys))
			m.At = later
			f.do(f.PutMemberships(ctx, []table.Membership{m.SoftDelete()}))
		}, later.Add(table.DeletedRetention)},
		"deleted membership that is added again": {func(ctx context.Context, f fixture) {
			m := f.member(f.create(table.Group, keys), f.create(table.User, keys))
			f.do(f.PutMemberships(ctx, []table.Membership{m.SoftDelete()}))
			f.do(f.PutMemberships(ctx, []table.Membership{m}))
		}, time.Time{}},
		"organization, directory and token": {func(_ context.Context, f fixture) {
			f.createDirectory(table.TokenRef{ID: newID(f.t, id.Token), Hash: "h"})
		}, time.Time{}},
		"token that expires": {func(_ context.Context, f fixture) {
			f.createDirectory(table.TokenRef{ID: newID(f.t, id.Token), Hash: "h", Expires: later})
		}, later.Add(table.DeletedRetention)},
		"revoked token that expires later": {func(ctx context.Context, f fixture) {
			old := f.createDirectory(table.TokenRef{ID: newID(f.t, id.Token), Hash: "h", Expires: later})
			next := old
			next.Version, next.Tokens = old.Version+1, nil
			f.do(f.ReplaceDirectory(ctx, old, next, nil))
		}, now.Add(table.DeletedRetention)},
		"request": {func(ctx context.Context, f fixture) {
			f.do(f.PutRequests(ctx, []table.Request{{ID: newID(f.t, table.RequestKind), DirectoryID: f.directoryID, At: now}}))
		}, now.Add(table.RequestRetention)},
		"day": {func(ctx context.Context, f fixture) {
			f.do(f.CountDay(ctx, f.directoryID, table.Day{Date: "2026-11-23", Last: now}, true))
			f.do(f.CountDay(ctx, f.directoryID, table.Day{Date: "2026-11-23", Last: later}, true))
		}, later.Add(table.DayRetention)},
	} {
		t.Run(name, func(t *testing.T) {
			f := open(t)
			row.write(t.Context(), f)
			items := f.items()
			if len(items) == 0 {
				t.Fatal("nothing was written")
			}
			var got []string
			for _, item := range items {
				if ttl, ok := item["ttl"]; ok {
					got = append(got, ttl.(*types.AttributeValueMemberN).Value)
				}
			}
			if row.want.IsZero() {
				if len(got) != 0 {
					t.Errorf("expires at %v", got)
				}
			} else if want := strconv.FormatInt(row.want.Unix(), 10); len(got) != 1 || got[0] != want {
				t.Errorf("expires at %v, want %s", got, want)
			}
		})
	}
}

// createDirectory writes an organization and a directory in it.
func (f fixture) createDirectory(tokens ...table.TokenRef) table.Directory {
	f.t.Helper()
	o := table.Organization{ID: newID(f.t, id.Organization), Version: 1, Created: now, Modified: now}
	f.do(f.CreateOrganization(f.t.Context(), o))
	d := table.Directory{ID: f.directoryID, OrganizationID: o.ID, State: table.Linked, Tokens: tokens, Version: 1, Created: now, Modified: now}
	f.do(f.CreateDirectory(f.t.Context(), d))
	return d
}

// A deleted resource leaves its record, the claim of its id, the job and the
// job's entry in the list of running jobs, and nothing else: no claim of a name,
// no look-up, no index entry. The record has the actor of the deletion. When the job has ended, its entry is
// gone, too.
func TestDeletedResourceRemains(t *testing.T) {
	for kind, values := range map[table.Kind]table.Keys{
		table.User:  {Name: "ada", ExternalID: "x", Emails: []string{"a@example.com", "b@example.com"}},
		table.Group: {Name: "g", ExternalID: "x"},
	} {
		f := open(t)
		r := f.create(kind, values)
		deleter := table.Actor{RequestID: "other request", TokenID: "other token"}
		job := f.job(r)
		f.do(f.Delete(t.Context(), r, values, job, now, deleter))
		all := must(f.Resources(t.Context(), kind, f.directoryID, []string{r.ID}))
		if len(all) != 1 || !all[0].Deleted || all[0].Version != r.Version+1 || all[0].Actor != deleter || all[0].Document != r.Document {
			t.Errorf("%s: the record is %+v", kind, all)
		}
		items := f.items()
		if len(items) != 4 {
			t.Errorf("%s: %d items remain, want the record, its id, the job and its entry", kind, len(items))
		}
		for _, item := range items {
			if _, deleted := item["deleted"]; deleted && item["gsi1pk"] != nil {
				t.Errorf("%s: the record is in the index", kind)
			}
		}
		job.Steps, job.State = 1, table.JobDone
		f.do(f.StepJob(t.Context(), job))
		if items := f.items(); len(items) != 3 {
			t.Errorf("%s: %d items remain after the job, want the record, its id and the job", kind, len(items))
		}
	}
}

// What is used or changed after it was removed does not come back.
func TestNoGhosts(t *testing.T) {
	f, ctx := open(t), t.Context()
	user, group := f.create(table.User, table.Keys{Name: "u"}), f.create(table.Group, table.Keys{Name: "g"})
	m := f.member(group, user)
	m.Hidden = true
	before := f.items()
	f.do(f.UseToken(ctx, "gone", "2026-11-23"))
	f.do(f.AnnounceMembership(ctx, m, 1))
	if err := f.Activate(ctx, f.directoryID, "gone", now, actor); !errors.Is(err, table.ErrNotFound) {
		t.Errorf("Activate with a token that is gone: %v", err)
	}
	if _, err := f.Touch(ctx, f.directoryID, newID(t, id.Group), 0, now, actor); !errors.Is(err, table.ErrNotFound) {
		t.Errorf("Touch of a group that is gone: %v", err)
	}
	if after := f.items(); !reflect.DeepEqual(before, after) {
		t.Errorf("the items were %v and are %v", before, after)
	}
	f.do(f.PutMemberships(ctx, []table.Membership{m.SoftDelete()}))
	before = f.items()
	f.do(f.AnnounceMembership(ctx, m, 1))
	if after := f.items(); !reflect.DeepEqual(before, after) {
		t.Errorf("a deleted membership was announced: %v", after)
	}
}

// A deleted membership leaves its record, outside the index.
func TestDeletedMembershipRemains(t *testing.T) {
	f, ctx := open(t), t.Context()
	user, group := f.create(table.User, table.Keys{Name: "u"}), f.create(table.Group, table.Keys{Name: "g"})
	m := f.member(group, user)
	f.do(f.PutMemberships(ctx, []table.Membership{m}))
	before := len(f.items())
	f.do(f.PutMemberships(ctx, []table.Membership{m.SoftDelete()}))
	if n := len(f.items()); n != before {
		t.Errorf("%d items, want %d", n, before)
	}
	if kept, _, err := f.KeptMemberships(ctx, f.directoryID, user.ID, "", 10); err != nil || len(kept) != 0 {
		t.Errorf("KeptMemberships = %v, %v", kept, err)
	}
	f.do(f.RemoveMemberships(ctx, []table.Membership{m, m}))
	if n := len(f.items()); n != before-1 {
		t.Errorf("%d items after RemoveMemberships, want %d", n, before-1)
	}
}

// Purge, RemoveDirectory and EraseIDs leave nothing of a directory.
func TestPurge(t *testing.T) {
	f, ctx := open(t), t.Context()
	d := f.createDirectory(table.TokenRef{ID: newID(t, id.Token), Hash: "1"}, table.TokenRef{ID: newID(t, id.Token), Hash: "2"})
	keys := table.Keys{Name: "n", ExternalID: "x", Emails: []string{"a@example.com"}}
	user, group := f.create(table.User, keys), f.create(table.Group, keys)
	f.do(f.PutMemberships(ctx, []table.Membership{f.member(group, user)}))
	f.do(f.PutRequests(ctx, []table.Request{{ID: newID(t, table.RequestKind), DirectoryID: d.ID, At: now}}))
	f.do(f.CountDay(ctx, d.ID, table.Day{Date: "2026-11-23", Last: now}, true))
	total, want := 0, len(f.items())-7 // the organization, the directory, its entry in the organization, two tokens, two ids
	for {
		n, err := f.Purge(ctx, d.ID, 3)
		f.do(err)
		if n > 3 {
			t.Errorf("Purge deleted %d records, more than the limit", n)
		}
		total += n
		if n == 0 {
			break
		}
	}
	if total != want {
		t.Errorf("Purge deleted %d records, want %d", total, want)
	}
	if _, err := f.Directory(ctx, d.ID); err != nil {
		t.Errorf("Purge deleted the directory's own record: %v", err)
	}
	for range 2 { // it can be repeated
		f.do(f.RemoveDirectory(ctx, d))
	}
	for _, want := range []int{1, 1, 0} {
		if n := must(f.EraseIDs(ctx, d.ID, 1)); n != want {
			t.Errorf("EraseIDs deleted %d ids, want %d", n, want)
		}
	}
	if items := f.items(); len(items) != 1 {
		t.Errorf("%d items remain, want the organization", len(items))
	}
}

package table_test

import (
	"errors"
	"reflect"
	"testing"

	"dsync/internal/table"
)

// A change of a deleted resource fails, whatever version it names.
func TestDeletedStaysDeleted(t *testing.T) {
	f, ctx := open(t), t.Context()
	keys := table.Keys{Name: "g"}
	group := f.create(table.Group, keys)
	f.do(f.Delete(ctx, group, keys, f.job(group), now, actor))
	deleted := group
	deleted.Version++
	if err := f.Update(ctx, deleted.Version, next(deleted)); !errors.Is(err, table.ErrStale) {
		t.Errorf("Update: %v", err)
	}
	if _, err := f.Touch(ctx, f.directoryID, group.ID, 0, now, actor); !errors.Is(err, table.ErrNotFound) {
		t.Errorf("Touch: %v", err)
	}
	for r, err := range f.All(ctx, table.Group, f.directoryID, "") {
		t.Errorf("All: %+v, %v", r, err)
	}
	if r, err := f.Locate(ctx, table.Group, "group_1", []string{f.directoryID}); !errors.Is(err, table.ErrNotFound) {
		t.Errorf("Locate of a wrong id: %+v, %v", r, err)
	}
}

// An announcement changes a membership of an earlier generation, or a hidden one,
// once.
func TestAnnounceMembership(t *testing.T) {
	for name, row := range map[string]struct {
		edit       func(*table.Membership)
		generation int64
		want       int64
		changes    bool
	}{
		"of an earlier generation": {func(m *table.Membership) { m.Generation = 1 }, 2, 2, true},
		"of the generation":        {func(m *table.Membership) { m.Generation = 2 }, 2, 2, false},
		"of a later generation":    {func(m *table.Membership) { m.Generation = 3 }, 2, 3, false},
		"hidden":                   {func(m *table.Membership) { m.Hidden = true }, 0, 0, true},
		"of no generation":         {func(*table.Membership) {}, 1, 1, true},
		"of no generation, to 0":   {func(*table.Membership) {}, 0, 0, false},
	} {
		f, ctx := open(t), t.Context()
		m := f.member(f.resource(table.Group, "{}"), f.resource(table.User, "{}"))
		row.edit(&m)
		f.do(f.PutMemberships(ctx, []table.Membership{m}))
		before := f.items()
		f.do(f.AnnounceMembership(ctx, m, row.generation))
		got := must(f.Membership(ctx, m))
		if got.Generation != row.want || got.Hidden || reflect.DeepEqual(f.items(), before) == row.changes {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// The second write over one version fails. RetryStale tries it again, sixty times
// at most.
func TestRetryStale(t *testing.T) {
	for stale, want := range map[int]error{0: nil, 1: nil, 59: nil, 60: table.ErrBusy} {
		calls := 0
		err := table.RetryStale(func() error {
			if calls++; calls <= stale {
				return table.ErrStale
			}
			return nil
		})
		if !errors.Is(err, want) {
			t.Errorf("stale %d times: %v after %d calls, want %v", stale, err, calls, want)
		}
	}
}

package table_test

import (
	"errors"
	"strings"
	"sync"
	"testing"

	"dsync/internal/id"
	"dsync/internal/table"

	"github.com/google/go-cmp/cmp"
)

func TestResourceRoundTrip(t *testing.T) {
	f, ctx := open(t), t.Context()
	n := table.Keys{Name: "Ada@Example.com", ExternalID: "x#1", Emails: []string{"ada@example.com", "ADA@example.com"}}
	want := f.create(table.User, n)

	got, err := f.Resource(ctx, table.User, f.directoryID, want.ID)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(table.Resource{})); diff != "" {
		t.Error(diff)
	}
	for _, name := range []string{"Ada@Example.com", "ada@EXAMPLE.com"} {
		if got, err := f.byName(ctx, table.User, f.directoryID, name); err != nil || got != want.ID {
			t.Errorf("byName(%q) = %q, %v", name, got, err)
		}
	}
	if ids, err := f.ByExternalID(ctx, table.User, f.directoryID, "x#1"); err != nil || len(ids) != 1 {
		t.Errorf("ByExternalID = %v, %v", ids, err)
	}
	if ids, err := f.ByExternalID(ctx, table.User, f.directoryID, "x"); err != nil || len(ids) != 0 {
		t.Errorf("ByExternalID of a prefix = %v, %v", ids, err)
	}
	if ids, err := f.ByEmail(ctx, f.directoryID, "Ada@example.COM"); err != nil || len(ids) != 1 {
		t.Errorf("ByEmail = %v, %v", ids, err)
	}
	if ids, _, err := f.IDs(ctx, table.User, f.directoryID, "", 9); err != nil || len(ids) != 1 || ids[0] != want.ID {
		t.Errorf("IDs = %v, %v", ids, err)
	}
}

func TestNamesAreUniquePerDirectoryAndKind(t *testing.T) {
	f, ctx := open(t), t.Context()
	f.create(table.User, table.Keys{Name: "ada"})
	if err := f.Create(ctx, f.resource(table.User, "{}"), table.Keys{Name: "ADA"}, nil); !errors.Is(err, table.ErrTaken) {
		t.Errorf("the same name in another letter case: %v", err)
	}
	f.create(table.Group, table.Keys{Name: "ada"})
	other := f
	other.directoryID = newID(t, id.Directory)
	other.create(table.User, table.Keys{Name: "ada"})
	if ids, _, _ := f.IDs(ctx, table.User, f.directoryID, "", 9); len(ids) != 1 {
		t.Errorf("the rejected create left a record: %v", ids)
	}
}

func TestReplaceMovesClaimsAndLookups(t *testing.T) {
	f, ctx := open(t), t.Context()
	oldKeys := table.Keys{Name: "ada", ExternalID: "1", Emails: []string{"a@x"}}
	newKeys := table.Keys{Name: "eve", ExternalID: "2", Emails: []string{"b@x"}}
	old := f.create(table.User, oldKeys)
	next := old
	next.Version, next.Document = 2, `{"x":"eve"}`
	if err := f.Replace(ctx, old, next, oldKeys, newKeys); err != nil {
		t.Fatal(err)
	}
	if _, err := f.byName(ctx, table.User, f.directoryID, "ada"); !errors.Is(err, table.ErrNotFound) {
		t.Errorf("the old name is still claimed: %v", err)
	}
	for _, ids := range [][]string{must(f.ByExternalID(ctx, table.User, f.directoryID, "1")), must(f.ByEmail(ctx, f.directoryID, "a@x"))} {
		if len(ids) != 0 {
			t.Errorf("an old look-up is left: %v", ids)
		}
	}
	if ids := must(f.ByEmail(ctx, f.directoryID, "b@x")); len(ids) != 1 {
		t.Errorf("the new e-mail address is not found: %v", ids)
	}
	// The same change again, as after a timeout, is stale: the resource has the
	// name already.
	if err := f.Replace(ctx, old, next, oldKeys, newKeys); !errors.Is(err, table.ErrStale) {
		t.Errorf("stale rename: %v", err)
	}
	if err := f.Replace(ctx, old, next, newKeys, newKeys); !errors.Is(err, table.ErrStale) {
		t.Errorf("stale replace: %v", err)
	}
	f.create(table.User, table.Keys{Name: "bob"})
	third := next
	third.Version = 3
	if err := f.Replace(ctx, next, third, newKeys, table.Keys{Name: "Bob"}); !errors.Is(err, table.ErrTaken) {
		t.Errorf("rename to a taken name: %v", err)
	}
	// Only the letter case of the name changes: the claim stays.
	if err := f.Replace(ctx, next, third, newKeys, table.Keys{Name: "EVE", ExternalID: "2", Emails: []string{"B@X"}}); err != nil {
		t.Error(err)
	}
}

func TestDeleteFreesTheNameAndClearsMemberships(t *testing.T) {
	f, ctx := open(t), t.Context()
	n := table.Keys{Name: "ada", ExternalID: "1", Emails: []string{"a@x"}}
	user, group := f.create(table.User, n), f.create(table.Group, table.Keys{Name: "g"})
	if err := f.PutMemberships(ctx, []table.Membership{f.member(group, user)}); err != nil {
		t.Fatal(err)
	}
	job := f.job(user)
	if err := f.Delete(ctx, user, n, job, now, actor); err != nil {
		t.Fatal(err)
	}
	if err := f.Delete(ctx, user, n, f.job(user), now, actor); !errors.Is(err, table.ErrStale) {
		t.Errorf("second delete: %v", err)
	}
	if _, err := f.Resource(ctx, table.User, f.directoryID, user.ID); !errors.Is(err, table.ErrNotFound) {
		t.Errorf("read of a deleted user: %v", err)
	}
	if ids, _, err := f.IDs(ctx, table.User, f.directoryID, "", 9); err != nil || len(ids) != 0 {
		t.Errorf("a deleted user is listed: %v", ids)
	}
	if all := must(f.Resources(ctx, table.User, f.directoryID, []string{user.ID})); len(all) != 1 || !all[0].Deleted {
		t.Errorf("the relay cannot read the deleted user: %v", all)
	}
	f.create(table.User, n) // the name is free
	job.Listed = true
	if got, err := f.Job(ctx, job.ID); err != nil || got != job {
		t.Errorf("Job = %+v, %v", got, err)
	}
	if n, err := f.ClearMemberships(ctx, table.User, f.directoryID, user.ID, 10); err != nil || n != 1 {
		t.Errorf("ClearMemberships = %d, %v", n, err)
	}
	if n, err := f.ClearMemberships(ctx, table.User, f.directoryID, user.ID, 10); err != nil || n != 0 {
		t.Errorf("ClearMemberships again = %d, %v", n, err)
	}
	if in := must(f.IsMember(ctx, f.directoryID, group.ID, user.ID, 0)); in {
		t.Error("the membership is left")
	}
}

func TestTouch(t *testing.T) {
	f, ctx := open(t), t.Context()
	group := f.create(table.Group, table.Keys{Name: "g"})
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			if _, err := f.Touch(ctx, f.directoryID, group.ID, 0, now, actor); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if r, err := f.Resource(ctx, table.Group, f.directoryID, group.ID); err != nil || r.Version != 51 {
		t.Errorf("version %d, %v", r.Version, err)
	}
	if _, err := f.Touch(ctx, f.directoryID, group.ID, 50, now, actor); !errors.Is(err, table.ErrStale) {
		t.Errorf("stale touch: %v", err)
	}
	if _, err := f.Touch(ctx, f.directoryID, newID(t, id.Group), 0, now, actor); !errors.Is(err, table.ErrNotFound) {
		t.Errorf("touch of a group that does not exist: %v", err)
	}
}

// Of concurrent creates with one name exactly one succeeds; the others fail with
// ErrTaken.
func TestConcurrentCreates(t *testing.T) {
	f, ctx := open(t), t.Context()
	var wg sync.WaitGroup
	var mu sync.Mutex
	results := map[error]int{}
	for range 20 {
		wg.Go(func() {
			err := f.Create(ctx, f.resource(table.User, "{}"), table.Keys{Name: "ada"}, nil)
			mu.Lock()
			defer mu.Unlock()
			results[err]++
		})
	}
	wg.Wait()
	if results[nil] != 1 || results[table.ErrTaken] != 19 {
		t.Errorf("results %v", results)
	}
}

// Values with separators and values that are longer than a segment are found,
// and only they are.
func TestAwkwardKeys(t *testing.T) {
	f, ctx := open(t), t.Context()
	long := strings.Repeat("0123456789", 200)
	values := []string{"a", "a#", "a#b", "a%23b", "%", "~", "ä", long, long + "x", " "}
	for _, v := range values {
		f.create(table.User, table.Keys{Name: v, ExternalID: v, Emails: []string{v}})
	}
	for _, v := range values {
		if ids, err := f.ByExternalID(ctx, table.User, f.directoryID, v); err != nil || len(ids) != 1 {
			t.Errorf("%.20q: %v, %v", v, ids, err)
		}
		if _, err := f.byName(ctx, table.User, f.directoryID, v); err != nil {
			t.Errorf("%.20q: %v", v, err)
		}
	}
}

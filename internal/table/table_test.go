package table_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"dsync/internal/dsynctest"
	"dsync/internal/id"
	"dsync/internal/table"

	"crypto/rand"

	"github.com/google/go-cmp/cmp"
)

func TestMain(m *testing.M) { dsynctest.Main(m) }

var (
	now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	by  = table.Actor{RequestID: "request", TokenID: "token"}
)

func newID(t testing.TB, k id.Kind) string {
	t.Helper()
	s, err := id.New(k, now, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

type fixture struct {
	*table.Table
	t   testing.TB
	dir string
}

func open(t testing.TB) fixture {
	api, name := dsynctest.Table(t)
	return fixture{table.New(api, name), t, newID(t, id.Directory)}
}

func (f fixture) resource(k table.Kind, doc string) table.Resource {
	kind := id.User
	if k == table.Group {
		kind = id.Group
	}
	return table.Resource{
		Kind: k, ID: newID(f.t, kind), DirectoryID: f.dir, OrganizationID: "org_1",
		Document: doc, Version: 1, Created: now, Modified: now, Actor: by,
	}
}

func (f fixture) create(k table.Kind, n table.Keys) table.Resource {
	f.t.Helper()
	r := f.resource(k, `{"x":"`+n.Name+`"}`)
	if err := f.Create(f.t.Context(), r, n, nil); err != nil {
		f.t.Fatal(err)
	}
	return r
}

func (f fixture) member(group, user table.Resource) table.Membership {
	return table.Membership{DirectoryID: f.dir, OrganizationID: "org_1", GroupID: group.ID, UserID: user.ID, At: now, Actor: by}
}

func (f fixture) job(r table.Resource) table.Job {
	return table.Job{ID: newID(f.t, id.Job), DirectoryID: f.dir, Kind: r.Kind, Subject: r.ID, State: table.JobRunning, Created: now, Modified: now}
}

func TestResourceRoundTrip(t *testing.T) {
	f, ctx := open(t), t.Context()
	n := table.Keys{Name: "Ada@Example.com", ExternalID: "x#1", Emails: []string{"ada@example.com", "ADA@example.com"}}
	want := f.create(table.User, n)

	got, err := f.Resource(ctx, table.User, f.dir, want.ID)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(table.Resource{})); diff != "" {
		t.Error(diff)
	}
	for _, name := range []string{"Ada@Example.com", "ada@EXAMPLE.com"} {
		if got, err := f.ByName(ctx, table.User, f.dir, name); err != nil || got != want.ID {
			t.Errorf("ByName(%q) = %q, %v", name, got, err)
		}
	}
	if ids, err := f.ByExternalID(ctx, table.User, f.dir, "x#1"); err != nil || len(ids) != 1 {
		t.Errorf("ByExternalID = %v, %v", ids, err)
	}
	if ids, err := f.ByExternalID(ctx, table.User, f.dir, "x"); err != nil || len(ids) != 0 {
		t.Errorf("ByExternalID of a prefix = %v, %v", ids, err)
	}
	if ids, err := f.ByEmail(ctx, f.dir, "Ada@example.COM"); err != nil || len(ids) != 1 {
		t.Errorf("ByEmail = %v, %v", ids, err)
	}
	if ids, err := f.IDs(ctx, table.User, f.dir, "", 0); err != nil || len(ids) != 1 || ids[0] != want.ID {
		t.Errorf("IDs = %v, %v", ids, err)
	}
}

func TestNamesAreUniquePerDirectoryAndKind(t *testing.T) {
	f, ctx := open(t), t.Context()
	f.create(table.User, table.Keys{Name: "ada"})
	if err := f.Create(ctx, f.resource(table.User, "{}"), table.Keys{Name: "ADA"}, nil); !errors.Is(err, table.ErrTaken) {
		t.Errorf("same name in another case: %v", err)
	}
	f.create(table.Group, table.Keys{Name: "ada"})
	other := f
	other.dir = newID(t, id.Directory)
	other.create(table.User, table.Keys{Name: "ada"})
	if ids, _ := f.IDs(ctx, table.User, f.dir, "", 0); len(ids) != 1 {
		t.Errorf("the refused create left a record: %v", ids)
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
	if _, err := f.ByName(ctx, table.User, f.dir, "ada"); !errors.Is(err, table.ErrNotFound) {
		t.Errorf("the old name is still claimed: %v", err)
	}
	for _, ids := range [][]string{must(f.ByExternalID(ctx, table.User, f.dir, "1")), must(f.ByEmail(ctx, f.dir, "a@x"))} {
		if len(ids) != 0 {
			t.Errorf("an old look-up is left: %v", ids)
		}
	}
	if ids := must(f.ByEmail(ctx, f.dir, "b@x")); len(ids) != 1 {
		t.Errorf("the new e-mail is not found: %v", ids)
	}
	// The same change again, as after a timeout, is stale: the name is its own.
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

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestDeleteFreesTheNameAndClearsMemberships(t *testing.T) {
	f, ctx := open(t), t.Context()
	n := table.Keys{Name: "ada", ExternalID: "1", Emails: []string{"a@x"}}
	user, group := f.create(table.User, n), f.create(table.Group, table.Keys{Name: "g"})
	if err := f.PutMemberships(ctx, []table.Membership{f.member(group, user)}); err != nil {
		t.Fatal(err)
	}
	job := f.job(user)
	if err := f.Delete(ctx, user, n, job, now, by); err != nil {
		t.Fatal(err)
	}
	if err := f.Delete(ctx, user, n, f.job(user), now, by); !errors.Is(err, table.ErrStale) {
		t.Errorf("second delete: %v", err)
	}
	if _, err := f.Resource(ctx, table.User, f.dir, user.ID); !errors.Is(err, table.ErrNotFound) {
		t.Errorf("read of a deleted user: %v", err)
	}
	if ids := must(f.IDs(ctx, table.User, f.dir, "", 0)); len(ids) != 0 {
		t.Errorf("a deleted user is listed: %v", ids)
	}
	if all := must(f.Resources(ctx, table.User, f.dir, []string{user.ID})); len(all) != 1 || !all[0].Deleted {
		t.Errorf("the relay cannot read the deleted user: %v", all)
	}
	f.create(table.User, n) // the name is free
	if got, err := f.Job(ctx, job.ID); err != nil || got != job {
		t.Errorf("Job = %+v, %v", got, err)
	}
	if n, err := f.ClearMemberships(ctx, table.User, f.dir, user.ID, 10); err != nil || n != 1 {
		t.Errorf("ClearMemberships = %d, %v", n, err)
	}
	if n, err := f.ClearMemberships(ctx, table.User, f.dir, user.ID, 10); err != nil || n != 0 {
		t.Errorf("ClearMemberships again = %d, %v", n, err)
	}
	if in := must(f.IsMember(ctx, f.dir, group.ID, user.ID)); in {
		t.Error("the membership is left")
	}
}

func TestMemberships(t *testing.T) {
	f, ctx := open(t), t.Context()
	group := f.create(table.Group, table.Keys{Name: "g"})
	var members []table.Membership
	for i := range 60 { // more than two batches
		members = append(members, f.member(group, f.create(table.User, table.Keys{Name: fmt.Sprint("u", i)})))
	}
	if err := f.PutMemberships(ctx, members); err != nil {
		t.Fatal(err)
	}
	gone := members[7]
	if err := f.PutMemberships(ctx, []table.Membership{gone.SoftDelete()}); err != nil {
		t.Fatal(err)
	}
	count := 0
	for _, err := range f.Members(ctx, f.dir, group.ID, "") {
		if err != nil {
			t.Fatal(err)
		}
		count++
	}
	if count != 59 {
		t.Errorf("%d members, want 59", count)
	}
	stranger := newID(t, id.User)
	exist, in, err := f.CheckMembers(ctx, f.dir, group.ID, []string{gone.UserID, members[0].UserID, stranger, "nonsense", members[0].UserID})
	if err != nil {
		t.Fatal(err)
	}
	if !exist[gone.UserID].Exists || in[gone.UserID] || !in[members[0].UserID] || exist[stranger].Exists || exist["nonsense"].Exists {
		t.Errorf("Present: exist %v, in %v", exist, in)
	}
	if ids := must(f.GroupsOf(ctx, f.dir, gone.UserID)); len(ids) != 0 {
		t.Errorf("GroupsOf a removed member: %v", ids)
	}
	if ids := must(f.GroupsOf(ctx, f.dir, members[0].UserID)); len(ids) != 1 || ids[0] != group.ID {
		t.Errorf("GroupsOf: %v", ids)
	}
}

// Many ids are found among their neighbours, whether they lie close together
// or far apart, and whatever is between them.
func TestPresentOfMany(t *testing.T) {
	f, ctx := open(t), t.Context()
	group := f.create(table.Group, table.Keys{Name: "g"})
	var everybody []string
	var members []table.Membership
	for i := range 1300 {
		r := f.resource(table.User, `{"x":"`+strings.Repeat("x", 900)+`"}`)
		r.ID = fmt.Sprintf("directory_user_01%024d", i)
		n := table.Keys{Name: fmt.Sprint("u", i)}
		if err := f.Create(ctx, r, n, nil); err != nil {
			t.Fatal(err)
		}
		if i%7 == 0 {
			if err := f.Delete(ctx, r, n, f.job(r), now, by); err != nil {
				t.Fatal(err)
			}
		}
		everybody = append(everybody, r.ID)
		m := f.member(group, r)
		if i%3 == 0 {
			members = append(members, m)
		} else if i%5 == 0 {
			members = append(members, m.SoftDelete())
		}
	}
	if err := f.PutMemberships(ctx, members); err != nil {
		t.Fatal(err)
	}
	for name, pick := range map[string]func(i int) bool{
		"few":         func(i int) bool { return i%100 == 1 },
		"all":         func(int) bool { return true },
		"every other": func(i int) bool { return i%2 == 0 },
		"the rest":    func(i int) bool { return i >= 790 },
	} {
		var asked []string
		for i, id := range everybody {
			if pick(i) {
				asked = append(asked, id)
			}
		}
		asked = append(asked, "directory_user_00000000000000000000000000", "directory_user_7ZZZZZZZZZZZZZZZZZZZZZZZZZ", "nonsense")
		exist, in, err := f.CheckMembers(ctx, f.dir, group.ID, asked)
		if err != nil {
			t.Fatal(err)
		}
		for i, id := range everybody {
			if wantUser, wantMember := pick(i) && i%7 != 0, pick(i) && i%3 == 0; exist[id].Exists != wantUser || in[id] != wantMember {
				t.Fatalf("%s: user %d exists %v, is in %v", name, i, exist[id], in[id])
			}
		}
		for _, id := range asked[len(asked)-3:] {
			if exist[id].Exists || in[id] {
				t.Errorf("%s: %s is there", name, id)
			}
		}
	}
}

func TestTouch(t *testing.T) {
	f, ctx := open(t), t.Context()
	group := f.create(table.Group, table.Keys{Name: "g"})
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			if err := f.Touch(ctx, f.dir, group.ID, 0, now, by); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if r, err := f.Resource(ctx, table.Group, f.dir, group.ID); err != nil || r.Version != 51 {
		t.Errorf("version %d, %v", r.Version, err)
	}
	if err := f.Touch(ctx, f.dir, group.ID, 50, now, by); !errors.Is(err, table.ErrStale) {
		t.Errorf("stale touch: %v", err)
	}
	if err := f.Touch(ctx, f.dir, newID(t, id.Group), 0, now, by); !errors.Is(err, table.ErrNotFound) {
		t.Errorf("touch of nothing: %v", err)
	}
}

// Racing creates of one name: exactly one wins, the others are told so.
func TestRacingCreates(t *testing.T) {
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

func TestStepJobOnce(t *testing.T) {
	f, ctx := open(t), t.Context()
	n := table.Keys{Name: "ada"}
	user := f.create(table.User, n)
	job := f.job(user)
	if err := f.Delete(ctx, user, n, job, now, by); err != nil {
		t.Fatal(err)
	}
	job.Steps = 1
	if err := f.StepJob(ctx, job); err != nil {
		t.Error(err)
	}
	if err := f.StepJob(ctx, job); !errors.Is(err, table.ErrStale) {
		t.Errorf("the same step twice: %v", err)
	}
}

// Values that make awkward keys are found, and nothing else is.
func TestAwkwardKeys(t *testing.T) {
	f, ctx := open(t), t.Context()
	long := string(make([]byte, 0, 2000))
	for range 200 {
		long += "0123456789"
	}
	values := []string{"a", "a#", "a#b", "a%23b", "%", "~", "ä", long, long + "x", " "}
	for _, v := range values {
		f.create(table.User, table.Keys{Name: v, ExternalID: v, Emails: []string{v}})
	}
	for _, v := range values {
		if ids, err := f.ByExternalID(ctx, table.User, f.dir, v); err != nil || len(ids) != 1 {
			t.Errorf("%.20q: %v, %v", v, ids, err)
		}
		if _, err := f.ByName(ctx, table.User, f.dir, v); err != nil {
			t.Errorf("%.20q: %v", v, err)
		}
	}
}

func TestExpiredContextEndsRetries(t *testing.T) {
	f := open(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := f.Touch(ctx, f.dir, newID(t, id.Group), 0, now, by); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

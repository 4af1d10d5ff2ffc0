package removal_test

import (
	"testing"
	"time"

	"dsync/internal/dsynctest"
	"dsync/internal/table"
	"dsync/internal/table/removal"
)

func TestMain(m *testing.M) { dsynctest.Main(m) }

const (
	directory = "directory_01ARZ3NDEKTSV4RRFFQ69G5FAV"
	group     = "directory_group_01ARZ3NDEKTSV4RRFFQ69G5FAV"
	user      = "directory_user_01ARZ3NDEKTSV4RRFFQ69G5FA"
)

// Who was added between the reading and the removal stays, and so does what another
// step has removed, as it is.
func TestRemove(t *testing.T) {
	api, name := dsynctest.Table(t)
	tab := table.New(api, name)
	at := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	member := func(last string, version int64) table.Membership {
		return table.Membership{DirectoryID: directory, GroupID: group, UserID: user + last, Version: version, At: at}
	}
	put := func(members ...table.Membership) {
		t.Helper()
		if err := tab.PutMemberships(t.Context(), members); err != nil {
			t.Fatal(err)
		}
	}
	put(member("A", 0), member("B", 1), member("C", 1), member("D", 2), member("E", 1).SoftDelete())
	page, err := removal.Read(t.Context(), tab, directory, group, 2, "", 10)
	if err != nil || len(page.Members) != 3 || page.Read != 5 || page.More || page.Last != user+"E" {
		t.Fatalf("%+v, %v", page, err)
	}
	put(member("B", 2))
	earlier := member("C", 1)
	earlier.At = at.Add(time.Minute)
	if err := removal.Remove(t.Context(), tab, earlier, 2); err != nil {
		t.Fatal(err)
	}
	for _, m := range page.Members {
		m.At = at.Add(time.Hour)
		if err := removal.Remove(t.Context(), tab, m, 2); err != nil {
			t.Fatal(err)
		}
	}
	for last, want := range map[string]time.Time{"A": at.Add(time.Hour), "B": {}, "C": at.Add(time.Minute), "D": {}} {
		m, err := tab.Membership(t.Context(), member(last, 0))
		if err != nil || m.Deleted != !want.IsZero() || m.Deleted && !m.At.Equal(want) {
			t.Errorf("%s: %+v, %v", last, m, err)
		}
	}
	if page, err := removal.Read(t.Context(), tab, directory, group, 9, user+"A", 2); err != nil || len(page.Members) != 1 || page.Last != user+"C" || !page.More {
		t.Errorf("%+v, %v", page, err)
	}
}

// A group that was emptied again stays emptied.
func TestFinish(t *testing.T) {
	api, name := dsynctest.Table(t)
	tab := table.New(api, name)
	r := table.Resource{Kind: table.Group, ID: group, DirectoryID: directory, Document: `{"displayName":"g"}`, Version: 1, Emptied: 3}
	if err := tab.Create(t.Context(), r, table.Keys{Name: "g"}, nil); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct{ until, want int64 }{{2, 3}, {3, 0}, {3, 0}} {
		if err := removal.Finish(t.Context(), tab, directory, group, step.until); err != nil {
			t.Fatal(err)
		}
		if r, err := tab.Resource(t.Context(), table.Group, directory, group); err != nil || r.Emptied != step.want {
			t.Errorf("after %d: %d, %v", step.until, r.Emptied, err)
		}
	}
}

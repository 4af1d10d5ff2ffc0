package session_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"testing"
	"time"

	"dsync/internal/fault"
	"dsync/internal/management"
	"dsync/internal/session"
	"dsync/internal/settings"
	"dsync/internal/table/count"
)

// quota sets how many users and groups the directory may have, and opens a session
// in a new process.
func (w world) quota(t testing.TB, users, groups int) world {
	t.Helper()
	change := settings.Change{"max_users": fmt.Append(nil, users), "max_groups": fmt.Append(nil, groups)}
	if _, err := management.Bootstrap(w.table, time.Now, rand.Reader).UpdateDirectory(t.Context(), w.directory.ID, management.DirectoryUpdate{Settings: change}); err != nil {
		t.Fatal(err)
	}
	w.functions = session.NewAuthenticator(w.table, time.Now, rand.Reader)
	return w.open(t)
}

// counts gives the directory other counts.
func (w world) counts(t testing.TB, cut int64, users, groups int) {
	t.Helper()
	if err := w.table.BeginCount(t.Context(), w.directory.ID, time.UnixMilli(cut)); err != nil {
		t.Fatal(err)
	}
	if err := w.table.FinishCount(t.Context(), w.directory.ID, count.Counts{Known: true, Active: users - 1, Inactive: 1, Groups: groups, Cut: cut}); err != nil {
		t.Fatal(err)
	}
}

func (w world) try(t testing.TB, kind session.Type, name string) error {
	t.Helper()
	doc, members := parse(t, kind, fmt.Sprintf(`{"userName":%q,"displayName":%q}`, name, name))
	_, err := w.session.Create(t.Context(), kind, doc, members)
	return err
}

// A directory has as many users and groups as its settings say. What is there stays
// and can be changed; and there is room again after a deletion, some seconds later.
func TestQuota(t *testing.T) {
	w := open(t)
	ada := w.user(t, "ada").Meta.ID
	if err := w.quota(t, 2, 1).try(t, session.Users, "not counted yet"); err != nil {
		t.Error(err)
	}
	w = w.quota(t, 3, 1)
	w.counts(t, 1, 2, 1)
	if err := w.try(t, session.Users, "below"); err != nil {
		t.Error(err)
	}
	if err := w.try(t, session.Groups, "at the quota"); fault.KindOf(err) != fault.Full {
		t.Errorf("a group: %v", err)
	}
	w.counts(t, 2, 3, 1)
	for range 2 {
		if err := w.try(t, session.Users, "at the quota"); fault.KindOf(err) != fault.Full {
			t.Errorf("a user: %v", err)
		}
	}
	if err := w.patch(t, session.Users, ada, `{"op":"Replace","path":"title","value":"Countess"}`)(t.Context()); err != nil {
		t.Error(err)
	}
	if err := w.session.Delete(t.Context(), session.Users, ada, session.Condition{}); err != nil {
		t.Error(err)
	}
	w.counts(t, 3, 2, 1)
	if err := w.try(t, session.Users, "at once"); fault.KindOf(err) != fault.Full {
		t.Errorf("the process has read the counts again: %v", err)
	}
	w.functions = session.NewAuthenticator(w.table, func() time.Time { return time.Now().Add(11 * time.Second) }, rand.Reader)
	if err := w.open(t).try(t, session.Users, "later"); err != nil {
		t.Error(err)
	}
}

// A process reads the count after a hundredth of the quota, and at each creation
// close to it. A refusal costs nothing while it is known.
func TestBudgetOfQuota(t *testing.T) {
	w := open(t).quota(t, 1_000, 1_000_000)
	w.counts(t, 1, 990, 7)
	create := func(n int, kind session.Type) (reads float64, refused int) {
		cost := measure(t, "create", func(context.Context) error { return nil })
		for i := range n {
			name := fmt.Sprint(kind.Name, i, time.Now().UnixNano())
			spent := measure(t, "create", func(ctx context.Context) error {
				doc, members := parse(t, kind, fmt.Sprintf(`{"userName":%q,"displayName":%q}`, name, name))
				_, err := w.session.Create(ctx, kind, doc, members)
				if fault.KindOf(err) == fault.Full {
					refused++
					return nil
				}
				return err
			})
			cost.read += spent.read
		}
		return cost.read, refused
	}
	if reads, refused := create(9, session.Users); reads != 0 || refused != 0 {
		t.Errorf("9 of a quota of 1,000: %v read units, %d refused", reads, refused)
	}
	if reads, refused := create(11, session.Users); reads != 2 || refused != 0 { // the count follows later
		t.Errorf("11 more: %v read units, %d refused", reads, refused)
	}
	w.counts(t, 2, 1_000, 7)
	if reads, refused := create(30, session.Users); reads != 1 || refused != 30-9 {
		t.Errorf("30 more: %v read units, %d refused", reads, refused)
	}
	if reads, refused := create(99, session.Groups); reads != 0 || refused != 0 {
		t.Errorf("99 groups: %v read units, %d refused", reads, refused)
	}
	if reads, _ := create(1, session.Groups); reads != 1 {
		t.Errorf("the 100th: %v read units", reads)
	}
}

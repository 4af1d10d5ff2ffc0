package eventlog_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"dsync/internal/dsync"
	"dsync/internal/eventlog"
	"dsync/internal/table"

	"github.com/google/go-cmp/cmp"
)

// Every query returns the events that it selects, in order, with pages of every
// size and in both directions.
func TestRead(t *testing.T) {
	f := setup(t)
	var entries []*eventlog.Entry
	owners := []struct{ org, dir string }{{orgA, dirA}, {orgB, dirB}, {orgA, dirA2}}
	var at []time.Time
	for i := range 60 {
		f.clock.add(5 * time.Minute) // over five hours
		o := owners[i%3]
		e := f.change(o.org, o.dir, dsync.Names[i%len(dsync.Names)])
		f.clock.add(time.Duration(i%4) * time.Second) // logged late
		f.append(e)
		entries, at = append(entries, e), append(at, f.clock.now())
	}
	inA := func(e *eventlog.Entry) bool { return e.OrganizationID == orgA }
	inDir := func(e *eventlog.Entry) bool { return e.DirectoryID == dirB }
	named := func(e *eventlog.Entry) bool { return e.Name == dsync.UserCreated || e.Name == dsync.GroupUserAdded }
	names := []string{dsync.UserCreated, dsync.GroupUserAdded}
	for what, c := range map[string]struct {
		q    eventlog.Query
		want []string
	}{
		"everything":                {eventlog.Query{}, ids(entries, nil)},
		"of an organization":        {eventlog.Query{OrganizationID: orgA}, ids(entries, inA)},
		"of another":                {eventlog.Query{OrganizationID: "org_01000000000000000000000009"}, nil},
		"of a directory":            {eventlog.Query{DirectoryID: dirB}, ids(entries, inDir)},
		"by name":                   {eventlog.Query{Names: names}, ids(entries, named)},
		"by name, of an org":        {eventlog.Query{Names: names, OrganizationID: orgA}, ids(entries, func(e *eventlog.Entry) bool { return inA(e) && named(e) })},
		"by name, of a directory":   {eventlog.Query{Names: names, DirectoryID: dirB}, ids(entries, func(e *eventlog.Entry) bool { return inDir(e) && named(e) })},
		"from a time":               {eventlog.Query{From: at[40]}, ids(entries[40:], nil)},
		"up to a time":              {eventlog.Query{To: at[40]}, ids(entries[:41], nil)},
		"between":                   {eventlog.Query{From: at[10].Add(time.Second), To: at[40].Add(-4 * time.Second)}, ids(entries[11:40], nil)},
		"between, of a directory":   {eventlog.Query{DirectoryID: dirB, From: at[10], To: at[40]}, ids(entries[10:41], inDir)},
		"from the future":           {eventlog.Query{From: at[59].Add(time.Hour)}, nil},
		"after an event":            {eventlog.Query{After: entries[17].ID}, ids(entries[18:], nil)},
		"after another":             {eventlog.Query{After: entries[16].ID}, ids(entries[17:], nil)},
		"after one, of a directory": {eventlog.Query{After: entries[16].ID, DirectoryID: dirB}, ids(entries[17:], inDir)},
		"after the last":            {eventlog.Query{After: entries[59].ID}, nil},
	} {
		for _, limit := range []int{1, 7, 100} {
			c.q.Limit, c.q.Descending = limit, false
			if diff := cmp.Diff(c.want, f.all(c.q)); diff != "" {
				t.Errorf("%s by %d: %s", what, limit, diff)
			}
			if c.q.After != "" {
				continue
			}
			c.q.Descending = true
			if diff := cmp.Diff(reversed(c.want), f.all(c.q)); diff != "" {
				t.Errorf("%s by %d, newest first: %s", what, limit, diff)
			}
		}
	}

	// Forward and back.
	for _, descending := range []bool{false, true} {
		for _, q := range []eventlog.Query{{}, {DirectoryID: dirA}, {OrganizationID: orgA}} {
			q.Limit, q.Descending = 5, descending
			first, p := f.read(q)
			q.After = p.After
			second, p := f.read(q)
			q.After = p.After
			third, p := f.read(q)
			q.After, q.Before = "", p.Before
			back, p := f.read(q)
			if diff := cmp.Diff(second, back); diff != "" {
				t.Errorf("back: %s", diff)
			}
			q.Before = p.Before
			if back, p = f.read(q); cmp.Diff(first, back) != "" || p.Before != "" {
				t.Errorf("back to the first page: %v, and before it %q", back, p.Before)
			}
			q.Before, q.After = "", p.After
			if again, _ := f.read(q); cmp.Diff(second, again) != "" {
				t.Errorf("forward again: %v, want %v, then %v", again, second, third)
			}
		}
	}
}

// The log of all directories is complete up to now: a reader that has passed an
// event misses none that is appended later, whatever the clock of the appender.
func TestNoEventBehindTheReader(t *testing.T) {
	f := setup(t)
	slow := eventlog.New(f.table, func() time.Time { return f.clock.now().Add(-time.Minute) }).Appender()
	first := f.change(orgA, dirA, dsync.UserCreated)
	f.append(first)
	q := eventlog.Query{Limit: 10}
	if got := f.all(q); !slices.Equal(got, []string{first.ID}) {
		t.Fatalf("at once: %v", got)
	}
	q.After = first.ID
	var behind []string
	for _, o := range []struct{ org, dir string }{{orgB, dirB}, {orgA, dirA2}, {orgA, dirA}} {
		e := f.change(o.org, o.dir, dsync.UserUpdated)
		if err := add(t.Context(), f.table, slow, []*eventlog.Entry{e}); err != nil {
			t.Fatal(err)
		}
		behind = append(behind, e.ID)
	}
	got := f.all(q) // in any order of the shards
	slices.Sort(got)
	slices.Sort(behind)
	if !slices.Equal(got, behind) {
		t.Errorf("the reader sees %v, want %v", got, behind)
	}
	// Newest first, the reader begins with the last event, and may go on from it.
	newest, _ := f.read(eventlog.Query{Limit: 1, Descending: true})
	if err := add(t.Context(), f.table, slow, []*eventlog.Entry{f.change(orgB, dirB, dsync.UserDeleted)}); err != nil {
		t.Fatal(err)
	}
	if got := f.all(eventlog.Query{After: newest[0], Limit: 10}); len(got) != 1 {
		t.Errorf("after the newest: %v", got)
	}
}

func TestCursors(t *testing.T) {
	f := setup(t)
	old := f.change(orgA, dirA, dsync.UserCreated)
	f.append(old)
	f.clock.add(eventlog.Retention + time.Hour)
	for _, cursor := range []string{"x", "event_", "event_1", old.ID, "directory_01000000000000000000000000"} {
		for _, q := range []eventlog.Query{{After: cursor, Limit: 1}, {Before: cursor, Limit: 1}, {After: cursor, DirectoryID: dirA, Limit: 1}} {
			if _, err := f.log.Read(t.Context(), q); !errors.Is(err, eventlog.ErrCursor) {
				t.Errorf("%+v: %v", q, err)
			}
		}
	}
	if got := f.all(eventlog.Query{Limit: 10}); got != nil {
		t.Errorf("after the retention: %v", got)
	}
}

func TestFind(t *testing.T) {
	f := setup(t)
	late := f.change(orgA, dirA, dsync.UserCreated)
	f.clock.add(time.Minute)
	f.append(late)
	detail, err := f.log.Find(t.Context(), dirA, late.ID)
	if err != nil || string(detail) != string(late.Detail) {
		t.Errorf("%s, %v", detail, err)
	}
	if _, err := f.log.Find(t.Context(), dirB, late.ID); !errors.Is(err, table.ErrNotFound) {
		t.Errorf("in another directory: %v", err)
	}
}

// A read ends after maxExamined entries and continues by cursor, also if it found
// nothing.
func TestBounded(t *testing.T) {
	if testing.Short() {
		t.Skip("writes 5,000 events")
	}
	f := setup(t)
	var entries []*eventlog.Entry
	for range 5_100 {
		entries = append(entries, f.change(orgA, dirA, dsync.UserCreated))
	}
	f.append(entries...)
	f.clock.add(time.Second)
	last := f.change(orgB, dirB, dsync.UserDeleted)
	f.append(last)
	empty, p := f.read(eventlog.Query{Limit: 10, Names: []string{dsync.UserDeleted}})
	if len(empty) > 0 || p.After == "" {
		t.Errorf("one read found %v and ended with %q", empty, p.After)
	}
	for _, descending := range []bool{false, true} {
		if got := f.all(eventlog.Query{Limit: 10, Names: []string{dsync.UserDeleted}, Descending: descending}); len(got) != 1 || got[0] != last.ID {
			t.Errorf("following the cursor found %v", got)
		}
	}
	if diff := cmp.Diff(gapless(5_100), f.sequences(dirA)); diff != "" {
		t.Error(diff)
	}
}

package eventlog_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"dsync/internal/dsync"
	"dsync/internal/dsynctest"
	"dsync/internal/eventlog"
	"dsync/internal/table"

	"github.com/google/go-cmp/cmp"
)

func TestMain(m *testing.M) { dsynctest.Main(m) }

var (
	epoch = time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
)

const (
	orgA, orgB  = "org_01000000000000000000000000", "org_01000000000000000000000001"
	dirA, dirA2 = "directory_01000000000000000000000000", "directory_01000000000000000000000002"
	dirB        = "directory_01000000000000000000000001"
)

// clock is a time that a test sets.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) add(d time.Duration) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
	return c.t
}

// fixture is a log with a stream that counts.
type fixture struct {
	t     testing.TB
	table *table.Table
	log   *eventlog.Log
	clock *clock
	seq   int
}

func setup(t testing.TB) *fixture {
	api, name := dsynctest.Table(t)
	f := &fixture{t: t, table: table.New(api, name), clock: &clock{t: epoch}, seq: 1000}
	f.log = eventlog.New(f.table, f.clock.now)
	return f
}

// change is the entry of a change that the stream has just told.
func (f *fixture) change(org, dir, name string) eventlog.Entry {
	f.seq++
	e := eventlog.Entry{Name: name, OrganizationID: org, DirectoryID: dir, Changed: f.clock.now().Truncate(time.Second), Sequence: fmt.Sprintf("%030d", f.seq)}
	var err error
	if e.ID, err = dsync.EventID(e.Changed, e.Sequence); err != nil {
		f.t.Fatal(err)
	}
	e.Detail, _ = json.Marshal(dsync.Event{Object: "event", ID: e.ID, Name: name})
	return e
}

func (f *fixture) append(entries ...eventlog.Entry) []eventlog.Outcome {
	f.t.Helper()
	outcomes, err := f.log.Append(f.t.Context(), entries)
	if err != nil {
		f.t.Fatal(err)
	}
	return outcomes
}

func (f *fixture) read(q eventlog.Query) (ids []string, p eventlog.Page) {
	f.t.Helper()
	p, err := f.log.Read(f.t.Context(), q)
	if err != nil {
		f.t.Fatalf("%+v: %v", q, err)
	}
	for _, detail := range p.Events {
		var e dsync.Event
		if err := json.Unmarshal(detail, &e); err != nil {
			f.t.Fatal(err)
		}
		ids = append(ids, e.ID)
	}
	return ids, p
}

// all follows the cursors to the end.
func (f *fixture) all(q eventlog.Query) (ids []string) {
	f.t.Helper()
	for range 10_000 {
		more, p := f.read(q)
		ids = append(ids, more...)
		if q.After = p.After; q.After == "" {
			return ids
		}
	}
	f.t.Fatal("the cursors do not end")
	return nil
}

func ids(entries []eventlog.Entry, keep func(eventlog.Entry) bool) (list []string) {
	for _, e := range entries {
		if keep == nil || keep(e) {
			list = append(list, e.ID)
		}
	}
	return list
}

func reversed(list []string) []string {
	list = slices.Clone(list)
	slices.Reverse(list)
	return list
}

// Every way of reading shows the same events, in order, page by page.
func TestRead(t *testing.T) {
	f := setup(t)
	var entries []eventlog.Entry
	owners := []struct{ org, dir string }{{orgA, dirA}, {orgB, dirB}, {orgA, dirA2}}
	var at []time.Time
	for i := range 60 {
		f.clock.add(5 * time.Minute) // over five hours
		o := owners[i%3]
		e := f.change(o.org, o.dir, dsync.Names[i%len(dsync.Names)])
		if i%4 == 0 {
			f.clock.add(3 * time.Second) // logged late
		}
		f.append(e)
		entries, at = append(entries, e), append(at, f.clock.now())
	}
	f.clock.add(eventlog.Settle)
	inA := func(e eventlog.Entry) bool { return e.OrganizationID == orgA }
	inDir := func(e eventlog.Entry) bool { return e.DirectoryID == dirB }
	named := func(e eventlog.Entry) bool { return e.Name == dsync.UserCreated || e.Name == dsync.GroupUserAdded }
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
		"by name, of an org":        {eventlog.Query{Names: names, OrganizationID: orgA}, ids(entries, func(e eventlog.Entry) bool { return inA(e) && named(e) })},
		"by name, of a directory":   {eventlog.Query{Names: names, DirectoryID: dirB}, ids(entries, func(e eventlog.Entry) bool { return inDir(e) && named(e) })},
		"from a time":               {eventlog.Query{From: at[40]}, ids(entries[40:], nil)},
		"up to a time":              {eventlog.Query{To: at[40]}, ids(entries[:41], nil)},
		"between":                   {eventlog.Query{From: at[10].Add(time.Second), To: at[40].Add(-4 * time.Second)}, ids(entries[11:40], nil)},
		"between, of a directory":   {eventlog.Query{DirectoryID: dirB, From: at[10], To: at[40]}, ids(entries[10:41], inDir)},
		"from the future":           {eventlog.Query{From: at[59].Add(time.Hour)}, nil},
		"after an event":            {eventlog.Query{After: entries[17].ID}, ids(entries[18:], nil)},
		"after one that was late":   {eventlog.Query{After: entries[16].ID}, ids(entries[17:], nil)},
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

	// Back and forth.
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
				t.Errorf("forth again: %v, want %v, then %v", again, second, third)
			}
		}
	}
}

// What is close to now is not shown to readers of all directories: another
// relay may still log before it.
func TestSettle(t *testing.T) {
	f := setup(t)
	e := f.change(orgA, dirA, dsync.UserCreated)
	f.append(e)
	if got := f.all(eventlog.Query{Limit: 10}); got != nil {
		t.Errorf("shown at once: %v", got)
	}
	if got := f.all(eventlog.Query{Limit: 10, DirectoryID: dirA}); len(got) != 1 {
		t.Errorf("the directory's own log shows %v", got)
	}
	f.clock.add(eventlog.Settle)
	if got := f.all(eventlog.Query{Limit: 10}); len(got) != 1 {
		t.Errorf("shown when settled: %v", got)
	}
}

// Logged once, in the order of the stream, nothing behind the end.
func TestAppend(t *testing.T) {
	f := setup(t)
	var entries []eventlog.Entry
	for range 2*table.MaxAppend + 5 { // several transactions
		entries = append(entries, f.change(orgA, dirA, dsync.UserCreated))
	}
	other := f.change(orgB, dirB, dsync.UserCreated)
	f.append(append(slices.Clone(entries), other)...)
	again := f.append(entries...)
	for i, o := range again {
		if o != eventlog.Logged {
			t.Errorf("entry %d, appended again: %v", i, o)
		}
	}
	if diff := cmp.Diff(ids(entries, nil), f.all(eventlog.Query{DirectoryID: dirA, Limit: 100})); diff != "" {
		t.Error(diff)
	}

	end := f.change(orgA, dirA, dsync.DirectoryDeleted)
	end.End = true
	late := f.change(orgA, dirA, dsync.UserCreated)
	if got := f.append(end, late); got[0] != eventlog.Logged || got[1] != eventlog.Dropped {
		t.Errorf("at the end: %v", got)
	}
	if got := f.append(f.change(orgA, dirA, dsync.UserCreated), entries[3], end); got[0] != eventlog.Dropped || got[1] != eventlog.Dropped {
		t.Errorf("behind the end: %v", got)
	}
	if got := f.append(entries[3], end, late); got[0] != eventlog.Logged || got[1] != eventlog.Logged || got[2] != eventlog.Dropped {
		t.Errorf("the end again: %v", got)
	}
	if got := f.append(other); got[0] != eventlog.Logged {
		t.Errorf("another directory: %v", got)
	}
	if diff := cmp.Diff(append(ids(entries, nil), end.ID), f.all(eventlog.Query{DirectoryID: dirA, Limit: 100})); diff != "" {
		t.Error(diff)
	}
}

// An entry that was left out in its time comes behind what is there.
func TestBehind(t *testing.T) {
	f := setup(t)
	a, left, b := f.change(orgA, dirA, dsync.UserCreated), f.change(orgA, dirA, dsync.UserUpdated), f.change(orgA, dirA, dsync.UserDeleted)
	f.append(a, b)
	left.Behind = true
	f.append(left)
	c := f.change(orgA, dirA, dsync.UserCreated)
	f.append(b, c)
	f.clock.add(eventlog.Settle)
	want := []string{a.ID, b.ID, left.ID, c.ID}
	for _, q := range []eventlog.Query{{Limit: 2}, {Limit: 2, DirectoryID: dirA}} {
		if diff := cmp.Diff(want, f.all(q)); diff != "" {
			t.Error(diff)
		}
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

// Relays that append the same at once, under clocks that disagree, log each
// event once and in order; and a reader who follows the cursor meanwhile sees
// every event, in the order of each directory.
func TestRelaysAtOnce(t *testing.T) {
	f := setup(t)
	random := rand.New(rand.NewPCG(1, 2))
	dirs := []struct{ org, dir string }{{orgA, dirA}, {orgA, dirA2}, {orgB, dirB}}
	var relays []*eventlog.Log
	for _, skew := range []time.Duration{-2 * time.Second, 0, 2 * time.Second} {
		relays = append(relays, eventlog.New(f.table, func() time.Time { return f.clock.now().Add(skew) }))
	}
	want := map[string][]string{}
	got := map[string][]string{}
	owner := map[string]string{}
	q := eventlog.Query{Limit: 7}
	seen := map[string]bool{}
	follow := func() {
		for {
			page, p := f.read(q)
			for _, id := range page {
				if q.After = id; !seen[id] {
					seen[id] = true
					got[owner[id]] = append(got[owner[id]], id)
				}
			}
			if p.After == "" {
				return
			}
			q.After = p.After
		}
	}
	for range 40 {
		var batch []eventlog.Entry
		for range 1 + random.IntN(12) {
			d := dirs[random.IntN(len(dirs))]
			e := f.change(d.org, d.dir, dsync.UserUpdated)
			batch = append(batch, e)
			want[d.dir] = append(want[d.dir], e.ID)
			owner[e.ID] = d.dir
		}
		// The shard is late, or not; the batch comes to one relay, or to all
		// at once.
		f.clock.add(time.Duration(random.IntN(5000)) * time.Millisecond)
		var wg sync.WaitGroup
		for i := range 1 + 2*random.IntN(2) {
			log := relays[(i+random.IntN(3))%3]
			wg.Go(func() {
				if _, err := log.Append(t.Context(), batch); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		follow()
	}
	f.clock.add(2 * eventlog.Settle)
	follow()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for _, d := range dirs {
		if diff := cmp.Diff(want[d.dir], f.all(eventlog.Query{DirectoryID: d.dir, Limit: 100})); diff != "" {
			t.Error(diff)
		}
	}
}

// A reader finds its way through days without events.
func TestBounded(t *testing.T) {
	f := setup(t)
	var entries []eventlog.Entry
	for range 130 { // more hours than one read looks at
		f.clock.add(7 * time.Hour)
		e := f.change(orgA, dirA, dsync.UserCreated)
		f.append(e)
		entries = append(entries, e)
	}
	last := f.change(orgB, dirB, dsync.UserDeleted)
	f.append(last)
	f.clock.add(eventlog.Settle)
	empty, p := f.read(eventlog.Query{Limit: 10, Names: []string{dsync.UserDeleted}})
	if len(empty) > 0 || p.After == "" {
		t.Errorf("one read found %v and ended with %q", empty, p.After)
	}
	for _, descending := range []bool{false, true} {
		if got := f.all(eventlog.Query{Limit: 10, Names: []string{dsync.UserDeleted}, Descending: descending}); len(got) != 1 || got[0] != last.ID {
			t.Errorf("following the cursor found %v", got)
		}
		if got := f.all(eventlog.Query{Limit: 100, Descending: descending}); len(got) != len(entries)+1 {
			t.Errorf("%d events, want %d", len(got), len(entries)+1)
		}
	}
}

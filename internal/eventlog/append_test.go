package eventlog_test

import (
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"dsync/internal/dsync"
	"dsync/internal/eventlog"
	"dsync/internal/table"

	"github.com/google/go-cmp/cmp"
)

// An event is logged once, in the order of the stream, and no event is logged
// after the end of the directory.
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
		t.Errorf("after the end: %v", got)
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

// A redriven entry is logged after the events that are in the log.
func TestRedriven(t *testing.T) {
	f := setup(t)
	a, parked, b := f.change(orgA, dirA, dsync.UserCreated), f.change(orgA, dirA, dsync.UserUpdated), f.change(orgA, dirA, dsync.UserDeleted)
	f.append(a, b)
	parked.Redriven = true
	f.append(parked)
	c := f.change(orgA, dirA, dsync.UserCreated)
	f.append(b, c)
	f.clock.add(eventlog.Settle)
	want := []string{a.ID, b.ID, parked.ID, c.ID}
	for _, q := range []eventlog.Query{{Limit: 2}, {Limit: 2, DirectoryID: dirA}} {
		if diff := cmp.Diff(want, f.all(q)); diff != "" {
			t.Error(diff)
		}
	}
}

// Relays that append the same entries at the same time, with clocks that differ,
// log each event once and in order. A reader that follows the cursors at the
// same time sees every event, and those of each directory in order.
func TestConcurrentRelays(t *testing.T) {
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
				q.After = id
				if !seen[id] {
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
		// The stream is late or not. One relay gets the batch, or all of them
		// at the same time.
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

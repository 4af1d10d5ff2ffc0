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

// An event is logged once, in the order of the entries, and no event is logged
// after the end of the directory.
func TestAppend(t *testing.T) {
	f := setup(t)
	var entries []*eventlog.Entry
	for range 2*table.MaxLogActions + 5 { // several transactions
		entries = append(entries, f.change(orgA, dirA, dsync.UserCreated))
	}
	other := f.change(orgB, dirB, dsync.UserCreated)
	f.append(append(slices.Clone(entries), other)...)
	var details []string
	for _, e := range entries {
		details = append(details, string(e.Detail))
		e.Detail = nil
	}
	f.append(entries...)
	for i, e := range entries {
		if string(e.Detail) != details[i] {
			t.Errorf("entry %d, appended again, is %s, was %s", i, e.Detail, details[i])
		}
	}
	if diff := cmp.Diff(ids(entries, nil), f.all(eventlog.Query{DirectoryID: dirA, Limit: 100})); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(gapless(len(entries)), f.sequences(dirA)); diff != "" {
		t.Error(diff)
	}

	end := f.change(orgA, dirA, dsync.DirectoryDeleted)
	end.End = true
	late := f.change(orgA, dirA, dsync.UserCreated)
	if f.append(end, late); end.Detail == nil || late.Detail != nil {
		t.Errorf("at the end: %s, %s", end.Detail, late.Detail)
	}
	later, again := f.change(orgA, dirA, dsync.UserCreated), *entries[3]
	again.Detail = nil
	if f.append(later, &again, end); later.Detail != nil || string(again.Detail) != details[3] || end.Detail == nil {
		t.Errorf("after the end: %s, %s, %s", later.Detail, again.Detail, end.Detail)
	}
	if f.append(other); other.Detail == nil {
		t.Error("another directory has ended, too")
	}
	if diff := cmp.Diff(append(ids(entries, nil), end.ID), f.all(eventlog.Query{DirectoryID: dirA, Limit: 100})); diff != "" {
		t.Error(diff)
	}
}

// A relay cannot append what it derived from an earlier head.
func TestAppendFromAnEarlierHead(t *testing.T) {
	f := setup(t)
	heads, err := f.table.LogHeads(t.Context(), []string{dirA})
	if err != nil {
		t.Fatal(err)
	}
	f.append(f.change(orgA, dirA, dsync.UserCreated))
	e := f.change(orgA, dirA, dsync.UserUpdated)
	done, err := f.log.Appender().Append(t.Context(), heads[dirA], orgA, []eventlog.Op{{Event: e}})
	if err != eventlog.ErrMoved || done != 0 { //nolint:errorlint // it is not wrapped
		t.Errorf("%d operations done, %v", done, err)
	}
	if got := f.all(eventlog.Query{DirectoryID: dirA, Limit: 10}); len(got) != 1 {
		t.Errorf("the log has %v", got)
	}
}

// Relays that append the same entries at the same time, with clocks that differ
// by minutes, log each event once. A reader that follows the cursors at the same
// time sees every event, and those of each directory in the order of their
// sequences, which have no gap.
func TestConcurrentRelays(t *testing.T) {
	f := setup(t)
	random := rand.New(rand.NewPCG(1, 2))
	dirs := []struct{ org, dir string }{{orgA, dirA}, {orgA, dirA2}, {orgB, dirB}}
	var relays []*eventlog.Appender
	for _, skew := range []time.Duration{-2 * time.Minute, 0, 2 * time.Minute} {
		relays = append(relays, eventlog.New(f.table, func() time.Time { return f.clock.now().Add(skew) }).Appender())
	}
	want, got := map[string]int{}, map[string][]string{}
	owner := map[string]string{}
	q := eventlog.Query{Limit: 7}
	seen := map[string]bool{}
	follow := func() {
		for {
			page, p := f.read(q)
			for _, id := range page {
				if q.After = id; seen[id] {
					t.Errorf("the reader sees %s again", id)
				}
				seen[id] = true
				got[owner[id]] = append(got[owner[id]], id)
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
			batch = append(batch, *e)
			want[d.dir]++
			owner[e.ID] = d.dir
		}
		// One relay gets the batch, or all of them at the same time.
		f.clock.add(time.Duration(random.IntN(5000)) * time.Millisecond)
		var wg sync.WaitGroup
		for i := range 1 + 2*random.IntN(2) {
			relay := relays[(i+random.IntN(3))%3]
			wg.Go(func() {
				var own []*eventlog.Entry
				for _, e := range batch {
					own = append(own, &e)
				}
				if err := add(t.Context(), f.table, relay, own); err != nil {
					t.Error(err)
				}
			})
			if i == 0 {
				wg.Go(func() { // a reader that is in the middle of an append
					if _, err := f.log.Read(t.Context(), eventlog.Query{Limit: 100, Descending: true}); err != nil {
						t.Error(err)
					}
				})
			}
		}
		wg.Wait()
		follow()
	}
	for _, d := range dirs {
		if diff := cmp.Diff(f.all(eventlog.Query{DirectoryID: d.dir, Limit: 100}), got[d.dir]); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff(gapless(want[d.dir]), f.sequences(d.dir)); diff != "" {
			t.Error(diff)
		}
	}
}

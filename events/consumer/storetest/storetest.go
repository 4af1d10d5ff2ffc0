// Package storetest is the test suite for implementations of consumer.Store.
package storetest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"dsync/events/consumer"
)

var (
	now   = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	later = now.Add(time.Hour)
	key   = consumer.Key{Directory: "directory_1", Resource: "directory_user_1"}
)

// lease returns a lease of one minute.
func lease(position, holder string, at time.Time) consumer.Lease {
	return consumer.Lease{Position: position, Holder: holder, Now: at, Until: at.Add(time.Minute)}
}

// Run runs the suite. open returns an empty store; it is called once per test.
func Run(t *testing.T, open func(t *testing.T) consumer.Store) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, consumer.Store){
		"events in order":        inOrder,
		"leases":                 leases,
		"leases expire":          expire,
		"release":                release,
		"a lease that was lost":  lost,
		"keys are independent":   independent,
		"marks":                  marks,
		"list":                   list,
		"list of many":           listOfMany,
		"one holder at a time":   oneHolder,
		"the greatest mark wins": greatestMark,
		"a repeated take":        repeatedTake,
		"recorded sequences":     recorded,
		"recorded concurrently":  recordedConcurrently,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

func expect(t *testing.T, what string, got, want error) {
	t.Helper()
	if want == nil && got != nil || !errors.Is(got, want) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func inOrder(t *testing.T, s consumer.Store) {
	ctx := t.Context()
	expect(t, "the first", s.Take(ctx, key, lease("event_5", "a", now)), nil)
	expect(t, "the first", s.Finish(ctx, key, "a", time.Time{}), nil)
	expect(t, "the same", s.Take(ctx, key, lease("event_5", "b", now)), consumer.ErrStale)
	expect(t, "an older one", s.Take(ctx, key, lease("event_4", "b", now)), consumer.ErrStale)
	expect(t, "a newer one", s.Take(ctx, key, lease("event_6", "b", now)), nil)
	expect(t, "a newer one", s.Finish(ctx, key, "b", later), nil)
	expect(t, "the same, removed", s.Take(ctx, key, lease("event_6", "c", now)), consumer.ErrStale)
	expect(t, "the next, after the removal", s.Take(ctx, key, lease("event_7", "c", now)), nil)
}

func leases(t *testing.T, s consumer.Store) {
	ctx := t.Context()
	expect(t, "take", s.Take(ctx, key, lease("event_5", "a", now)), nil)
	expect(t, "the same event elsewhere", s.Take(ctx, key, lease("event_5", "b", now)), consumer.ErrHeld)
	expect(t, "a newer one", s.Take(ctx, key, lease("event_6", "b", now)), consumer.ErrHeld)
	expect(t, "an older one", s.Take(ctx, key, lease("event_4", "b", now)), consumer.ErrStale)
	expect(t, "another holder finishes", s.Finish(ctx, key, "b", time.Time{}), consumer.ErrLost)
	expect(t, "the holder finishes", s.Finish(ctx, key, "a", time.Time{}), nil)
	expect(t, "the holder finishes again", s.Finish(ctx, key, "a", time.Time{}), consumer.ErrLost)
	expect(t, "the newer one again", s.Take(ctx, key, lease("event_6", "b", now)), nil)
}

func expire(t *testing.T, s consumer.Store) {
	ctx := t.Context()
	expect(t, "take", s.Take(ctx, key, lease("event_5", "a", now)), nil)
	before, expiry := now.Add(time.Minute-time.Millisecond), now.Add(time.Minute)
	expect(t, "just before the expiry", s.Take(ctx, key, lease("event_6", "b", before)), consumer.ErrHeld)
	expect(t, "an older event, after the expiry", s.Take(ctx, key, lease("event_4", "b", expiry)), consumer.ErrStale)
	expect(t, "the same, unfinished event", s.Take(ctx, key, lease("event_5", "b", expiry)), nil)
	expect(t, "the new lease holds", s.Take(ctx, key, lease("event_6", "c", expiry)), consumer.ErrHeld)
	expect(t, "finish", s.Finish(ctx, key, "b", time.Time{}), nil)
}

func release(t *testing.T, s consumer.Store) {
	ctx := t.Context()
	expect(t, "take", s.Take(ctx, key, lease("event_5", "a", now)), nil)
	expect(t, "another holder releases", s.Release(ctx, key, "b"), nil)
	expect(t, "the lease still holds", s.Take(ctx, key, lease("event_5", "b", now)), consumer.ErrHeld)
	expect(t, "release", s.Release(ctx, key, "a"), nil)
	expect(t, "finish after the release", s.Finish(ctx, key, "a", time.Time{}), consumer.ErrLost)
	expect(t, "an older event than the unfinished one", s.Take(ctx, key, lease("event_4", "b", now)), consumer.ErrStale)
	expect(t, "the same again", s.Take(ctx, key, lease("event_5", "b", now)), nil)
	expect(t, "release of an unknown key", s.Release(ctx, consumer.Key{Directory: "d", Resource: "r"}, "a"), nil)
	if keys, err := s.List(ctx, consumer.Key{Directory: "d"}); err != nil || len(keys) != 0 {
		t.Errorf("a release created %v, %v", keys, err)
	}
}

func lost(t *testing.T, s consumer.Store) {
	ctx := t.Context()
	expect(t, "take", s.Take(ctx, key, lease("event_5", "a", now)), nil)
	expect(t, "take over", s.Take(ctx, key, lease("event_6", "b", later)), nil)
	expect(t, "finish with the lost lease", s.Finish(ctx, key, "a", time.Time{}), consumer.ErrLost)
	expect(t, "release of the lost lease", s.Release(ctx, key, "a"), nil)
	expect(t, "the new holder finishes", s.Finish(ctx, key, "b", time.Time{}), nil)
	expect(t, "finish of an unknown key", s.Finish(ctx, consumer.Key{Directory: "d", Resource: "r"}, "a", time.Time{}), consumer.ErrLost)
}

func independent(t *testing.T, s consumer.Store) {
	ctx := t.Context()
	for _, k := range []consumer.Key{key, {Directory: "directory_2", Resource: key.Resource}, {Directory: key.Directory, Resource: "directory_user_2"}, {Resource: key.Resource}} {
		expect(t, fmt.Sprint(k), s.Take(ctx, k, lease("event_5", "a", now)), nil)
	}
}

func marks(t *testing.T, s consumer.Store) {
	ctx := t.Context()
	other := consumer.Key{Directory: "directory_1", Resource: "directory_user_2"}
	read := func(want ...string) {
		t.Helper()
		got, err := s.Read(ctx, key, other, key)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("read %q, %v, want %q", got, err, want)
		}
	}
	read("", "", "")
	expect(t, "raise", s.Raise(ctx, key, "event_5", later), nil)
	read("event_5", "", "event_5")
	expect(t, "lower", s.Raise(ctx, key, "event_4", later), nil)
	read("event_5", "", "event_5")
	expect(t, "the same", s.Raise(ctx, key, "event_5", later), nil)
	expect(t, "higher", s.Raise(ctx, key, "event_6", later), nil)
	expect(t, "another", s.Raise(ctx, other, "event_1", later), nil)
	read("event_6", "event_1", "event_6")
	if got, err := s.Read(ctx); err != nil || len(got) != 0 {
		t.Errorf("nothing: %v, %v", got, err)
	}
	if keys, err := s.List(ctx, consumer.Key{Directory: "directory_1"}); err != nil || len(keys) != 0 {
		t.Errorf("marks are listed: %v, %v", keys, err)
	}
}

func list(t *testing.T, s consumer.Store) {
	ctx := t.Context()
	take := func(directory, resource, id string) consumer.Key {
		k := consumer.Key{Directory: directory, Resource: resource}
		expect(t, resource, s.Take(ctx, k, lease(id, "a", now)), nil)
		return k
	}
	started, finished, released := take("d", "u1/g1", "event_1"), take("d", "u1/g2", "event_1"), take("d", "u1/g3", "event_1")
	removed, retaken := take("d", "u1/g4", "event_1"), take("d", "u1/g5", "event_1")
	take("d", "u1", "event_1")
	take("d", "u10/g1", "event_1")
	take("other", "u1/g1", "event_1")
	expect(t, "finish", s.Finish(ctx, finished, "a", time.Time{}), nil)
	expect(t, "release", s.Release(ctx, released, "a"), nil)
	expect(t, "finish", s.Finish(ctx, removed, "a", later), nil)
	expect(t, "finish", s.Finish(ctx, retaken, "a", later), nil)
	take("d", "u1/g5", "event_2")
	got, err := s.List(ctx, consumer.Key{Directory: "d", Resource: "u1/"})
	slices.SortFunc(got, func(a, b consumer.Key) int { return strings.Compare(a.Resource, b.Resource) })
	if want := []consumer.Key{started, finished, released, retaken}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, %v, want %v", got, err, want)
	}
}

// The list is longer than one page of any store.
func listOfMany(t *testing.T, s consumer.Store) {
	const many = 300
	long := strings.Repeat("x", 900) // a page of DynamoDB is 1 MB of whole records
	var wg sync.WaitGroup
	for worker := range 10 {
		wg.Go(func() {
			for i := worker; i < many; i += 10 {
				k := consumer.Key{Directory: "d", Resource: fmt.Sprintf("u1/%s%04d", long, i)}
				if err := s.Take(t.Context(), k, lease("event_1", strings.Repeat("h", 4000), now)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	keys, err := s.List(t.Context(), consumer.Key{Directory: "d", Resource: "u1/"})
	if err != nil || len(keys) != many {
		t.Errorf("%d keys, %v", len(keys), err)
	}
}

// oneHolder has several workers take and finish the events of one key: never
// two at a time, and never an older one after a newer one.
func oneHolder(t *testing.T, s consumer.Store) {
	const workers, events = 8, 10
	var holders, last, finished atomic.Int64
	var wg sync.WaitGroup
	for worker := range workers {
		wg.Go(func() {
			for n := int64(1); n <= events; {
				holder := fmt.Sprintf("%d of %d", n, worker)
				err := s.Take(t.Context(), key, lease(fmt.Sprintf("event_%02d", n), holder, now))
				switch {
				case errors.Is(err, consumer.ErrHeld):
					continue
				case errors.Is(err, consumer.ErrStale):
					n++
					continue
				case err != nil:
					t.Error(err)
					return
				}
				if others := holders.Add(1) - 1; others != 0 {
					t.Errorf("%d other holders", others)
				}
				if before := last.Swap(n); before >= n {
					t.Errorf("%d after %d", n, before)
				}
				holders.Add(-1)
				if err := s.Finish(t.Context(), key, holder, time.Time{}); err != nil {
					t.Error(err)
				}
				finished.Add(1)
				n++
			}
		})
	}
	wg.Wait()
	if last.Load() != events || finished.Load() > events {
		t.Errorf("%d finished, the last %d", finished.Load(), last.Load())
	}
}

func greatestMark(t *testing.T, s consumer.Store) {
	var wg sync.WaitGroup
	for i := range 40 {
		wg.Go(func() {
			if err := s.Raise(t.Context(), key, fmt.Sprintf("event_%02d", (i*17)%40), later); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got, err := s.Read(t.Context(), key); err != nil || got[0] != "event_39" {
		t.Errorf("%v, %v", got, err)
	}
}

// A client may repeat a request whose response was lost.
func repeatedTake(t *testing.T, s consumer.Store) {
	ctx := t.Context()
	expect(t, "take", s.Take(ctx, key, lease("event_5", "a", now)), nil)
	expect(t, "take again", s.Take(ctx, key, lease("event_5", "a", now)), nil)
	expect(t, "another holder", s.Take(ctx, key, lease("event_5", "b", now)), consumer.ErrHeld)
	expect(t, "finish", s.Finish(ctx, key, "a", time.Time{}), nil)
	expect(t, "take after finish", s.Take(ctx, key, lease("event_5", "a", now)), consumer.ErrStale)
}

// sequences returns the recorded sequences after a number.
func sequences(t *testing.T, s consumer.Store, directory string, after int64) (list []int64) {
	t.Helper()
	for n, err := range s.Recorded(t.Context(), directory, after) {
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, n)
	}
	return list
}

func recorded(t *testing.T, s consumer.Store) {
	const greatest = 1<<63 - 1
	record := func(directory string, all ...int64) {
		t.Helper()
		for _, n := range all {
			expect(t, fmt.Sprint(n), s.Record(t.Context(), directory, n, later), nil)
		}
	}
	if got := sequences(t, s, "d", 0); len(got) != 0 {
		t.Errorf("an empty store has %v", got)
	}
	record("d", 1000, 3, 1, 4, 2, 4, 1002, 1001, 5_000_000_000, greatest)
	record("other", 7)
	for after, want := range map[int64][]int64{
		0:             {1, 2, 3, 4, 1000, 1001, 1002, 5_000_000_000, greatest},
		1:             {2, 3, 4, 1000, 1001, 1002, 5_000_000_000, greatest},
		4:             {1000, 1001, 1002, 5_000_000_000, greatest},
		1001:          {1002, 5_000_000_000, greatest},
		5_000_000_000: {greatest},
	} {
		if got := sequences(t, s, "d", after); !slices.Equal(got, want) {
			t.Errorf("after %d: %v, want %v", after, got, want)
		}
	}
	for n, err := range s.Recorded(t.Context(), "d", 1) { // a loop may end early
		if n != 2 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
		break
	}
	if keys, err := s.List(t.Context(), consumer.Key{Directory: "d"}); err != nil || len(keys) != 0 {
		t.Errorf("recorded sequences are listed: %v, %v", keys, err)
	}
}

func recordedConcurrently(t *testing.T, s consumer.Store) {
	const workers, each = 8, 60
	var wg sync.WaitGroup
	for worker := range workers {
		wg.Go(func() {
			for i := range each {
				if err := s.Record(t.Context(), "d", int64(1+i*workers+worker), later); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	got := sequences(t, s, "d", 0)
	if len(got) != workers*each || got[0] != 1 || got[len(got)-1] != workers*each {
		t.Errorf("%d sequences: %v", len(got), got)
	}
}

package limit_test

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"dsync/internal/credential"
	"dsync/internal/dsynctest"
	"dsync/internal/table"
	"dsync/internal/table/limit"
)

func TestMain(m *testing.M) { dsynctest.Main(m) }

const directory = "directory_01ARZ3NDEKTSV4RRFFQ69G5FAV"

func open(t *testing.T) *table.Table {
	t.Helper()
	api, name := dsynctest.Table(t)
	return table.New(api, name)
}

// A bucket has its burst, and gains so much a second. What was charged is taken
// although it was not there.
func TestTake(t *testing.T) {
	b, start := limit.New(open(t), 10, 100), time.Unix(1_800_000_000, 0)
	for i, row := range []struct {
		after  time.Duration
		n      int
		charge bool
		wait   time.Duration
	}{
		{0, 60, false, 0},
		{0, 60, false, 2 * time.Second},
		{2 * time.Second, 61, false, 100 * time.Millisecond},
		{2 * time.Second, 60, false, 0}, // nothing is left
		{2 * time.Second, 1, false, 100 * time.Millisecond},
		{2 * time.Second, 50, true, 0},
		{3 * time.Second, 10, false, 5 * time.Second},
		{8 * time.Second, 10, false, 0},
		{time.Hour, 100, false, 0}, // no more than the burst
		{time.Hour, 1, false, 100 * time.Millisecond},
		{2 * time.Hour, 130, true, 0},
		{2 * time.Hour, 1, false, 3100 * time.Millisecond},
	} {
		var wait time.Duration
		var err error
		if row.charge {
			err = b.Charge(t.Context(), directory, start.Add(row.after), row.n)
		} else {
			wait, err = b.Take(t.Context(), directory, start.Add(row.after), row.n)
		}
		if err != nil || wait != row.wait {
			t.Errorf("%d: wait %v, %v; want %v", i, wait, err, row.wait)
		}
	}
	if wait, err := b.Take(t.Context(), directory+"x", start, 100); wait != 0 || err != nil {
		t.Errorf("another caller waits %v, %v", wait, err)
	}
}

// Many processes at the same time take what there is, and not more.
func TestTakeAtTheSameTime(t *testing.T) {
	const processes, burst = 16, 100
	tab, now := open(t), time.Unix(1_800_000_000, 0)
	var taken atomic.Int64
	var wg sync.WaitGroup
	for range processes {
		b := limit.New(tab, 1, burst)
		wg.Go(func() {
			for range 5 {
				wait, err := b.Take(t.Context(), directory, now, 3)
				if err != nil && err != table.ErrBusy {
					t.Error(err)
				} else if err == nil && wait == 0 {
					taken.Add(3)
				}
			}
		})
	}
	wg.Wait()
	if n := taken.Load(); n != 99 {
		t.Errorf("%d of %d units were taken", n, burst)
	}
}

// A lease costs a write unit, the first of a full bucket two. To hear that there is
// nothing costs two and a read unit.
func TestCost(t *testing.T) {
	b, now := limit.New(open(t), 1, 10), time.Unix(1_800_000_000, 0)
	for _, row := range []struct {
		name        string
		trips       int
		write, read float64
	}{{"the first", 2, 2, 0}, {"another", 1, 1, 0}, {"nothing is there", 3, 2, 1}} {
		ctx, meter := table.WithMeter(t.Context())
		if _, err := b.Take(ctx, directory, now, 5); err != nil {
			t.Fatal(err)
		}
		if meter.RoundTrips != row.trips || meter.WriteUnits > row.write || meter.ReadUnits != row.read {
			t.Errorf("%s: %d round trips, %v write and %v read units", row.name, meter.RoundTrips, meter.WriteUnits, meter.ReadUnits)
		}
	}
}

// Whoever reads a token finds until when it is watched. One that is revoked, or that
// does not exist, stays as it is.
func TestWatch(t *testing.T) {
	tab := open(t)
	_, secret := dsynctest.Connect(t, tab)
	hash, until := credential.Hash(secret), time.Unix(1_800_000_000, 0)
	for range 2 {
		if err := limit.Watch(t.Context(), tab, table.TokenKey(hash), until); err != nil {
			t.Fatal(err)
		}
		token, err := tab.Token(t.Context(), hash)
		if err != nil || token.Watched != until.Unix() {
			t.Fatalf("%+v, %v", token, err)
		}
		until = until.Add(time.Minute)
	}
	if err := limit.Watch(t.Context(), tab, table.TokenKey("none"), until); err != nil {
		t.Error(err)
	}
	if _, err := tab.Token(t.Context(), "none"); !errors.Is(err, table.ErrNotFound) {
		t.Errorf("a token was made: %v", err)
	}
}

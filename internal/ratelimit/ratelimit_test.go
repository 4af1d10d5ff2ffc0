package ratelimit

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"
)

// The states stay few: those whose buckets are full go first.
func TestStatesAreBounded(t *testing.T) {
	p := New(Limits{PerSecond: 1, Burst: 2})
	now := time.Now()
	for i := range maxCallers {
		p.Take(fmt.Sprint(i), now)
	}
	now = now.Add(2 * time.Second)
	p.Take("busy", now)
	p.Take("busy", now)
	if p.Take("busy", now) == 0 || p.states.Len() != 1 {
		t.Errorf("%d states", p.states.Len())
	}
	for i := range 3 * maxCallers {
		p.Take(fmt.Sprint(i), now)
		if p.states.Len() > maxCallers {
			t.Fatalf("%d states", p.states.Len())
		}
	}
}

func TestWait(t *testing.T) {
	slow := New(Limits{PerSecond: 1, Burst: 1})
	now := time.Now()
	slow.Take("d", now)
	if wait := slow.Take("d", now.Add(250*time.Millisecond)); wait != 750*time.Millisecond {
		t.Errorf("wait %v", wait)
	}
}

// A caller may make a burst, and then so many requests a second. A clock that goes
// back fills no bucket.
func TestAdmit(t *testing.T) {
	l, start := New(Limits{PerSecond: 2, Burst: 3}), time.Unix(1000, 0)
	for i, row := range []struct {
		after time.Duration
		wait  time.Duration
	}{
		{0, 0}, {0, 0}, {0, 0}, {0, 500 * time.Millisecond},
		{-time.Hour, 500 * time.Millisecond}, // the clock goes back
		{0, 500 * time.Millisecond},
		{400 * time.Millisecond, 100 * time.Millisecond},
		{500 * time.Millisecond, 0},
		{time.Hour, 0}, {time.Hour, 0}, {time.Hour, 0}, {time.Hour, 500 * time.Millisecond},
	} {
		if wait := l.Take("a", start.Add(row.after)).Round(time.Millisecond); wait != row.wait {
			t.Errorf("request %d waits %v, want %v", i, wait, row.wait)
		}
	}
	if wait := l.Take("b", start); wait != 0 {
		t.Errorf("another caller waits %v", wait)
	}
	l = New(Limits{PerSecond: 1, Burst: 2})
	for i, after := range []time.Duration{0, -time.Hour, 0} {
		if wait := l.Take("a", start.Add(after)); (wait != 0) != (i == 2) {
			t.Errorf("request %d waits %v although the clock has gone back", i, wait)
		}
	}
}

// Zero is no limit.
func TestNoLimit(t *testing.T) {
	l := New(Limits{})
	for range 1000 {
		if wait := l.Take("a", time.Unix(1000, 0)); wait != 0 {
			t.Fatalf("a request waits %v", wait)
		}
	}
}

// Room is made of full buckets: a caller who has used its burst does not get it
// again because others come.
func TestUsedBucketsStay(t *testing.T) {
	l, now := New(Limits{PerSecond: 1, Burst: 1}), time.Unix(1000, 0)
	for i := range maxCallers - 1 {
		l.Take(fmt.Sprint("early ", i), now)
	}
	now = now.Add(time.Minute) // their buckets are full again
	if wait := l.Take("a", now); wait != 0 {
		t.Fatalf("the first request waits %v", wait)
	}
	for i := range maxCallers - 1 {
		l.Take(fmt.Sprint("late ", i), now)
	}
	if wait := l.Take("a", now); wait == 0 {
		t.Error("the burst is there again")
	}
}

// A request that costs more takes more of the limit.
func TestWorkCounts(t *testing.T) {
	l, now := New(Limits{PerSecond: 1, Burst: 10}), time.Unix(1000, 0)
	c := Caller{ID: "a"}
	if wait := l.Admit(t.Context(), c, now); wait != 0 {
		t.Fatalf("the first request waits %v", wait)
	}
	l.Done(t.Context(), c, now, 13)
	if wait := l.Admit(t.Context(), c, now).Round(time.Second); wait != 4*time.Second {
		t.Errorf("after 13 of 10 units a request waits %v", wait)
	}
}

// A process serves so many requests of one caller at a time, and others beside them.
func TestConcurrent(t *testing.T) {
	l, now := New(Limits{PerSecond: 100, Burst: 100, Concurrent: 2}), time.Unix(1000, 0)
	a, b := Caller{ID: "a"}, Caller{ID: "b"}
	for i, row := range []struct {
		c    Caller
		wait time.Duration
	}{{a, 0}, {a, 0}, {a, time.Second}, {b, 0}} {
		if wait := l.Admit(t.Context(), row.c, now); wait != row.wait {
			t.Errorf("request %d waits %v", i, wait)
		}
	}
	l.Done(t.Context(), a, now, 1)
	if wait := l.Admit(t.Context(), a, now); wait != 0 {
		t.Errorf("a request waits %v although another one has ended", wait)
	}
}

// bucket is a shared limit that gains nothing.
type bucket struct {
	left, asked, charged int
	err                  error
}

func (b *bucket) Take(_ context.Context, _ string, _ time.Time, n int) (time.Duration, error) {
	b.asked++
	if b.err != nil || b.left < n {
		return 3 * time.Second, b.err
	}
	b.left -= n
	return 0, nil
}

func (b *bucket) Charge(_ context.Context, _ string, _ time.Time, n int) error {
	b.charged += n
	return b.err
}

// fleet is processes that share a limit, and what a caller's record says.
type fleet struct {
	shared    *bucket
	processes []*Limiter
	watched   time.Time
	watches   int
	errors    int
}

func newFleet(n, left int, limits Limits) *fleet {
	f := &fleet{shared: &bucket{left: left}}
	for range n {
		l := New(limits)
		l.Share(f.shared, func(error) { f.errors++ })
		f.processes = append(f.processes, l)
	}
	return f
}

// send sends a request to a process, which has just read the caller's record.
func (f *fleet) send(process int, now time.Time, units int) time.Duration {
	c := Caller{ID: "a", Watched: f.watched, Watch: func(_ context.Context, until time.Time) {
		f.watched = until
		f.watches++
	}}
	wait := f.processes[process].Admit(context.Background(), c, now)
	if wait == 0 {
		f.processes[process].Done(context.Background(), c, now, units)
	}
	return wait
}

var shared = Limits{PerSecond: 100, Burst: 1_000, FreePerSecond: 10, FreeBurst: 20}

// A caller who keeps to the free share of a process costs nothing, for an hour.
func TestFreeShare(t *testing.T) {
	f, now := newFleet(2, 0, shared), time.Unix(1000, 0)
	for range 10 * 3600 {
		for process := range f.processes {
			if wait := f.send(process, now, 1); wait != 0 {
				t.Fatalf("a request waits %v", wait)
			}
		}
		now = now.Add(100 * time.Millisecond)
	}
	if f.shared.asked != 0 || f.watches != 0 {
		t.Errorf("the record was read %d times, the caller was watched %d times", f.shared.asked, f.watches)
	}
}

// When a caller exceeds the free share of one process, no process admits more than
// the shared limit has, in leases. Each asks once a second when there is nothing.
func TestSharedLimit(t *testing.T) {
	const processes, left = 8, 500
	f, now := newFleet(processes, left, shared), time.Unix(1000, 0)
	for f.send(0, now, 1) == 0 && f.watches == 0 {
	}
	if f.watches != 1 || f.watched != now.Add(watchedFor) || f.shared.asked != 1 {
		t.Fatalf("watched until %v, %d times; asked %d times", f.watched, f.watches, f.shared.asked)
	}
	admitted := 1
	for range 1_000 {
		for process := range processes {
			if wait := f.send(process, now, 1); wait == 0 {
				admitted++
			} else if wait != 3*time.Second && wait != 10*time.Millisecond {
				t.Fatalf("a request waits %v", wait)
			}
		}
	}
	if admitted != left || f.shared.left != 0 {
		t.Errorf("%d units were admitted, %d are left", admitted, f.shared.left)
	}
	if want := left/lease + processes; f.shared.asked != want {
		t.Errorf("the processes asked %d times, want %d", f.shared.asked, want)
	}
	if f.watches != 1 {
		t.Errorf("the caller was watched %d times", f.watches)
	}
	// Whoever goes on is watched on.
	now = now.Add(watchedFor/2 + time.Second)
	f.send(0, now, 1)
	if f.watches != 2 || f.watched != now.Add(watchedFor) {
		t.Errorf("watched until %v, %d times", f.watched, f.watches)
	}
	// Whoever keeps to the limits for a minute is free again.
	asked := f.shared.asked
	now = now.Add(watchedFor)
	for process := range processes {
		if wait := f.send(process, now, 1); wait != 0 {
			t.Errorf("a request waits %v a minute later", wait)
		}
	}
	if f.shared.asked != asked {
		t.Error("the record is read a minute later")
	}
}

// What a request used is taken from the shared limit, too: as a part of the next
// lease, or at once if it is more than a lease.
func TestSharedWork(t *testing.T) {
	f, now := newFleet(1, 1_000, shared), time.Unix(1000, 0)
	f.watched = now.Add(watchedFor)
	f.send(0, now, lease+1)
	if f.shared.left != 1_000-lease || f.shared.charged != 0 {
		t.Errorf("%d left, %d charged", f.shared.left, f.shared.charged)
	}
	f.send(0, now, 1)
	if f.shared.left != 1_000-2*lease-1 {
		t.Errorf("after a debt of 1: %d left", f.shared.left)
	}
	f.send(0, now, 100)
	if want := 100 - (lease - 1); f.shared.charged != want {
		t.Errorf("%d charged, want %d", f.shared.charged, want)
	}
}

// Without the record a process admits the free share and nothing else.
func TestSharedLimitFails(t *testing.T) {
	f, now := newFleet(1, 0, shared), time.Unix(1000, 0)
	f.shared.err = errors.New("no engine")
	f.watched = now.Add(watchedFor)
	admitted := 0
	for range 100 {
		if f.send(0, now, 1) == 0 {
			admitted++
		}
	}
	if admitted != shared.FreeBurst || f.errors == 0 {
		t.Errorf("%d admitted, %d errors", admitted, f.errors)
	}
}

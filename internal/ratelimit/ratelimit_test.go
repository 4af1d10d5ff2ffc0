package ratelimit

import (
	"fmt"
	"testing"
	"time"
)

// The buckets stay few: those that are full go first.
func TestBucketsAreBounded(t *testing.T) {
	p := New(Limits{PerSecond: 1, Burst: 2})
	now := time.Now()
	for i := range maxCallers {
		p.Take(fmt.Sprint(i), now)
	}
	now = now.Add(2 * time.Second)
	p.Take("busy", now)
	p.Take("busy", now)
	if p.Take("busy", now) == 0 || p.buckets.Len() != 1 {
		t.Errorf("%d buckets", p.buckets.Len())
	}
	for i := range 3 * maxCallers {
		p.Take(fmt.Sprint(i), now)
		if p.buckets.Len() > maxCallers {
			t.Fatalf("%d buckets", p.buckets.Len())
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
func TestTake(t *testing.T) {
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

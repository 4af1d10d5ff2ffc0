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

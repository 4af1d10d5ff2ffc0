package provider

import (
	"fmt"
	"testing"
	"time"
)

// The buckets stay few: those that are full go first.
func TestBucketsAreBounded(t *testing.T) {
	p := pace{Limits: Limits{PerSecond: 1, Burst: 2}}
	now := time.Now()
	for i := range maxPaced {
		p.take(fmt.Sprint(i), now)
	}
	now = now.Add(2 * time.Second)
	p.take("busy", now)
	p.take("busy", now)
	if p.take("busy", now) == 0 || len(p.buckets) != 1 {
		t.Errorf("%d buckets", len(p.buckets))
	}
	for i := range 3 * maxPaced {
		p.take(fmt.Sprint(i), now)
		if len(p.buckets) > maxPaced {
			t.Fatalf("%d buckets", len(p.buckets))
		}
	}
}

func TestRetryAfter(t *testing.T) {
	for d, want := range map[time.Duration]int{0: 1, time.Millisecond: 1, time.Second: 1, 1001 * time.Millisecond: 2, time.Minute: 60} {
		if got := seconds(d); got != want {
			t.Errorf("%v is %d, want %d", d, got, want)
		}
	}
	slow := pace{Limits: Limits{PerSecond: 1, Burst: 1}}
	now := time.Now()
	slow.take("d", now)
	if wait := slow.take("d", now.Add(250*time.Millisecond)); wait != 750*time.Millisecond {
		t.Errorf("wait %v", wait)
	}
}

package credential

import (
	"fmt"
	"testing"
	"time"
)

// The cache of unknown secrets is bounded in number and time.
func TestUnknown(t *testing.T) {
	now := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	u := newUnknown(3)
	for i := range 3 {
		u.add(fmt.Sprint(i), now)
	}
	for i := range 3 {
		if !u.has(fmt.Sprint(i), now) {
			t.Errorf("at the limit, %d is forgotten", i)
		}
	}
	u.add("3", now)
	if u.has("0", now) || !u.has("1", now) || !u.has("3", now) || u.since.Len() != 3 {
		t.Errorf("above the limit: %d entries", u.since.Len())
	}
	for after, want := range map[time.Duration]bool{0: true, unknownFor - 1: true, unknownFor: false, -1: false} {
		if got := u.has("1", now.Add(after)); got != want {
			t.Errorf("%v later: %v, want %v", after, got, want)
		}
	}
	if u.has("never", now) {
		t.Error("a secret that nobody sent is known to be unknown")
	}
}

package cache

import (
	"fmt"
	"testing"
	"time"
)

// Unknown keys are bounded in number and time.
func TestUnknown(t *testing.T) {
	now := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	const lasts = 10 * time.Second
	u := NewUnknown[string](3, lasts)
	for i := range 3 {
		u.Add(fmt.Sprint(i), now)
	}
	for i := range 3 {
		if !u.Has(fmt.Sprint(i), now) {
			t.Errorf("at the limit, %d is forgotten", i)
		}
	}
	u.Add("3", now)
	if u.Has("0", now) || !u.Has("1", now) || !u.Has("3", now) || u.since.Len() != 3 {
		t.Errorf("above the limit: %d entries", u.since.Len())
	}
	for after, want := range map[time.Duration]bool{0: true, lasts - 1: true, lasts: false, -1: false} {
		if got := u.Has("1", now.Add(after)); got != want {
			t.Errorf("%v later: %v, want %v", after, got, want)
		}
	}
	if u.Has("never", now) {
		t.Error("a key that nobody looked for is unknown")
	}
}

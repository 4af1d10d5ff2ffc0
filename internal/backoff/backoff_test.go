package backoff_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"dsync/internal/backoff"
)

func TestWait(t *testing.T) {
	const base, limit = 10 * time.Millisecond, 100 * time.Millisecond
	synctest.Test(t, func(t *testing.T) {
		for retry, most := range []time.Duration{0, 20 * time.Millisecond, 40 * time.Millisecond, 80 * time.Millisecond, limit, limit} {
			var longest time.Duration
			for range 200 {
				start := time.Now()
				if err := backoff.Wait(t.Context(), retry, base, limit); err != nil {
					t.Fatal(err)
				}
				longest = max(longest, time.Since(start))
			}
			if longest > most || longest < most/2 {
				t.Errorf("the longest of 200 waits before retry %d is %v, want %v to %v", retry, longest, most/2, most)
			}
		}
		start := time.Now()
		if err := backoff.Wait(t.Context(), 1000, base, limit); err != nil || time.Since(start) > limit {
			t.Errorf("retry 1000 waited %v: %v", time.Since(start), err)
		}
	})
}

func TestWaitEndsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Nanosecond)
		defer cancel()
		start := time.Now()
		if err := backoff.Wait(ctx, 20, time.Hour, time.Hour); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Nanosecond {
			t.Errorf("waited %v: %v", time.Since(start), err)
		}
	})
}

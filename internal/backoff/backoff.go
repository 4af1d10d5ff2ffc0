// Package backoff waits before a retry: exponential backoff with full jitter
// (AWS Architecture Blog, "Exponential Backoff And Jitter"). It is for retries
// that the AWS SDK does not do: unprocessed items, failed entries, transaction
// conflicts.
package backoff

import (
	"context"
	"math/rand/v2"
	"time"
)

// maxDoublings keeps the shift in Wait from overflowing.
const maxDoublings = 20

// Wait waits before the retry with that number. The wait is random, at most
// base doubled once per retry, and never longer than limit. Retry 0 is the
// first attempt and does not wait. Wait returns the context's error when the
// context ends first.
func Wait(ctx context.Context, retry int, base, limit time.Duration) error {
	if retry == 0 {
		return nil
	}
	timer := time.NewTimer(rand.N(min(limit, base<<min(retry, maxDoublings))) + 1)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

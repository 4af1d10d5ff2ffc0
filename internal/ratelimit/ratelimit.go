// Package ratelimit limits how many requests a caller makes of one process.
//
// Each process counts for itself, so a limit is no quota: it keeps one caller
// from taking a process away from the others.
package ratelimit

import (
	"sync"
	"time"

	"dsync/internal/cache"

	"golang.org/x/time/rate"
)

// Limits are the requests per second of one caller in the long run, and the
// requests that it may make at once. A zero PerSecond is no limit.
type Limits struct{ PerSecond, Burst int }

// maxCallers bounds the callers that are remembered. It is far above those
// that one process serves within seconds.
const maxCallers = 1_000

// Limiter holds each caller to the limits with a token bucket of its own. It
// is safe for concurrent use.
type Limiter struct {
	limits  Limits
	mu      sync.Mutex
	latest  time.Time
	buckets *cache.Cache[string, *rate.Limiter]
}

// New returns a limiter that has counted nothing yet.
func New(limits Limits) *Limiter {
	return &Limiter{limits: limits, buckets: cache.New[string, *rate.Limiter](maxCallers)}
}

// Take counts a request of a caller. It returns 0 if the caller may make it,
// else the time until it may make one. A clock that goes back stands still.
func (l *Limiter) Take(caller string, now time.Time) time.Duration {
	if l.limits.PerSecond == 0 {
		return 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if now.Before(l.latest) {
		now = l.latest
	}
	l.latest = now
	bucket, ok := l.buckets.Get(caller)
	if !ok {
		l.makeRoom(now)
		bucket = rate.NewLimiter(rate.Limit(l.limits.PerSecond), l.limits.Burst)
		l.buckets.Put(caller, bucket)
	}
	if bucket.AllowN(now, 1) {
		return 0
	}
	return time.Duration((1 - bucket.TokensAt(now)) / float64(l.limits.PerSecond) * float64(time.Second))
}

// makeRoom forgets the callers whose buckets are full again, which loses
// nothing, before the cache forgets one of the others.
func (l *Limiter) makeRoom(now time.Time) {
	if l.buckets.Len() < maxCallers {
		return
	}
	l.buckets.DeleteFunc(func(_ string, b *rate.Limiter) bool { return b.TokensAt(now) >= float64(l.limits.Burst) })
}

// Package ratelimit limits what a caller uses of the system: in one process, and
// over all processes.
//
// Work is counted in units: 1 for a request of usual size, more for one that costs
// more (Charge). Each process has a limit of its own, so that one caller cannot
// take it away from the others. A limit of all processes needs a record that they
// share, which costs a round trip. So a process admits a free share without it:
// more than a caller needs that behaves as expected. When a caller exceeds its free
// share in any process, it is watched: every process takes what it admits of this
// caller from the shared record, a lease of some units at a time, until the caller
// has kept to the limits for a while.
//
// So the sum over all processes is bounded by the free shares of the processes until
// the caller is watched, and by the shared limit from then on. A caller who exceeds
// its free share in no process is never watched: the number of processes bounds it.
package ratelimit

import (
	"context"
	"sync"
	"time"

	"dsync/internal/cache"

	"golang.org/x/time/rate"
)

// Limits are the units per second of one caller in the long run, and the units that
// it may use at once. A zero PerSecond is no limit.
type Limits struct {
	PerSecond, Burst int
	// FreePerSecond and FreeBurst are the free share of one process.
	FreePerSecond, FreeBurst int
	// Concurrent is how many requests of one caller a process serves at a time; 0
	// is any number. On Lambda a process has one request at a time.
	Concurrent int
}

// What costs as much as a request of usual size: to find a user, or to create one.
// Lambda and DynamoDB bill these, and a directory has 1,000 write units a second.
const (
	capacityOfUnit = 50 // units of DynamoDB
	bytesOfUnit    = 16 << 10
)

// Units are the units of a request, or of several operations at once, which used so
// much of DynamoDB and had a body of so many bytes.
func Units(operations int, capacity float64, body int) int {
	return operations + int(capacity)/capacityOfUnit + body/bytesOfUnit
}

const (
	// maxCallers bounds the callers that are remembered. It is far above those
	// that one process serves within seconds.
	maxCallers = 1_000
	// lease is how many units are taken from the shared limit at a time: at the
	// limit of 100 units a second, all processes together write four times a
	// second.
	lease = 25
	// closedFor is how long a process refuses a caller, at least, when the shared
	// limit has nothing left: so a process asks once a second, however many
	// requests come.
	closedFor = time.Second
	// watchedFor is how long a caller is watched after it has exceeded a limit.
	watchedFor = time.Minute
	// sharedTime bounds the time that the shared limit may add to a request.
	sharedTime = time.Second
)

// Shared is a limit over all processes.
type Shared interface {
	// Take takes n units. It returns 0, or the time until they are there: then it
	// has taken nothing.
	Take(ctx context.Context, caller string, now time.Time, n int) (time.Duration, error)
	// Charge takes n units that were used already.
	Charge(ctx context.Context, caller string, now time.Time, n int) error
}

// Caller is the caller of a request.
type Caller struct {
	ID string
	// Watched is until when the caller is watched, as far as the process knows from
	// what it read of the caller anyway; zero for never.
	Watched time.Time
	// Watch lets all processes know until when the caller is watched.
	Watch func(ctx context.Context, until time.Time)
}

// Limiter holds each caller to the limits. It is safe for concurrent use.
type Limiter struct {
	limits Limits
	shared Shared // nil for none
	failed func(error)
	mu     sync.Mutex
	latest time.Time
	states *cache.Cache[string, *state]
}

// state is what a process knows of a caller.
type state struct {
	all, free *rate.Limiter
	active    int       // requests that are served now
	left      int       // units that were taken from the shared limit and not used; negative if used and not taken
	closed    time.Time // until when the shared limit has nothing
	watched   time.Time
}

// New returns a limiter that has counted nothing yet.
func New(limits Limits) *Limiter {
	return &Limiter{limits: limits, states: cache.New[string, *state](maxCallers), failed: func(error) {}}
}

// Share makes the limit one of all processes. failed is called for errors of the
// shared limit: then the process admits the free share. Call Share before the
// limiter is used.
func (l *Limiter) Share(shared Shared, failed func(error)) { l.shared, l.failed = shared, failed }

// Admit counts one unit of a request. It returns 0 if the caller may make the
// request, else the time until it may. After a request that was admitted, call Done.
// A clock that goes back stands still.
func (l *Limiter) Admit(ctx context.Context, c Caller, now time.Time) time.Duration {
	if l.limits.PerSecond == 0 {
		return 0
	}
	l.mu.Lock()
	now = l.forward(now)
	s := l.of(c.ID, now)
	if l.limits.Concurrent > 0 && s.active >= l.limits.Concurrent {
		l.mu.Unlock()
		return closedFor
	}
	if !s.all.AllowN(now, 1) {
		wait := time.Duration((1 - s.all.TokensAt(now)) / float64(l.limits.PerSecond) * float64(time.Second))
		l.mu.Unlock()
		return wait
	}
	s.active++
	if c.Watched.After(s.watched) {
		s.watched = c.Watched
	}
	over := l.shared != nil && !s.free.AllowN(now, 1)
	counted := over || l.shared != nil && now.Before(s.watched)
	l.mu.Unlock()
	if !counted {
		return 0
	}
	wait := l.take(ctx, c.ID, s, over, now)
	if wait > 0 {
		l.release(s)
	}
	if over || wait > 0 {
		l.watch(ctx, c, s, now)
	}
	return wait
}

// Take counts a request of usual size, of a limit that no other process shares. It
// returns 0 if the caller may make it, else the time until it may.
func (l *Limiter) Take(caller string, now time.Time) time.Duration {
	c := Caller{ID: caller}
	wait := l.Admit(context.Background(), c, now)
	if wait == 0 {
		l.Done(context.Background(), c, now, 1)
	}
	return wait
}

// take takes a unit of the lease, or a new lease.
func (l *Limiter) take(ctx context.Context, caller string, s *state, over bool, now time.Time) time.Duration {
	l.mu.Lock()
	if s.left > 0 {
		s.left--
		l.mu.Unlock()
		return 0
	}
	if closed := s.closed.Sub(now); closed > 0 {
		l.mu.Unlock()
		return closed
	}
	need := min(lease-s.left, l.limits.Burst)
	l.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, sharedTime)
	defer cancel()
	wait, err := l.shared.Take(ctx, caller, now, need)
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case err != nil:
		l.failed(err)
		if !over {
			return 0
		}
		return closedFor
	case wait > 0:
		wait = max(wait, closedFor)
		s.closed = now.Add(wait)
		return wait
	}
	s.left += need - 1
	return 0
}

// watch lets all processes know that a caller is watched, twice a minute at most.
func (l *Limiter) watch(ctx context.Context, c Caller, s *state, now time.Time) {
	l.mu.Lock()
	known := s.watched.Sub(now) > watchedFor/2
	if !known {
		s.watched = now.Add(watchedFor)
	}
	until := s.watched
	l.mu.Unlock()
	if !known && c.Watch != nil {
		ctx, cancel := context.WithTimeout(ctx, sharedTime)
		defer cancel()
		c.Watch(ctx, until)
	}
}

// Done ends a request that was admitted, and counts the units that it has used in
// all.
func (l *Limiter) Done(ctx context.Context, c Caller, now time.Time, units int) {
	if l.limits.PerSecond == 0 {
		return
	}
	l.mu.Lock()
	now = l.forward(now)
	s := l.of(c.ID, now)
	s.active--
	more := max(units-1, 0)
	spend(s.all, now, more)
	spend(s.free, now, more)
	owed := 0
	if l.shared != nil && now.Before(s.watched) {
		if s.left -= more; s.left < -lease {
			owed, s.left = -s.left, 0
		}
	}
	l.mu.Unlock()
	if owed > 0 {
		ctx, cancel := context.WithTimeout(ctx, sharedTime)
		defer cancel()
		if err := l.shared.Charge(ctx, c.ID, now, owed); err != nil {
			l.failed(err)
		}
	}
}

// spend takes units that were used already, more than there are if need be.
func spend(bucket *rate.Limiter, now time.Time, units int) {
	for units > 0 && bucket.Burst() > 0 {
		n := min(units, bucket.Burst())
		bucket.ReserveN(now, n)
		units -= n
	}
}

func (l *Limiter) release(s *state) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s.active--
}

// forward is a time that does not go back.
func (l *Limiter) forward(now time.Time) time.Time {
	if now.Before(l.latest) {
		now = l.latest
	}
	l.latest = now
	return now
}

// of is the state of a caller.
func (l *Limiter) of(caller string, now time.Time) *state {
	s, ok := l.states.Get(caller)
	if !ok {
		l.makeRoom(now)
		s = &state{
			all:  rate.NewLimiter(rate.Limit(l.limits.PerSecond), l.limits.Burst),
			free: rate.NewLimiter(rate.Limit(l.limits.FreePerSecond), l.limits.FreeBurst),
		}
		l.states.Put(caller, s)
	}
	return s
}

// makeRoom forgets the callers whose buckets are full again, which loses
// nothing, before the cache forgets one of the others.
func (l *Limiter) makeRoom(now time.Time) {
	if l.states.Len() < maxCallers {
		return
	}
	l.states.DeleteFunc(func(_ string, s *state) bool {
		return s.all.TokensAt(now) >= float64(l.limits.Burst) && s.free.TokensAt(now) >= float64(l.limits.FreeBurst) &&
			s.active == 0 && s.left >= 0 && !now.Before(s.closed) && !now.Before(s.watched)
	})
}

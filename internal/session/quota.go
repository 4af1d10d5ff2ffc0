package session

import (
	"context"
	"sync"
	"time"

	"dsync/internal/cache"
	"dsync/internal/fault"
	"dsync/internal/table"
)

// A directory may have as many users and groups as its settings say. The head of its
// log has their number, a few seconds behind. A process does not read it for each
// creation, because that would cost each a round trip: it creates some and then
// reads, more often close to the quota. So a directory can have more than its quota
// by what each process creates before it reads: a hundredth of the quota, maxUnread
// at most. To that comes what is created before the relay has counted it.
const (
	maxUnread     = 100
	quotaFraction = 100
	// refusedFor is how long a process refuses without reading again.
	refusedFor = 10 * time.Second
	// maxQuotas bounds the directories that a process knows this of.
	maxQuotas = 10_000
)

type quotaKey struct {
	directoryID string
	kind        table.Kind
}

// quotaState is what a process knows of a quota.
type quotaState struct {
	left int       // how many it creates before it reads the count
	full time.Time // until when it refuses; zero for no refusal
}

// quotas is safe for concurrent use.
type quotas struct {
	mu     sync.Mutex
	states *cache.Cache[quotaKey, quotaState]
}

func newQuotas() *quotas {
	return &quotas{states: cache.New[quotaKey, quotaState](maxQuotas)}
}

// unread is how many a process creates without reading.
func unread(quota int) int { return max(1, min(maxUnread, quota/quotaFraction)) }

// take reports whether a process may create one more without reading the count, or
// must refuse it without that.
func (q *quotas) take(k quotaKey, quota int, now time.Time) (admitted, refused bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	state, known := q.states.Get(k)
	if !known {
		state.left = unread(quota) - 1
	}
	switch {
	case now.Before(state.full):
		return false, true
	case state.left == 0:
		return false, false
	}
	state.left--
	q.states.Put(k, state)
	return true, false
}

// learn keeps what follows from a count, and reports whether one more may be created.
func (q *quotas) learn(k quotaKey, quota, n int, now time.Time) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if n >= quota {
		q.states.Put(k, quotaState{full: now.Add(refusedFor)})
		return false
	}
	q.states.Put(k, quotaState{left: min(unread(quota), quota-n) - 1})
	return true
}

// checkQuota fails if the directory has as many resources of the type as it may
// have. A directory that is not counted yet has room.
func (s *Session) checkQuota(ctx context.Context, t Type) error {
	quota, setting := s.settings.MaxUsers, "max_users"
	if t.kind == table.Group {
		quota, setting = s.settings.MaxGroups, "max_groups"
	}
	k := quotaKey{s.directoryID, t.kind}
	admitted, refused := s.quotas.take(k, quota, s.now())
	if !admitted && !refused {
		counts, err := s.table.Counts(ctx, s.directoryID)
		if err != nil {
			return err
		}
		admitted = s.quotas.learn(k, quota, counted(counts, t), s.now())
	}
	if admitted {
		return nil
	}
	return fault.New(fault.Full, "", "this directory may have %d resources of the type %s at most, and has as many: the setting %s of the directory says so", quota, t.Name, setting)
}

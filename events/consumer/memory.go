package consumer

import (
	"context"
	"strings"
	"sync"
	"time"
)

// Memory is a Store in memory, for tests and for processes that read the event
// log from its beginning when they start. It ignores expiry and keeps every
// key.
type Memory struct {
	mu      sync.Mutex
	records map[Key]record
}

type record struct {
	event    string // the newest event that was started, or the mark
	finished bool
	holder   string // "" for none
	until    time.Time
	removed  bool
}

// NewMemory returns an empty store.
func NewMemory() *Memory { return &Memory{records: map[Key]record{}} }

// update applies f to a record, atomically. An error of f leaves the record
// unchanged.
func (m *Memory) update(ctx context.Context, k Key, f func(*record) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	r, known := m.records[k]
	if err := f(&r); err != nil {
		return err
	}
	if known || r != (record{}) {
		m.records[k] = r
	}
	return nil
}

// Take implements Store.
func (m *Memory) Take(ctx context.Context, k Key, l Lease) error {
	return m.update(ctx, k, func(r *record) error {
		switch {
		case r.event > l.ID, r.event == l.ID && r.finished:
			return ErrStale
		case r.holder != "" && r.until.After(l.Now):
			return ErrHeld
		}
		*r = record{event: l.ID, holder: l.Holder, until: l.Until}
		return nil
	})
}

// Finish implements Store.
func (m *Memory) Finish(ctx context.Context, k Key, holder string, expiry time.Time) error {
	return m.update(ctx, k, func(r *record) error {
		if r.holder != holder {
			return ErrLost
		}
		*r = record{event: r.event, finished: true, removed: !expiry.IsZero()}
		return nil
	})
}

// Release implements Store.
func (m *Memory) Release(ctx context.Context, k Key, holder string) error {
	return m.update(ctx, k, func(r *record) error {
		if r.holder == holder {
			r.holder, r.until = "", time.Time{}
		}
		return nil
	})
}

// Raise implements Store.
func (m *Memory) Raise(ctx context.Context, k Key, id string, _ time.Time) error {
	return m.update(ctx, k, func(r *record) error {
		if id > r.event {
			*r = record{event: id, removed: true}
		}
		return nil
	})
}

// Read implements Store.
func (m *Memory) Read(ctx context.Context, keys ...Key) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	marks := make([]string, len(keys))
	for i, k := range keys {
		marks[i] = m.records[k].event
	}
	return marks, ctx.Err()
}

// List implements Store.
func (m *Memory) List(ctx context.Context, prefix Key) ([]Key, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var keys []Key
	for k, r := range m.records {
		if k.Directory == prefix.Directory && strings.HasPrefix(k.Resource, prefix.Resource) && !r.removed {
			keys = append(keys, k)
		}
	}
	return keys, ctx.Err()
}

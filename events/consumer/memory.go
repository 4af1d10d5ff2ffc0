package consumer

import (
	"cmp"
	"context"
	"iter"
	"slices"
	"strings"
	"sync"
	"time"
)

// Memory is a Store in memory, for tests and for processes that read the event
// log from its beginning when they start. It ignores expiry and keeps every
// key.
type Memory struct {
	mu       sync.Mutex
	records  map[Key]record
	recorded map[string][]span // by directory, ascending, with gaps between
}

type record struct {
	position string // of the newest event that was started, or the mark
	finished bool
	holder   string // "" for none
	until    time.Time
	removed  bool
}

// NewMemory returns an empty store.
func NewMemory() *Memory {
	return &Memory{records: map[Key]record{}, recorded: map[string][]span{}}
}

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
		case r.position > l.Position, r.position == l.Position && r.finished:
			return ErrStale
		case r.holder != "" && r.holder != l.Holder && r.until.After(l.Now):
			return ErrHeld
		}
		*r = record{position: l.Position, holder: l.Holder, until: l.Until}
		return nil
	})
}

// Finish implements Store.
func (m *Memory) Finish(ctx context.Context, k Key, holder string, expiry time.Time) error {
	return m.update(ctx, k, func(r *record) error {
		if r.holder != holder {
			return ErrLost
		}
		*r = record{position: r.position, finished: true, removed: !expiry.IsZero()}
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
func (m *Memory) Raise(ctx context.Context, k Key, position string, _ time.Time) error {
	return m.update(ctx, k, func(r *record) error {
		if position > r.position {
			*r = record{position: position, removed: true}
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
		marks[i] = m.records[k].position
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

// span is a range of recorded sequences, both ends included.
type span struct{ from, to int64 }

// Record implements Store.
func (m *Memory) Record(ctx context.Context, directory string, sequence int64, _ time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	spans := m.recorded[directory]
	// i is the first span that ends at the sequence before, or later.
	i, _ := slices.BinarySearchFunc(spans, sequence-1, func(s span, n int64) int { return cmp.Compare(s.to, n) })
	switch {
	case i == len(spans) || spans[i].from-1 > sequence:
		spans = slices.Insert(spans, i, span{sequence, sequence})
	default:
		spans[i] = span{min(spans[i].from, sequence), max(spans[i].to, sequence)}
		if i+1 < len(spans) && spans[i+1].from == spans[i].to+1 {
			spans[i].to = spans[i+1].to
			spans = slices.Delete(spans, i+1, i+2)
		}
	}
	m.recorded[directory] = spans
	return ctx.Err()
}

// Recorded implements Store.
func (m *Memory) Recorded(ctx context.Context, directory string, after int64) iter.Seq2[int64, error] {
	return func(yield func(int64, error) bool) {
		m.mu.Lock()
		spans := slices.Clone(m.recorded[directory])
		m.mu.Unlock()
		if err := ctx.Err(); err != nil {
			yield(0, err)
			return
		}
		for _, s := range spans {
			for n := max(s.from-1, after); n < s.to; n++ {
				if !yield(n+1, nil) {
					return
				}
			}
		}
	}
}

package console

import (
	"time"

	"dsync/internal/cache"
)

const (
	// rememberedFor is how old what a list shows of a row may be: the requests of an
	// hour are counted up to a quarter of an hour later, and names change seldom.
	rememberedFor = 10 * time.Second
	// maxRemembered bounds the rows of one kind that a process remembers.
	maxRemembered = 2_000
)

// remembered keeps what lists show of rows for some seconds, by id. Whoever has a session
// sees all rows. It is safe for concurrent use.
type remembered[T any] struct {
	known *cache.Cache[string, known[T]]
	now   func() time.Time
}

type known[T any] struct {
	value T
	until time.Time
}

func newRemembered[T any](now func() time.Time) remembered[T] {
	return remembered[T]{cache.New[string, known[T]](maxRemembered), now}
}

// get returns the value of an id, and reads it unless it was read some seconds ago. What
// cannot be read is not remembered.
func (r remembered[T]) get(id string, read func() (T, error)) (T, error) {
	if k, ok := r.known.Get(id); ok && r.now().Before(k.until) {
		return k.value, nil
	}
	value, err := read()
	if err == nil {
		r.known.Put(id, known[T]{value, r.now().Add(rememberedFor)})
	}
	return value, err
}

package cache

import "time"

// Unknown remembers keys that were looked for in vain, so that asking for one
// again costs nothing for a while. It is bounded, and apart from what was found:
// however many unknown keys are asked for, they displace no known one. It is safe
// for concurrent use.
type Unknown[K comparable] struct {
	since *Cache[K, time.Time]
	lasts time.Duration
}

// NewUnknown returns an empty Unknown for max keys, each for a time.
func NewUnknown[K comparable](max int, lasts time.Duration) Unknown[K] {
	return Unknown[K]{New[K, time.Time](max), lasts}
}

// Add adds a key that was looked for in vain.
func (u Unknown[K]) Add(k K, now time.Time) { u.since.Put(k, now) }

// Has reports whether the key was looked for in vain a short time ago. A clock
// that goes back makes it forget.
func (u Unknown[K]) Has(k K, now time.Time) bool {
	at, ok := u.since.Get(k)
	return ok && !now.Before(at) && now.Sub(at) < u.lasts
}

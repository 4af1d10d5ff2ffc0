// Package cache is a bounded map that forgets the entry whose use is longest
// ago.
package cache

import (
	"container/list"
	"sync"
)

// Cache holds at most a set number of entries. It is safe for concurrent use;
// every operation but DeleteFunc takes constant time.
type Cache[K comparable, V any] struct {
	mu      sync.Mutex
	max     int
	entries map[K]*list.Element
	order   *list.List // of entry[K, V], the one used last in front
}

type entry[K comparable, V any] struct {
	key   K
	value V
}

// New returns an empty cache for max entries; max is 1 or more.
func New[K comparable, V any](max int) *Cache[K, V] {
	return &Cache[K, V]{max: max, entries: map[K]*list.Element{}, order: list.New()}
}

// Get returns the value of a key.
func (c *Cache[K, V]) Get(k K) (v V, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.entries[k]
	if !ok {
		return v, false
	}
	c.order.MoveToFront(e)
	return e.Value.(entry[K, V]).value, true
}

// Put sets the value of a key. In a full cache a new key replaces the one whose
// use is longest ago.
func (c *Cache[K, V]) Put(k K, v V) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.entries[k]; ok {
		e.Value = entry[K, V]{k, v}
		c.order.MoveToFront(e)
		return
	}
	if len(c.entries) >= c.max {
		last := c.order.Back()
		delete(c.entries, c.order.Remove(last).(entry[K, V]).key)
	}
	c.entries[k] = c.order.PushFront(entry[K, V]{k, v})
}

// DeleteFunc deletes the entries for which del returns true. del must not use
// the cache.
func (c *Cache[K, V]) DeleteFunc(del func(K, V) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for k, e := range c.entries {
		if del(k, e.Value.(entry[K, V]).value) {
			c.order.Remove(e)
			delete(c.entries, k)
		}
	}
}

// Len is the number of entries.
func (c *Cache[K, V]) Len() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.entries)
}

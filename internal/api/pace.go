package api

import (
	"sync"
	"time"
)

// Each key may ask paceRate times a second, and up to paceBurst times at once,
// in each of the function's processes: several times what reading all users of
// a large directory takes, and less than what would slow the others down.
const (
	paceRate  = 100
	paceBurst = 200
	// paceKeys bounds the keys that are remembered; when they are more it
	// starts anew.
	paceKeys = 1_000
)

// pace counts the requests of each key: a bucket that refills.
type pace struct {
	mu      sync.Mutex
	buckets map[string]bucket
}

type bucket struct {
	left float64
	at   time.Time
}

// allows takes one request out of the key's bucket, if there is one in it.
func (p *pace) allows(key string, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	b, ok := p.buckets[key]
	if !ok {
		b = bucket{paceBurst, now}
		if p.buckets == nil || len(p.buckets) >= paceKeys {
			p.buckets = make(map[string]bucket)
		}
	}
	if passed := now.Sub(b.at); passed > 0 {
		b.left, b.at = min(paceBurst, b.left+passed.Seconds()*paceRate), now
	}
	allowed := b.left >= 1
	if allowed {
		b.left--
	}
	p.buckets[key] = b
	return allowed
}

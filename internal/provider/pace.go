package provider

import (
	"math"
	"sync"
	"time"
)

// Limits are how many requests one directory may make of one function: so many
// at once, and so many a second in the long run. Zero is no limit.
//
// Each process of a function counts for itself, so this is no quota: it keeps
// a directory that has run wild from taking a process away from the others.
type Limits struct{ PerSecond, Burst int }

// DefaultLimits are four times Entra's 25 requests a second for a tenant
// (entra.md section 9), and about what one process does that serves one request
// at a time. A rush of half a minute, as when everybody is provisioned for the
// first time through one process, is let through.
var DefaultLimits = Limits{PerSecond: 100, Burst: 3000}

// maxPaced bounds the directories that are remembered. It is far above those
// that one process serves within seconds.
const maxPaced = 1_000

// pace holds directories to the limits: to each a bucket that refills.
type pace struct {
	Limits
	mu      sync.Mutex
	buckets map[string]bucket
}

type bucket struct {
	left float64
	at   time.Time
}

// take takes a request of a directory out of its bucket. If there is none left
// it returns how long to wait for one, else 0.
func (p *pace) take(directory string, now time.Time) time.Duration {
	if p.PerSecond == 0 {
		return 0
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.buckets == nil {
		p.buckets = make(map[string]bucket)
	}
	b, known := p.buckets[directory]
	if !known {
		p.makeRoom(now)
		b = bucket{float64(p.Burst), now}
	}
	b = p.refill(b, now)
	if b.left < 1 {
		p.buckets[directory] = b
		return time.Duration((1 - b.left) / float64(p.PerSecond) * float64(time.Second))
	}
	b.left--
	p.buckets[directory] = b
	return 0
}

func (p *pace) refill(b bucket, now time.Time) bucket {
	if passed := now.Sub(b.at); passed > 0 {
		b.left, b.at = min(float64(p.Burst), b.left+passed.Seconds()*float64(p.PerSecond)), now
	}
	return b
}

// makeRoom forgets the directories whose buckets are full again, which loses
// nothing, and if there are none all of them.
func (p *pace) makeRoom(now time.Time) {
	if len(p.buckets) < maxPaced {
		return
	}
	for directory, b := range p.buckets {
		if p.refill(b, now).left == float64(p.Burst) {
			delete(p.buckets, directory)
		}
	}
	if len(p.buckets) >= maxPaced {
		clear(p.buckets)
	}
}

// seconds is a time as a Retry-After header says it: whole seconds, 1 at least.
func seconds(d time.Duration) int { return max(1, int(math.Ceil(d.Seconds()))) }

package usage

import (
	"sync"
	"time"

	"dsync/internal/cache"
	"dsync/internal/table"
)

const (
	// countEvery is how often a process writes the counts of a directory, at
	// most. What it has counted since then is lost if it ends before the next
	// request.
	countEvery = time.Minute
	// refusedPerMinute and toleratedPerMinute are how many requests of a directory
	// a process records: enough to see what is wrong, and a bound on the writes
	// that a burst of errors costs. The rest are counted.
	refusedPerMinute   = 30
	toleratedPerMinute = 10
	// maxCounted bounds the directories that a process keeps count of. For one
	// more it forgets the one whose last request is longest ago.
	maxCounted = 1_000
)

// counters are the counts of each directory that a process has not written yet.
// They are safe for concurrent use.
type counters struct {
	mu          *sync.Mutex
	directories *cache.Cache[string, *counter]
}

func newCounters() counters {
	return counters{&sync.Mutex{}, cache.New[string, *counter](maxCounted)}
}

// counter is the counts of one directory that are not written yet.
type counter struct {
	day                table.Day // not written yet
	written            time.Time // when counts were
	refused, tolerated minute
	unrecorded         int
}

// minute counts the records that were written in a minute.
type minute struct {
	since time.Time
	used  int
}

func (c counters) of(directoryID string) *counter {
	of, ok := c.directories.Get(directoryID)
	if !ok {
		of = &counter{}
		c.directories.Put(directoryID, of)
	}
	return of
}

// count counts a request, and returns counts that are due to be written.
func (c counters) count(directoryID string, now time.Time, refused, changed bool) (due table.Day, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	of := c.of(directoryID)
	date := now.UTC().Format(time.DateOnly)
	if of.day.Date != date && of.day.Requests > 0 {
		due, ok = of.take(now), true
	}
	of.day.Date, of.day.Last = date, now
	of.day.Requests++
	if refused {
		of.day.Refused++
	}
	if changed {
		of.day.Writes++
	}
	if !ok && now.Sub(of.written) >= countEvery {
		due, ok = of.take(now), true
	}
	return due, ok
}

func (c *counter) take(now time.Time) table.Day {
	due := c.day
	c.day, c.written = table.Day{}, now
	return due
}

// reserve returns how many of n requests may be recorded, and how many were not
// recorded since the last record. It counts those that may not.
func (c counters) reserve(directoryID string, now time.Time, refused bool, n int) (admitted, unrecorded int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	of := c.of(directoryID)
	m, limit := &of.tolerated, toleratedPerMinute
	if refused {
		m, limit = &of.refused, refusedPerMinute
	}
	if now.Sub(m.since) >= time.Minute {
		*m = minute{since: now}
	}
	admitted = min(n, limit-m.used)
	if admitted > 0 {
		unrecorded, of.unrecorded = of.unrecorded, 0
	}
	m.used += admitted
	of.unrecorded += n - admitted
	return admitted, unrecorded
}

// addUnrecorded counts requests that could not be recorded.
func (c counters) addUnrecorded(directoryID string, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.of(directoryID).unrecorded += n
}

package usage

import (
	"sync"
	"time"

	"dsync/internal/cache"
	"dsync/internal/table"
)

const (
	// countAtOnce is how many requests of a directory a process counts before it
	// writes them in any case. Fewer are written by one of all processes in a
	// quarter of an hour, so a directory in which little happens costs little. What
	// a process has not written is lost when it ends.
	countAtOnce = 100
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
	quarter            int64     // of the last attempt to write
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

// count counts a request, and returns counts that are due: the first in a quarter
// of an hour, and countAtOnce.
func (c counters) count(directoryID string, now time.Time, refused, changed bool) (due table.Day, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	of, quarter := c.of(directoryID), table.Quarter(now)
	of.day.Requests++
	if refused {
		of.day.Refused++
	}
	if changed {
		of.day.Writes++
	}
	if quarter <= of.quarter && of.day.Requests < countAtOnce {
		return due, false
	}
	due = of.day
	due.Date, due.Last, due.Quarter = now.UTC().Format(time.DateOnly), now, quarter
	of.day, of.quarter = table.Day{}, max(quarter, of.quarter)
	return due, true
}

// restore takes back counts that were not written: another process has written in
// that quarter of an hour.
func (c counters) restore(directoryID string, due table.Day) {
	c.mu.Lock()
	defer c.mu.Unlock()
	of := c.of(directoryID)
	of.day.Requests += due.Requests
	of.day.Refused += due.Refused
	of.day.Writes += due.Writes
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

package directory

import (
	"sync"
	"time"

	"dsync/internal/table"
)

const (
	// countEvery is how often a function writes the counts of a directory, at
	// most. What it has counted since then is lost if it ends before the next
	// request.
	countEvery = time.Minute
	// refusedAMinute and toleratedAMinute are how many requests of a directory
	// a function records, of each sort: enough to see what is wrong, and a
	// storm of errors is no storm of writes. The rest are counted.
	refusedAMinute   = 30
	toleratedAMinute = 10
	// maxLedgers bounds the directories that a function keeps count of. For
	// one more it forgets another.
	maxLedgers = 1_000
)

// ledgers are what a function has still to write of the requests of each
// directory.
type ledgers struct {
	mu sync.Mutex
	m  map[string]*ledger
}

type ledger struct {
	day                table.Day // what is not written yet
	written            time.Time // when counts were
	refused, tolerated allowance
	unrecorded         int
}

// allowance is how many records were written in a minute.
type allowance struct {
	since time.Time
	used  int
}

func (l *ledgers) of(dir string) *ledger {
	of := l.m[dir]
	if of == nil {
		for other := range l.m {
			if len(l.m) < maxLedgers {
				break
			}
			delete(l.m, other)
		}
		if l.m == nil {
			l.m = make(map[string]*ledger)
		}
		of = &ledger{}
		l.m[dir] = of
	}
	return of
}

// count counts a request, and returns counts that are due to be written.
func (l *ledgers) count(dir string, now time.Time, refused, wrote bool) (due table.Day, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	of := l.of(dir)
	date := now.UTC().Format(time.DateOnly)
	if over := of.day.Date != date && of.day.Requests > 0; over {
		due, ok = of.take(now), true
	}
	of.day.Date, of.day.Last = date, now
	of.day.Requests++
	if refused {
		of.day.Refused++
	}
	if wrote {
		of.day.Writes++
	}
	if !ok && now.Sub(of.written) >= countEvery {
		due, ok = of.take(now), true
	}
	return due, ok
}

func (of *ledger) take(now time.Time) table.Day {
	due := of.day
	of.day, of.written = table.Day{}, now
	return due
}

// admit tells how many of n requests may be recorded, and how many were not
// since the last record. It counts those that may not.
func (l *ledgers) admit(dir string, now time.Time, refused bool, n int) (admitted, unrecorded int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	of := l.of(dir)
	a, limit := &of.tolerated, toleratedAMinute
	if refused {
		a, limit = &of.refused, refusedAMinute
	}
	if now.Sub(a.since) >= time.Minute {
		*a = allowance{since: now}
	}
	if admitted = min(n, limit-a.used); admitted > 0 {
		unrecorded, of.unrecorded = of.unrecorded, 0
	}
	a.used += admitted
	of.unrecorded += n - admitted
	return admitted, unrecorded
}

// miss counts requests that could not be recorded.
func (l *ledgers) miss(dir string, n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.of(dir).unrecorded += n
}

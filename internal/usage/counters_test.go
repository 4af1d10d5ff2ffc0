package usage

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"dsync/internal/table"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// Counts are handed out once in a quarter of an hour, whole, each to the day on
// which that is; and a hundred of them at once.
func TestCounts(t *testing.T) {
	c := newCounters()
	midnight := time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)
	day := func(at time.Time, requests, refused, writes int64) *table.Day {
		return &table.Day{Date: at.Format(time.DateOnly), Requests: requests, Refused: refused, Writes: writes, Last: at, Quarter: table.Quarter(at)}
	}
	quarter := noon.Add(15 * time.Minute)
	for _, row := range []struct {
		name    string
		at      time.Time
		refused bool
		wrote   bool
		want    *table.Day
	}{
		{"the first at once", noon, false, false, day(noon, 1, 0, 0)},
		{"then nothing", noon.Add(time.Second), false, true, nil},
		{"in this quarter", noon.Add(15*time.Minute - time.Millisecond), true, false, nil},
		{"and all of it", quarter, false, true, day(quarter, 3, 1, 2)},
		{"a clock that goes back", noon, false, false, nil},
		{"counts", quarter.Add(15 * time.Minute), false, false, day(quarter.Add(15*time.Minute), 2, 0, 0)},
		{"before midnight, due", midnight.Add(-time.Second), false, true, day(midnight.Add(-time.Second), 1, 0, 1)},
		{"before midnight", midnight.Add(-time.Millisecond), false, true, nil},
		{"after midnight", midnight, true, false, day(midnight, 2, 1, 1)},
	} {
		due, ok := c.count("d", row.at, row.refused, row.wrote)
		if ok != (row.want != nil) || ok && due != *row.want {
			t.Errorf("%s: %v %+v, want %+v", row.name, ok, due, row.want)
		}
	}
	if _, ok := c.count("other", noon, false, false); !ok {
		t.Error("directories wait for each other")
	}
	for i := 1; i <= 2*countAtOnce; i++ {
		due, ok := c.count("other", noon, true, true)
		if ok != (i%countAtOnce == 0) || ok && due != *day(noon, countAtOnce, countAtOnce, countAtOnce) {
			t.Errorf("request %d: %v %+v", i, ok, due)
		}
	}
	c.restore("other", *day(noon, 7, 5, 3))
	if due, _ := c.count("other", quarter, false, false); due != *day(quarter, 8, 5, 3) {
		t.Errorf("what was not written is %+v", due)
	}
}

// So many a minute are recorded of each sort, and the next record tells how
// many were not.
func TestReserve(t *testing.T) {
	c := newCounters()
	for _, row := range []struct {
		name                 string
		at                   time.Duration
		refused              bool
		n                    int
		admitted, unrecorded int
	}{
		{"some", 0, true, 3, 3, 0},
		{"up to the limit", 30 * time.Second, true, refusedPerMinute - 3, refusedPerMinute - 3, 0},
		{"one above it", 40 * time.Second, true, 1, 0, 0},
		{"many above it", 59 * time.Second, true, 100, 0, 0},
		{"what is tolerated counts for itself", 59 * time.Second, false, toleratedPerMinute + 1, toleratedPerMinute, 101},
		{"the next minute tells", time.Minute, true, refusedPerMinute + 5, refusedPerMinute, 1},
		{"and the next", 2 * time.Minute, true, 1, 1, 5},
		{"nothing is left", 3 * time.Minute, true, 1, 1, 0},
	} {
		admitted, unrecorded := c.reserve("d", noon.Add(row.at), row.refused, row.n)
		if admitted != row.admitted || unrecorded != row.unrecorded {
			t.Errorf("%s: %d, %d before, want %d, %d", row.name, admitted, unrecorded, row.admitted, row.unrecorded)
		}
	}
	c.addUnrecorded("d", 7)
	if _, unrecorded := c.reserve("d", noon.Add(4*time.Minute), true, 1); unrecorded != 7 {
		t.Errorf("%d could not be recorded, want 7", unrecorded)
	}
}

func TestCountersAreBounded(t *testing.T) {
	c := newCounters()
	for i := range maxCounted + 50 {
		c.count(fmt.Sprint(i), noon, false, false)
	}
	if c.directories.Len() != maxCounted {
		t.Errorf("%d directories, want %d", c.directories.Len(), maxCounted)
	}
}

// Of requests at once none is counted twice or lost.
func TestConcurrentCounts(t *testing.T) {
	c := newCounters()
	var mu sync.Mutex
	var total int64
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			for n := range 100 {
				if due, ok := c.count("d", noon.Add(time.Duration(i+n)*time.Second), true, false); ok {
					mu.Lock()
					total += due.Requests
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	if total += c.of("d").day.Requests; total != 2000 {
		t.Errorf("%d requests, want 2000", total)
	}
}

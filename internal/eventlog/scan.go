package eventlog

import (
	"context"
	"fmt"
	"slices"
	"time"

	"dsync/internal/table"
)

// Limits of one scan: then the page ends, and a cursor continues it.
const (
	maxExamined = 5_000 // events, selected or not
	maxBuckets  = 100   // hours and shards
	// chunkSize is how many entries of a bucket are read at a time if the query
	// does not select all of them.
	chunkSize = 500
)

// scanned is the result of a scan, in the order of reading.
type scanned struct {
	events []table.LoggedEvent
	last   string // position where the scan stopped
	more   bool   // whether events may follow
}

// scan finds the events of a query in a range of positions.
func (l *Log) scan(ctx context.Context, q Query, r positions) (scanned, error) {
	if r.after >= r.before {
		return scanned{}, nil
	}
	if q.DirectoryID != "" {
		return l.scanDirectory(ctx, q, r)
	}
	buckets, err := l.table.Buckets(ctx, timeOf(r.after), timeOf(r.before))
	if err != nil {
		return scanned{}, err
	}
	s := bucketScan{table: l.table, query: q, positions: r}
	more, err := s.run(ctx, buckets)
	if err != nil {
		return scanned{}, err
	}
	events, err := l.table.LogEvents(ctx, s.selected)
	return scanned{events, s.last, more}, err
}

func (l *Log) scanDirectory(ctx context.Context, q Query, r positions) (scanned, error) {
	var s scanned
	examined := 0
	for e, err := range l.table.DirectoryLog(ctx, q.DirectoryID, r.after, r.before, r.newest) {
		if err != nil {
			return scanned{}, err
		}
		if len(s.events) == q.Limit || examined == maxExamined {
			s.more = true
			break
		}
		examined++
		s.last = e.Position
		if q.selects(e.Name) {
			s.events = append(s.events, e)
		}
	}
	return s, nil
}

// bucketScan scans the log of all directories, hour by hour. It merges the
// shards of an hour by position.
type bucketScan struct {
	table     *table.Table
	query     Query
	positions positions

	examined int
	selected []table.LogEntry
	last     string // position where the scan stopped
}

// run scans the buckets, which are in the order of time. It reports whether
// events may follow.
func (s *bucketScan) run(ctx context.Context, buckets []table.Bucket) (more bool, err error) {
	if s.query.OrganizationID != "" {
		shard := bucketOf(s.positions.after, s.query.OrganizationID).Shard
		buckets = slices.DeleteFunc(buckets, func(b table.Bucket) bool { return b.Shard != shard })
	}
	if s.positions.newest {
		slices.Reverse(buckets)
	}
	for n := 0; n < len(buckets); {
		end := n
		for end < len(buckets) && buckets[end].Hour.Equal(buckets[n].Hour) {
			end++
		}
		if n > 0 && end > maxBuckets {
			s.last = s.startOf(buckets[n].Hour) // all previous hours were scanned
			return true, nil
		}
		full, err := s.scanHour(ctx, buckets[n:end])
		if err != nil || full {
			return full, err
		}
		n = end
	}
	return false, nil
}

// startOf is a position before all events of an hour, in the order of reading.
func (s *bucketScan) startOf(hour time.Time) string {
	if s.positions.newest {
		return firstPosition(hour.Add(time.Hour))
	}
	return lastPosition(hour.Add(-time.Millisecond))
}

// scanHour scans the shards of an hour. It reports whether the page is full or
// maxExamined is reached.
func (s *bucketScan) scanHour(ctx context.Context, buckets []table.Bucket) (full bool, err error) {
	size := s.query.Limit + 1
	if len(s.query.Names) > 0 || s.query.OrganizationID != "" {
		size = chunkSize
	}
	readers := make([]*bucketReader, len(buckets))
	for i, b := range buckets {
		readers[i] = &bucketReader{bucket: b, after: s.positions.after, before: s.positions.before, newest: s.positions.newest, size: size}
	}
	for {
		next, err := s.nextReader(ctx, readers)
		if err != nil || next == nil {
			return false, err
		}
		// Events with the same position stay together: a cursor cannot separate
		// them.
		if (len(s.selected) >= s.query.Limit || s.examined >= maxExamined) && next.position() != s.last {
			return true, nil
		}
		e := next.take()
		s.examined++
		s.last = e.Position
		if s.query.selects(e.Name) && (s.query.OrganizationID == "" || e.Of(s.query.OrganizationID)) {
			s.selected = append(s.selected, e)
		}
	}
}

// nextReader returns the reader whose next entry is the first in the order of
// reading, or nil when all readers are at the end.
func (s *bucketScan) nextReader(ctx context.Context, readers []*bucketReader) (next *bucketReader, err error) {
	for _, r := range readers {
		if err := r.fill(ctx, s.table); err != nil {
			return nil, fmt.Errorf("eventlog: %w", err)
		}
		if len(r.entries) == 0 {
			continue
		}
		if next == nil || (r.position() < next.position()) != s.positions.newest {
			next = r
		}
	}
	return next, nil
}

// bucketReader reads the entries of one bucket, a chunk at a time.
type bucketReader struct {
	bucket        table.Bucket
	after, before string // positions at first, then sort keys of entries
	newest        bool
	size          int              // of a chunk
	entries       []table.LogEntry // that were read and not taken
	end           bool             // there are no more chunks
}

func (r *bucketReader) position() string { return r.entries[0].Position }

func (r *bucketReader) take() table.LogEntry {
	e := r.entries[0]
	r.entries = r.entries[1:]
	return e
}

// fill reads the next chunk if all entries were taken.
func (r *bucketReader) fill(ctx context.Context, t *table.Table) error {
	for len(r.entries) == 0 && !r.end {
		entries, more, err := t.BucketEntries(ctx, r.bucket, r.after, r.before, r.size, r.newest)
		if err != nil {
			return err
		}
		r.entries, r.end = entries, !more
		switch n := len(entries); {
		case n > 0 && r.newest:
			r.before = entries[n-1].Sort
		case n > 0:
			r.after = entries[n-1].Sort
		}
	}
	return nil
}

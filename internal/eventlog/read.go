package eventlog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"dsync/internal/id"
	"dsync/internal/table"
)

// ErrCursor: it is no cursor, or what follows it is older than the log.
var ErrCursor = errors.New("eventlog: no such cursor")

// Query asks for a part of the log.
type Query struct {
	OrganizationID string    // "" for all
	DirectoryID    string    // "" for all; then OrganizationID does not matter
	Names          []string  // of events; none is all
	After, Before  string    // exclusive: a cursor of a page, or the id of an event
	From, To       time.Time // inclusive; zero for none
	Limit          int       // at least 1
	Descending     bool      // newest first
}

// Page is a part of the log in the order of the query.
type Page struct {
	Events []json.RawMessage
	// After is the cursor of the page that follows in this order, Before that
	// of the page that came before; "" when there is none.
	After, Before string
}

// What one read looks at, at most: then the page ends and goes on by cursor.
const (
	maxLookedAt = 5_000 // events, of which some may not be asked for
	maxBuckets  = 100   // hours and shards
	chunk       = 500   // keys of a bucket in one read, if not all are asked for
)

// Read reads a page. It fails with ErrCursor.
func (l *Log) Read(ctx context.Context, q Query) (Page, error) {
	now := l.now()
	settled := now
	if q.DirectoryID == "" {
		settled = now.Add(-Settle)
	}
	lo, hi := greatest(now.Add(-Retention)), greatest(settled)
	if q.DirectoryID != "" {
		hi = greatest(now.Add(time.Hour)) // a relay's clock may be ahead
	}
	if !q.From.IsZero() {
		lo = max(lo, greatest(q.From.Add(-time.Millisecond)))
	}
	if !q.To.IsZero() {
		hi = min(hi, least(q.To.Add(time.Millisecond)))
	}
	for _, c := range []struct {
		cursor string
		newer  bool // what is wanted is newer than the cursor
	}{{q.After, !q.Descending}, {q.Before, q.Descending}} {
		if c.cursor == "" {
			continue
		}
		p, err := l.position(ctx, c.cursor, now)
		if err != nil {
			return Page{}, err
		}
		if c.newer {
			lo = max(lo, p)
		} else {
			hi = min(hi, p)
		}
	}
	// A page before a cursor is read away from the cursor and turned round.
	backwards := q.Before != "" && q.After == ""
	newest := q.Descending != backwards
	found, last, more, err := l.scan(ctx, q, lo, hi, newest)
	if err != nil {
		return Page{}, err
	}
	return page(q, found, last, more, backwards)
}

// position is where a cursor is.
func (l *Log) position(ctx context.Context, cursor string, now time.Time) (string, error) {
	if !id.Event.Valid(cursor) {
		return "", ErrCursor
	}
	p, err := l.table.LogPosition(ctx, cursor)
	if err == nil && now.Sub(timeOf(p)) > Retention {
		err = ErrCursor
	}
	return p, err
}

// page turns what was found, in the order of reading, into a page. last is
// where reading stopped, more whether there may be more behind it.
func page(q Query, found []table.LoggedEvent, last string, more, backwards bool) (Page, error) {
	var p Page
	for _, e := range found {
		detail, err := unpack(e.Body)
		if err != nil {
			return p, err
		}
		p.Events = append(p.Events, detail)
	}
	end, start := "", ""
	if more {
		end = id.Event.Of(last)
	}
	if len(found) > 0 && (q.After != "" || q.Before != "") {
		start = id.Event.Of(found[0].Position)
	}
	p.After, p.Before = end, start
	if backwards {
		slices.Reverse(p.Events)
		p.After, p.Before = start, end
	}
	return p, nil
}

// scan finds the events of a query between two positions, both excluded.
func (l *Log) scan(ctx context.Context, q Query, lo, hi string, newest bool) (found []table.LoggedEvent, last string, more bool, err error) {
	if lo >= hi {
		return nil, "", false, nil
	}
	if q.DirectoryID != "" {
		return l.scanDirectory(ctx, q, lo, hi, newest)
	}
	buckets, err := l.table.Buckets(ctx, timeOf(lo), timeOf(hi))
	if err != nil {
		return nil, "", false, err
	}
	s := scanner{table: l.table, q: q, lo: lo, hi: hi, newest: newest}
	entries, last, more, err := s.run(ctx, buckets)
	if err != nil {
		return nil, "", false, err
	}
	found, err = l.table.LogEvents(ctx, entries)
	return found, last, more, err
}

func (l *Log) scanDirectory(ctx context.Context, q Query, lo, hi string, newest bool) (found []table.LoggedEvent, last string, more bool, err error) {
	looked := 0
	for e, err := range l.table.DirectoryLog(ctx, q.DirectoryID, lo, hi, newest) {
		if err != nil {
			return nil, "", false, err
		}
		if len(found) == q.Limit || looked == maxLookedAt {
			return found, last, true, nil
		}
		looked++
		last = e.Position
		if among(e.Name, q.Names) {
			found = append(found, e)
		}
	}
	return found, last, false, nil
}

// scanner reads the log of all directories, bucket by bucket.
type scanner struct {
	table  *table.Table
	q      Query
	lo, hi string
	newest bool
	looked int
	chosen []table.LogEntry
	last   string
}

// run reads the hours in order; the shards of an hour side by side.
func (s *scanner) run(ctx context.Context, buckets []table.Bucket) (chosen []table.LogEntry, last string, more bool, err error) {
	if s.q.OrganizationID != "" {
		shard := bucket(s.lo, s.q.OrganizationID).Shard
		buckets = slices.DeleteFunc(buckets, func(b table.Bucket) bool { return b.Shard != shard })
	}
	if s.newest {
		slices.Reverse(buckets)
	}
	for n := 0; n < len(buckets); {
		end := n
		for end < len(buckets) && buckets[end].Hour.Equal(buckets[n].Hour) {
			end++
		}
		if n > 0 && end > maxBuckets {
			// Everything of the hours before was looked at.
			return s.chosen, s.edge(buckets[n].Hour), true, nil
		}
		full, err := s.hour(ctx, buckets[n:end])
		if err != nil || full {
			return s.chosen, s.last, full, err
		}
		n = end
	}
	return s.chosen, s.last, false, nil
}

// edge is the position that stands before everything of an hour, in the order
// of reading.
func (s *scanner) edge(hour time.Time) string {
	if s.newest {
		return least(hour.Add(time.Hour))
	}
	return greatest(hour.Add(-time.Millisecond))
}

// hour merges the shards of an hour by position. It reports whether the page
// is full, or enough was looked at.
func (s *scanner) hour(ctx context.Context, buckets []table.Bucket) (full bool, err error) {
	size := s.q.Limit + 1
	if len(s.q.Names) > 0 || s.q.OrganizationID != "" {
		size = chunk // not all of them are asked for
	}
	streams := make([]*stream, len(buckets))
	for i, b := range buckets {
		streams[i] = &stream{bucket: b, lo: s.lo, hi: s.hi, size: size}
	}
	for {
		var first *stream
		for _, st := range streams {
			if err := st.fill(ctx, s.table, s.newest); err != nil {
				return false, fmt.Errorf("eventlog: %w", err)
			}
			if st.done() {
				continue
			}
			if first == nil || (st.head() < first.head()) != s.newest {
				first = st
			}
		}
		if first == nil {
			return false, nil
		}
		// What has the same position goes with it: a cursor cannot part them.
		if (len(s.chosen) >= s.q.Limit || s.looked >= maxLookedAt) && first.head() != s.last {
			return true, nil
		}
		e := first.take()
		s.looked++
		s.last = e.Position
		if among(e.Name, s.q.Names) && (s.q.OrganizationID == "" || e.Of(s.q.OrganizationID)) {
			s.chosen = append(s.chosen, e)
		}
	}
}

// stream is the entries of one bucket, a chunk at a time.
type stream struct {
	bucket table.Bucket
	lo, hi string // positions, and then whole sort keys
	size   int    // of a chunk
	ready  []table.LogEntry
	ended  bool
}

func (st *stream) done() bool   { return len(st.ready) == 0 && st.ended }
func (st *stream) head() string { return st.ready[0].Position }

func (st *stream) take() table.LogEntry {
	e := st.ready[0]
	st.ready = st.ready[1:]
	return e
}

func (st *stream) fill(ctx context.Context, t *table.Table, newest bool) error {
	for len(st.ready) == 0 && !st.ended {
		ready, more, err := t.BucketEntries(ctx, st.bucket, st.lo, st.hi, st.size, newest)
		if err != nil {
			return err
		}
		st.ready, st.ended = ready, !more
		if n := len(ready); n > 0 && newest {
			st.hi = ready[n-1].Sort
		} else if n > 0 {
			st.lo = ready[n-1].Sort
		}
	}
	return nil
}

// Find reads the event of a directory that has that id. It fails with
// table.ErrNotFound.
func (l *Log) Find(ctx context.Context, dir, event string) (json.RawMessage, error) {
	p, err := l.table.LogPosition(ctx, event)
	if err != nil {
		return nil, err
	}
	e, err := l.table.LoggedEvent(ctx, dir, p)
	if err != nil {
		return nil, err
	}
	return unpack(e.Body)
}

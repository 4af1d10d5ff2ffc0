package eventlog

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"dsync/internal/id"
)

// ErrCursor: the cursor is invalid, or older than Retention.
var ErrCursor = errors.New("eventlog: no such cursor")

// Query selects a part of the log.
type Query struct {
	OrganizationID string    // "" for all organizations
	DirectoryID    string    // "" for all directories; else OrganizationID is ignored
	Names          []string  // of events; none selects all
	After, Before  string    // exclusive: a cursor of a page, or the id of an event
	From, To       time.Time // inclusive; zero for no bound
	Limit          int       // of events in a page, at least 1
	Descending     bool      // newest first
}

// selects reports whether the query selects events with that name.
func (q Query) selects(name string) bool {
	return len(q.Names) == 0 || slices.Contains(q.Names, name)
}

// Page is a part of the log in the order of the query.
type Page struct {
	Events []json.RawMessage
	// After is the cursor of the next page in the order of the query, Before
	// that of the previous one; "" if there is none.
	After, Before string
}

// Read reads a page. It fails with ErrCursor.
func (l *Log) Read(ctx context.Context, q Query) (Page, error) {
	now := l.now()
	r, err := l.positionsOf(ctx, q, now)
	if err != nil {
		return Page{}, err
	}
	// A page before a cursor is read away from the cursor, and reversed.
	backwards := q.Before != "" && q.After == ""
	r.newest = q.Descending != backwards
	found, err := l.scan(ctx, q, r)
	if err != nil {
		return Page{}, err
	}
	return newPage(q, found, backwards)
}

// positions is a range of positions, both ends excluded, and the direction in
// which it is read.
type positions struct {
	after, before string
	newest        bool // newest first
}

// positionsOf is the range of a query: what is retained, settled, within the
// times and on the right side of the cursors. It fails with ErrCursor.
func (l *Log) positionsOf(ctx context.Context, q Query, now time.Time) (positions, error) {
	r := positions{after: lastPosition(now.Add(-Retention)), before: lastPosition(now.Add(-Settle))}
	if q.DirectoryID != "" {
		r.before = lastPosition(now.Add(time.Hour)) // the clock of a relay may be ahead
	}
	if !q.From.IsZero() {
		r.after = max(r.after, lastPosition(q.From.Add(-time.Millisecond)))
	}
	if !q.To.IsZero() {
		r.before = min(r.before, firstPosition(q.To.Add(time.Millisecond)))
	}
	for _, c := range []struct {
		cursor string
		newer  bool // the page is newer than the cursor
	}{{q.After, !q.Descending}, {q.Before, q.Descending}} {
		if c.cursor == "" {
			continue
		}
		p, err := l.positionOf(ctx, c.cursor, now)
		if err != nil {
			return positions{}, err
		}
		if c.newer {
			r.after = max(r.after, p)
		} else {
			r.before = min(r.before, p)
		}
	}
	return r, nil
}

// positionOf is the position of a cursor. It fails with ErrCursor.
func (l *Log) positionOf(ctx context.Context, cursor string, now time.Time) (string, error) {
	if !id.Event.Valid(cursor) {
		return "", ErrCursor
	}
	p, err := l.table.LogPosition(ctx, cursor)
	if err == nil && now.Sub(timeOf(p)) > Retention {
		err = ErrCursor
	}
	return p, err
}

// newPage makes a page of what a scan found.
func newPage(q Query, found scanned, backwards bool) (Page, error) {
	var p Page
	for _, e := range found.events {
		detail, err := decompress(e.Body)
		if err != nil {
			return p, err
		}
		p.Events = append(p.Events, detail)
	}
	end, start := "", ""
	if found.more {
		end = id.Event.Of(found.last)
	}
	if len(found.events) > 0 && (q.After != "" || q.Before != "") {
		start = id.Event.Of(found.events[0].Position)
	}
	p.After, p.Before = end, start
	if backwards {
		slices.Reverse(p.Events)
		p.After, p.Before = start, end
	}
	return p, nil
}

// Find reads the event of a directory that has that id. It fails with
// table.ErrNotFound.
func (l *Log) Find(ctx context.Context, directoryID, eventID string) (json.RawMessage, error) {
	p, err := l.table.LogPosition(ctx, eventID)
	if err != nil {
		return nil, err
	}
	e, err := l.table.LoggedEvent(ctx, directoryID, p)
	if err != nil {
		return nil, err
	}
	return decompress(e.Body)
}

package eventlog

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"dsync/internal/id"
	"dsync/internal/table"
	"dsync/internal/table/journal"

	"github.com/oklog/ulid/v2"
)

// ErrCursor: the cursor is invalid, or older than Retention.
var ErrCursor = errors.New("eventlog: no such cursor")

// Query selects a part of the log.
type Query struct {
	OrganizationID string    // "" for all organizations
	DirectoryID    string    // "" for all directories; else OrganizationID is ignored
	Names          []string  // of events; none selects all
	After, Before  string    // exclusive: a cursor of a page, or the id of an event
	From, To       time.Time // of logging, inclusive; zero for no bound
	Limit          int       // of events in a page, at least 1
	Descending     bool      // newest first
}

// selects reports whether the query selects the event of an entry.
func (q Query) selects(e journal.Entry) bool {
	if len(q.Names) > 0 && !slices.Contains(q.Names, e.Name) {
		return false
	}
	return q.DirectoryID != "" || q.OrganizationID == "" || e.Of(q.OrganizationID)
}

// Page is a part of the log in the order of the query.
type Page struct {
	Events []json.RawMessage
	// After is the cursor of the next page in the order of the query, Before
	// that of the previous one; "" if there is none.
	After, Before string
	// Newest is the cursor of the newest event of the page, "" if there is none. The
	// log finds it without reading the event, as it has to with the event's id.
	Newest string
}

// Read reads a page. It fails with ErrCursor, and with ErrMigrating after an
// upgrade.
func (l *Log) Read(ctx context.Context, q Query) (Page, error) {
	r, err := l.positionsOf(ctx, q, l.now())
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
	keys := make([]string, len(found.entries))
	for i, e := range found.entries {
		keys[i] = e.Key
	}
	events, err := l.table.LoggedEvents(ctx, keys)
	if err != nil {
		return Page{}, err
	}
	return newPage(q, found, events, backwards)
}

// positions is a range of positions, both ends excluded, and the direction in
// which it is read.
type positions struct {
	after, before journal.Position
	newest        bool // newest first
}

// positionsOf is the range of a query: what is retained, within the times and
// on the right side of the cursors. It fails with ErrCursor.
func (l *Log) positionsOf(ctx context.Context, q Query, now time.Time) (positions, error) {
	r := positions{after: journal.PositionAt(now.Add(-Retention)), before: journal.MaxPosition}
	if !q.From.IsZero() {
		r.after = max(r.after, journal.PositionAt(q.From)-1)
	}
	if !q.To.IsZero() {
		r.before = journal.PositionAt(q.To.Add(time.Millisecond))
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
func (l *Log) positionOf(ctx context.Context, cursor string, now time.Time) (journal.Position, error) {
	if !id.Event.Valid(cursor) {
		return 0, ErrCursor
	}
	p, ok := parsePositionCursor(cursor)
	if !ok {
		events, err := l.table.LoggedEvents(ctx, []string{table.EventKey(cursor)})
		if err != nil {
			return 0, err
		}
		if len(events) == 0 || events[0].ID != cursor {
			if err := l.checkMigrated(ctx); err != nil {
				return 0, err
			}
			return 0, ErrCursor
		}
		p = events[0].Position
	}
	if now.Sub(p.Time()) > Retention {
		return 0, ErrCursor
	}
	return p, nil
}

// A cursor is the id of an event. Where a page ends at an event that the query
// does not select, the cursor is an id that holds a position: its first 48 bits
// after the time are set, which the id of no event has.
var cursorMark = bytes.Repeat([]byte{0xff}, 6)

const cursorBits = 22 // of a position below the milliseconds

func positionCursor(p journal.Position) string {
	var u ulid.ULID
	if err := u.SetTime(uint64(p >> cursorBits)); err != nil {
		panic(err) // 42 bits fit
	}
	copy(u[6:], cursorMark)
	binary.BigEndian.PutUint32(u[12:], uint32(p&(1<<cursorBits-1)))
	return id.Event.Of(u.String())
}

func parsePositionCursor(cursor string) (journal.Position, bool) {
	u, err := ulid.ParseStrict(cursor[len(id.Event.Of("")):])
	if err != nil || !bytes.Equal(u[6:12], cursorMark) {
		return 0, false
	}
	return journal.Position(u.Time()<<cursorBits | uint64(binary.BigEndian.Uint32(u[12:]))), true
}

// newPage makes a page of what a scan found. events are those of the entries,
// without the ones that have expired since.
func newPage(q Query, found scanned, events []table.LoggedEvent, backwards bool) (Page, error) {
	var p Page
	var newest journal.Position
	for _, e := range events {
		detail, err := Detail(e)
		if err != nil {
			return p, err
		}
		p.Events = append(p.Events, detail)
		newest = max(newest, e.Position)
	}
	if newest > 0 {
		p.Newest = positionCursor(newest)
	}
	end, start := "", ""
	n := len(events)
	if found.more {
		end = positionCursor(found.last)
		if n > 0 && events[n-1].Position == found.last {
			end = events[n-1].ID
		}
	}
	if n > 0 && (q.After != "" || q.Before != "") {
		start = events[0].ID
	}
	p.After, p.Before = end, start
	if backwards {
		slices.Reverse(p.Events)
		p.After, p.Before = start, end
	}
	return p, nil
}

// Package eventlog is the ordered, replayable log of events.
//
// Every event has a record, a sequence in its directory and a position. The
// position orders the events of a directory and those of the environment. It
// follows the clock of the relay, but the order of the log never depends on a
// clock.
//
// Promises:
//
//   - An event is logged once, however often it is appended: the record of the
//     event is the claim of its change. Sequence numbers of the stream are never
//     compared.
//   - The sequences of a directory are 1, 2, 3 and so on. An append is one
//     transaction, which replaces the heads of two journals: that of the
//     directory and that of a shard of the environment. It fails when another
//     append has replaced the head since it was read. So events are derived from
//     what was read after the head, or they are derived again.
//   - No event is logged after the end of a directory.
//   - A reader that follows the cursors to the end, and later resumes from the
//     last event it saw, sees every event, and the events of each directory in
//     order. The log is complete up to now. Before a reader of several shards
//     passes a position, it raises the marks of the other shards: no later
//     append can get an earlier position. No read depends on the index.
//   - A read is bounded: a page may be short or empty and still have a cursor.
package eventlog

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"dsync/internal/table"
)

const (
	// Retention is how long an event can be read (workos.md section 2.7).
	Retention = 90 * 24 * time.Hour

	// pageRetention is how long the page of a journal is retained: longer than
	// its events.
	pageRetention = Retention + 48*time.Hour

	// StreamRetention is how long the stream holds a change: 24 hours, and one
	// for clocks and slow deliveries.
	StreamRetention = 25 * time.Hour
)

// Log is the log. It is safe for concurrent use.
type Log struct {
	table    *table.Table
	now      func() time.Time
	appender *Appender
	migrated atomic.Bool // nothing of an earlier version is left
}

// New returns the log in the table.
func New(t *table.Table, now func() time.Time) *Log {
	return &Log{table: t, now: now, appender: NewAppender(t, now)}
}

// Appender returns what appends to the log.
func (l *Log) Appender() *Appender { return l.appender }

// Find reads the event of a directory that has that id. It fails with
// table.ErrNotFound.
func (l *Log) Find(ctx context.Context, directoryID, eventID string) (json.RawMessage, error) {
	events, err := l.table.LoggedEvents(ctx, []string{table.EventKey(eventID)})
	if err != nil {
		return nil, err
	}
	if len(events) == 0 || events[0].ID != eventID || events[0].DirectoryID != directoryID {
		return nil, table.ErrNotFound
	}
	return Detail(events[0])
}

// writers and readers are reused: a gzip writer has about 800 KB, a reader 40 KB.
var (
	writers = sync.Pool{New: func() any { return gzip.NewWriter(nil) }}
	readers = sync.Pool{New: func() any { return new(gzip.Reader) }}
)

// Compress returns the stored form of a text: gzip, half of the JSON or less.
func Compress(detail []byte) ([]byte, error) {
	var b bytes.Buffer
	w, _ := writers.Get().(*gzip.Writer)
	defer writers.Put(w)
	w.Reset(&b)
	_, err := w.Write(detail)
	err = errors.Join(err, w.Close())
	return b.Bytes(), err
}

// Detail returns a logged event, JSON.
func Detail(e table.LoggedEvent) (json.RawMessage, error) { return Decompress(e.Body) }

// Decompress reads the result of Compress.
func Decompress(body []byte) (json.RawMessage, error) {
	r, _ := readers.Get().(*gzip.Reader)
	defer readers.Put(r)
	if err := r.Reset(bytes.NewReader(body)); err != nil {
		return nil, fmt.Errorf("eventlog: %w", err)
	}
	detail, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("eventlog: %w", err)
	}
	return detail, nil
}

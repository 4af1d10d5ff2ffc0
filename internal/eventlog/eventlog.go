// Package eventlog is the ordered, replayable log of events.
//
// Every event has a position, a ULID. It is the event's id, unless the event
// was logged late: then it is the time of logging, so that nobody who reads on
// from an earlier position can have passed it. Within a directory positions
// follow the stream, whatever the clocks say: each one is behind the last.
//
// It promises:
//
//   - An event is logged once, however often it is appended, and the events of
//     a directory in the order of the stream. After a directory's end nothing
//     is logged. Two relays that append at once do not mix: one of them begins
//     again.
//   - A reader that follows the cursors until there is none, and later reads
//     on from the last event that it saw, sees every event, in order per
//     directory. The log of one directory shows what is there; that of all
//     ends Settle short of now, because what was logged by several relays,
//     under several clocks, is in its place only then. Clocks may disagree by
//     some seconds.
//   - A read is bounded: a page may be short, even empty, and go on.
package eventlog

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"dsync/internal/table"

	"github.com/oklog/ulid/v2"
)

const (
	// Retention is how long an event can be read (workos.md section 2.7).
	Retention = 90 * 24 * time.Hour

	// Settle is how far the log of all directories stays behind the clock. It
	// covers lateAfter, the whole second of a stream's time, an append, the
	// lag of the index, and clocks that disagree by some seconds.
	Settle = 10 * time.Second

	// lateAfter is the age from which on an event is logged late.
	lateAfter = time.Second

	// appendTime bounds one append: what takes longer gets new positions.
	appendTime = 2 * time.Second
)

// shards spread the index of an hour over keys, each of which takes 1,000
// writes a second. All events of an organization are in one of them.
const shards = 4

// Log is the log. It is safe for concurrent use.
type Log struct {
	table *table.Table
	now   func() time.Time
	mu    sync.Mutex
	noted map[table.Bucket]bool // buckets that are known to be noted
}

// New returns the log in the table.
func New(t *table.Table, now func() time.Time) *Log {
	return &Log{table: t, now: now, noted: map[table.Bucket]bool{}}
}

// bucket is where the index has an event.
func bucket(position, organization string) table.Bucket {
	shard := 0
	for _, c := range organization {
		shard = (shard*31 + int(c)) % shards
	}
	return table.Bucket{Hour: hour(timeOf(position)), Shard: shard}
}

func hour(t time.Time) time.Time { return t.UTC().Truncate(time.Hour) }

// timeOf is the time in a position.
func timeOf(position string) time.Time {
	u, err := ulid.ParseStrict(position)
	if err != nil {
		return time.Time{}
	}
	return ulid.Time(u.Time()).UTC()
}

// least and greatest are the first and the last position of a millisecond.
func least(t time.Time) string { return bound(t, 0) }

func greatest(t time.Time) string { return bound(t, 0xff) }

func bound(t time.Time, fill byte) string {
	u := ulid.ULID(bytes.Repeat([]byte{fill}, 16))
	if t.Before(time.UnixMilli(0)) {
		t = time.UnixMilli(0)
	}
	if err := u.SetTime(ulid.Timestamp(t)); err != nil {
		return ulid.ULID(bytes.Repeat([]byte{fill}, 16)).String()
	}
	return u.String()
}

// next is the position right behind p.
func next(p ulid.ULID) ulid.ULID {
	for i := len(p) - 1; i >= 0; i-- {
		if p[i]++; p[i] != 0 {
			break
		}
	}
	return p
}

// pack makes the stored form of an event, which is half of its JSON or less.
func pack(detail []byte) ([]byte, error) {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write(detail)
	err = errors.Join(err, w.Close())
	return b.Bytes(), err
}

func unpack(body []byte) (json.RawMessage, error) {
	r, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("eventlog: %w", err)
	}
	detail, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("eventlog: %w", err)
	}
	return detail, nil
}

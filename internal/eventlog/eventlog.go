// Package eventlog is the ordered, replayable log of events.
//
// Every event has a position, a ULID, which is the order of the log. The
// position is the ULID of the event's id, unless the event is logged late: then
// it is the time of logging, so that no reader can have passed it. Within a
// directory each position is greater than the previous one, whatever the clocks
// are.
//
// Promises:
//
//   - An event is logged once, however often it is appended. The events of a
//     directory are logged in the order of the entries. No event is logged after
//     the end of a directory. When two relays append to a directory at the same
//     time, one of them reads the head of the log again and retries.
//   - A reader that follows the cursors to the end, and later resumes from the
//     last event it saw, sees every event, and the events of each directory in
//     order. The log of one directory is complete up to now. The log of all
//     directories ends Settle before now: several relays, with clocks that
//     differ by some seconds, may still log events with earlier positions.
//   - A read is bounded: a page may be short or empty and still have a cursor.
package eventlog

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"dsync/internal/cache"
	"dsync/internal/table"

	"github.com/oklog/ulid/v2"
)

const (
	// Retention is how long an event can be read (workos.md section 2.7).
	Retention = 90 * 24 * time.Hour

	// Settle is the delay of the log of all directories. It is the sum of
	// lateAfter, the resolution of a stream record's time (1 s), appendTimeout,
	// the lag of the index, and clocks that differ by some seconds.
	Settle = 10 * time.Second

	// lateAfter is the age at which an event is logged late.
	lateAfter = time.Second

	// appendTimeout bounds one transaction: a slower one is retried with new
	// positions.
	appendTimeout = 2 * time.Second
)

// shards is the number of index partitions of an hour. DynamoDB allows 1,000
// writes a second to each. All events of an organization are in one shard.
const shards = 4

// maxWritten is how many buckets a Log remembers to have written. A relay
// appends to the shards of one hour, or of a few hours when it is late.
const maxWritten = 1000

// Log is the log. It is safe for concurrent use.
type Log struct {
	table   *table.Table
	now     func() time.Time
	written *cache.Cache[table.Bucket, struct{}] // buckets that are in the table
}

// New returns the log in the table.
func New(t *table.Table, now func() time.Time) *Log {
	return &Log{table: t, now: now, written: cache.New[table.Bucket, struct{}](maxWritten)}
}

// bucketOf is the bucket of an event.
func bucketOf(position, organizationID string) table.Bucket {
	shard := 0
	for _, c := range organizationID {
		shard = (shard*31 + int(c)) % shards
	}
	return table.Bucket{Hour: hourOf(timeOf(position)), Shard: shard}
}

func hourOf(t time.Time) time.Time { return t.UTC().Truncate(time.Hour) }

// timeOf is the time of a position.
func timeOf(position string) time.Time {
	u, err := ulid.ParseStrict(position)
	if err != nil {
		return time.Time{}
	}
	return ulid.Time(u.Time()).UTC()
}

// firstPosition is the first position of a millisecond.
func firstPosition(t time.Time) string { return filled(t, 0) }

// lastPosition is the last position of a millisecond.
func lastPosition(t time.Time) string { return filled(t, 0xff) }

// filled is a position of a millisecond. A time that a ULID cannot hold gives
// the earliest or the latest position of all.
func filled(t time.Time, fill byte) string {
	u := ulid.ULID(bytes.Repeat([]byte{fill}, 16))
	if t.Before(time.UnixMilli(0)) {
		t = time.UnixMilli(0)
	}
	if err := u.SetTime(ulid.Timestamp(t)); err != nil {
		return ulid.ULID(bytes.Repeat([]byte{fill}, 16)).String()
	}
	return u.String()
}

// following is the next position after p.
func following(p ulid.ULID) ulid.ULID {
	for i := len(p) - 1; i >= 0; i-- {
		if p[i]++; p[i] != 0 {
			break
		}
	}
	return p
}

// compress returns the stored form of an event: gzip, half of the JSON or less.
func compress(detail []byte) ([]byte, error) {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write(detail)
	err = errors.Join(err, w.Close())
	return b.Bytes(), err
}

func decompress(body []byte) (json.RawMessage, error) {
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

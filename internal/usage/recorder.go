// Package usage records the SCIM requests of a directory: it counts them by day,
// and writes a record of each request that failed or tolerated something. The
// caller gives what a record says of the protocol.
//
// A request waits for its record, half a second at most, because a function does
// nothing between requests. Counts are written once in a quarter of an hour for
// each directory, by whichever process comes first, and after each hundred requests
// of a process. Those that are not written are lost when the process ends. A count
// belongs to the day on which it is written.
package usage

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"time"

	"dsync/internal/credential"
	"dsync/internal/id"
	"dsync/internal/redact"
	"dsync/internal/table"
	"dsync/internal/table/finding"
	"dsync/internal/table/limit"
)

// RecordTime bounds what recording may add to the time of a request, whose
// response waits for it.
const RecordTime = 500 * time.Millisecond

// Request is the record of a request.
type Request = table.Request

// Outcome is the outcome of a request, or of one operation of a bulk request.
type Outcome struct {
	// Request is the record. The Recorder sets the id, the time, the directory and
	// the actor.
	Request Request
	Refused bool
}

// Recorder records the requests that one process serves. It is safe for
// concurrent use.
type Recorder struct {
	table    *table.Table
	now      func() time.Time
	entropy  io.Reader
	log      *slog.Logger
	counters counters
}

// NewRecorder returns a recorder that writes to a table. entropy is the source
// of ids.
func NewRecorder(t *table.Table, now func() time.Time, entropy io.Reader, log *slog.Logger) *Recorder {
	return &Recorder{table: t, now: now, entropy: entropy, log: log, counters: newCounters()}
}

// Record records the outcome of a request. The last outcome is that of the
// request; those before it are of the operations of a bulk request. An outcome
// that cannot be written in time is counted with the next record. Failures are
// logged only.
//
// When the counts of a process are due, which its first request in a quarter of an
// hour makes so, Record reads what all processes have written in it. It returns what
// package doctor knows of the directory, which comes with that; nil if it read nothing.
func (r *Recorder) Record(ctx context.Context, t *Trace, outcomes ...Outcome) (known finding.Record) {
	ctx, cancel := context.WithTimeout(ctx, RecordTime)
	defer cancel()

	now := table.Timestamp(r.now())
	due, ok := r.counters.count(t.DirectoryID(), now, outcomes[len(outcomes)-1].Refused, t.HasChanged())
	if ok {
		var err error
		known, err = r.writeDay(ctx, t.DirectoryID(), due)
		if errors.Is(err, table.ErrStale) {
			r.counters.restore(t.DirectoryID(), due)
			err = nil
		}
		r.logFailure(ctx, t, "the requests of the day were not counted", err)
	}
	if t.freshToken {
		credential.Use{ID: t.token.ID, Hash: t.token.Hash, LastUsed: t.token.LastUsed}.Record(ctx, now, r.log, r.table.UseToken)
	}
	r.record(ctx, t, now, outcomes, true)
	r.record(ctx, t, now, outcomes, false)
	return known
}

// Refuse records a request to a directory without a valid token, which has been
// bounded by the caller.
func (r *Recorder) Refuse(ctx context.Context, directoryID, requestID string, o Outcome) error {
	record := o.Request
	record.DirectoryID, record.At, record.Actor = directoryID, table.Timestamp(r.now()), table.Actor{RequestID: requestID}
	return r.put(ctx, []table.Request{record})
}

// writeDay writes counts. It fails with table.ErrStale when they are few and another
// process has written in this quarter of an hour: a read finds that out, because a
// write that is refused is charged.
func (r *Recorder) writeDay(ctx context.Context, directoryID string, due table.Day) (finding.Record, error) {
	if due.Requests >= countAtOnce {
		return nil, r.table.CountDay(ctx, directoryID, due, true)
	}
	known, last, err := finding.ReadWithDay(ctx, r.table, directoryID)
	if err != nil {
		return nil, err
	}
	if last.Quarter >= due.Quarter {
		return known, table.ErrStale
	}
	return known, r.table.CountDay(ctx, directoryID, due, false)
}

// Watch records until when all processes count the requests with the token of a
// request together. Failures are logged only.
func (r *Recorder) Watch(ctx context.Context, t *Trace, until time.Time) {
	r.log.LogAttrs(ctx, slog.LevelWarn, "the directory uses more than its share of a process", slog.String("directory_id", t.DirectoryID()),
		slog.String("token_id", t.TokenID()), slog.Time("watched_until", until))
	r.logFailure(ctx, t, "the processes were not told to watch the directory", limit.Watch(ctx, r.table, table.TokenKey(t.token.Hash), until))
}

// record writes the outcomes that were refused, or those that were not and
// tolerated something, up to the limit of a minute.
func (r *Recorder) record(ctx context.Context, t *Trace, now time.Time, outcomes []Outcome, refused bool) {
	var records []table.Request
	for _, o := range outcomes {
		if o.Refused == refused && (refused || len(o.Request.Tolerated) > 0) {
			record := o.Request
			record.DirectoryID, record.At, record.Actor = t.DirectoryID(), now, t.actor
			records = append(records, record)
		}
	}
	if len(records) == 0 {
		return
	}
	admitted, unrecorded := r.counters.reserve(t.DirectoryID(), now, refused, len(records))
	if admitted == 0 {
		return
	}
	records = records[:admitted]
	records[0].Unrecorded = unrecorded
	if err := r.put(ctx, records); err != nil {
		r.counters.addUnrecorded(t.DirectoryID(), unrecorded+len(records))
		r.logFailure(ctx, t, "the request was not recorded", err)
	}
}

func (r *Recorder) put(ctx context.Context, records []table.Request) error {
	for i := range records {
		var err error
		if records[i].ID, err = id.New(table.RequestKind, records[i].At, r.entropy); err != nil {
			return err
		}
	}
	return r.table.PutRequests(ctx, records)
}

// logFailure logs that something could not be written, if err is not nil.
func (r *Recorder) logFailure(ctx context.Context, t *Trace, what string, err error) {
	if err != nil {
		r.log.LogAttrs(ctx, slog.LevelWarn, what, slog.String("directory_id", t.DirectoryID()),
			slog.String("request_id", t.actor.RequestID), slog.String("error", redact.Error(err)))
	}
}

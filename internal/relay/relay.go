// Package relay turns batches of stream records into dsync events: it appends
// them to the log, then publishes them on the bus.
//
// It promises: every change of a directory, user, group or membership becomes
// the event that it means, once in the log and at least once on the bus,
// always under the same id; events of one resource reach PutEvents in the
// order of the stream. What fails for a while is reported with its sequence
// number, so that the event source mapping begins again there. What can never
// be published is parked in the dead-letter queue, and the stream goes on.
package relay

import (
	"context"
	"encoding/json"
	"log/slog"
	"time"

	"dsync/internal/eventlog"
	"dsync/internal/metric"
	"dsync/internal/table"

	"github.com/aws/aws-lambda-go/events"
)

// Relay is safe for concurrent use.
type Relay struct {
	table  *table.Table
	events *eventlog.Log
	bus    *Bus
	parked *DeadLetters
	now    func() time.Time
	log    *slog.Logger
	counts *metric.Writer
}

// New returns a relay from the table's stream to the log of events and the
// bus. counts may be nil.
func New(t *table.Table, events *eventlog.Log, bus *Bus, parked *DeadLetters, now func() time.Time, log *slog.Logger, counts *metric.Writer) *Relay {
	return &Relay{t, events, bus, parked, now, log, counts}
}

// Handle relays one batch.
func (r *Relay) Handle(ctx context.Context, batch events.DynamoDBEvent) (events.DynamoDBEventResponse, error) {
	entries, failed, err := r.derive(ctx, batch.Records, r.park)
	if err != nil {
		return events.DynamoDBEventResponse{}, err // nothing has happened: the whole batch again
	}
	entries, stopped := r.append(ctx, entries)
	if stopped != "" {
		failed = stopped // it comes before what could not be derived
	}
	sent, stopped := r.publish(ctx, entries)
	if stopped != "" {
		failed = stopped
	}
	lag := r.lag(batch)
	r.counts.Write(nil, nil, metric.EventsLogged.Of(float64(len(entries))), metric.EventsPublished.Of(float64(sent)), metric.RelayLag.Of(float64(lag)))
	r.log.LogAttrs(ctx, slog.LevelInfo, "relayed", slog.Int("records", len(batch.Records)),
		slog.Int("published", sent), slog.Int64("lag_ms", lag), slog.Bool("failed", failed != ""))
	if failed != "" {
		return events.DynamoDBEventResponse{BatchItemFailures: []events.DynamoDBBatchItemFailure{{ItemIdentifier: failed}}}, nil
	}
	return events.DynamoDBEventResponse{}, nil
}

// lag is how old the first change of a batch is.
func (r *Relay) lag(batch events.DynamoDBEvent) int64 {
	if len(batch.Records) == 0 {
		return 0
	}
	return r.now().Sub(batch.Records[0].Change.ApproximateCreationDateTime.Time).Milliseconds()
}

// append logs the entries. It returns those to be published: up to the first
// that could not be logged, without those of directories that were deleted
// before.
func (r *Relay) append(ctx context.Context, entries []entry) (logged []entry, stopped string) {
	list := make([]eventlog.Entry, len(entries))
	for i, e := range entries {
		list[i] = e.Entry
	}
	outcomes, err := r.events.Append(ctx, list)
	if err != nil {
		r.log.LogAttrs(ctx, slog.LevelError, "append", slog.String("error", table.Redact(err)))
	}
	for i, e := range entries {
		switch outcomes[i] {
		case eventlog.Logged:
			logged = append(logged, e)
		case eventlog.Dropped:
			r.log.LogAttrs(ctx, slog.LevelInfo, "dropped: its directory was deleted before", slog.String("event_id", e.ID), slog.String("directory_id", e.DirectoryID))
		case eventlog.Failed:
			return logged, e.Sequence
		}
	}
	return logged, ""
}

// publish puts the entries on the bus, and parks those that it will never take.
func (r *Relay) publish(ctx context.Context, entries []entry) (sent int, stopped string) {
	sent, rest, err := r.bus.publish(ctx, entries, func(ctx context.Context, e entry, reason error) error {
		r.log.LogAttrs(ctx, slog.LevelError, "parked", slog.String("event_id", e.ID), slog.String("error", table.Redact(reason)))
		r.counts.Write(nil, nil, metric.EventsParked.Of(1))
		return r.parked.event(ctx, e, reason)
	})
	if err == nil {
		return sent, ""
	}
	r.log.LogAttrs(ctx, slog.LevelError, "publish", slog.String("error", table.Redact(err)), slog.String("sequence_number", rest[0].Sequence))
	return sent, rest[0].Sequence
}

// park puts a record aside, in the dead-letter queue.
func (r *Relay) park(ctx context.Context, record events.DynamoDBEventRecord, reason error) error {
	r.log.LogAttrs(ctx, slog.LevelError, "parked", slog.String("error", table.Redact(reason)), slog.String("sequence_number", record.Change.SequenceNumber))
	r.counts.Write(nil, nil, metric.EventsParked.Of(1))
	b, err := json.Marshal(record)
	if err != nil {
		return err
	}
	return r.parked.record(ctx, b, reason)
}

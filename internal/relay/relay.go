// Package relay turns batches of stream records into dsync events. It appends
// the events to the log, then publishes them on the EventBridge bus.
//
// Promises:
//
//   - Each change of a directory, user, group or membership becomes one event.
//     The event is in the log once and on the bus at least once, always with
//     the same id.
//   - Events of one resource reach PutEvents in the order of the stream.
//   - A temporary failure is reported as a batch item failure with the sequence
//     number of its record. The event source mapping retries from there.
//   - An event or record that can never be published goes to the dead-letter
//     queue. The stream continues.
package relay

import (
	"context"
	"encoding/json"
	"log/slog"
	"time"

	"dsync/internal/eventlog"
	"dsync/internal/metric"
	"dsync/internal/redact"
	"dsync/internal/table"

	"github.com/aws/aws-lambda-go/events"
)

// Relay is safe for concurrent use.
type Relay struct {
	table       *table.Table
	eventLog    *eventlog.Log
	bus         *Bus
	deadLetters *DeadLetters
	now         func() time.Time
	log         *slog.Logger
	metrics     *metric.Writer
}

// New returns a relay from the table's stream to the event log and the bus.
// metrics may be nil.
func New(t *table.Table, events *eventlog.Log, bus *Bus, deadLetters *DeadLetters, now func() time.Time, log *slog.Logger, metrics *metric.Writer) *Relay {
	return &Relay{t, events, bus, deadLetters, now, log, metrics}
}

// Handle relays one batch of stream records. It returns an error, and nothing
// has happened, if the table cannot be read: Lambda then retries the batch.
func (r *Relay) Handle(ctx context.Context, batch events.DynamoDBEvent) (events.DynamoDBEventResponse, error) {
	entries, failed, err := r.derive(ctx, batch.Records, r.park)
	if err != nil {
		return events.DynamoDBEventResponse{}, err
	}
	entries, stopped := r.append(ctx, entries)
	if stopped != "" {
		failed = stopped // an earlier record than the one that could not be derived
	}
	sent, stopped := r.publish(ctx, entries)
	if stopped != "" {
		failed = stopped
	}
	lag := r.lag(batch)
	r.metrics.Write(nil, nil, metric.EventsLogged.Of(float64(len(entries))), metric.EventsPublished.Of(float64(sent)), metric.RelayLag.Of(float64(lag)))
	r.log.LogAttrs(ctx, slog.LevelInfo, "relayed", slog.Int("records", len(batch.Records)),
		slog.Int("published", sent), slog.Int64("lag_ms", lag), slog.Bool("failed", failed != ""))
	if failed != "" {
		return events.DynamoDBEventResponse{BatchItemFailures: []events.DynamoDBBatchItemFailure{{ItemIdentifier: failed}}}, nil
	}
	return events.DynamoDBEventResponse{}, nil
}

// lag returns the age of the first change of a batch, in milliseconds.
func (r *Relay) lag(batch events.DynamoDBEvent) int64 {
	if len(batch.Records) == 0 {
		return 0
	}
	return r.now().Sub(batch.Records[0].Change.ApproximateCreationDateTime.Time).Milliseconds()
}

// append appends the entries to the log. It returns those to publish: the ones
// before the first that could not be logged, without those of deleted
// directories. stopped is the sequence number of the entry that failed.
func (r *Relay) append(ctx context.Context, entries []entry) (logged []entry, stopped string) {
	list := make([]eventlog.Entry, len(entries))
	for i, e := range entries {
		list[i] = e.Entry
	}
	outcomes, err := r.eventLog.Append(ctx, list)
	if err != nil {
		r.log.LogAttrs(ctx, slog.LevelError, "appending to the log failed", slog.String("error", redact.Error(err)))
	}
	for i, e := range entries {
		switch outcomes[i] {
		case eventlog.Logged:
			logged = append(logged, e)
		case eventlog.Dropped:
			r.log.LogAttrs(ctx, slog.LevelInfo, "event dropped: its directory is deleted", slog.String("event_id", e.ID), slog.String("directory_id", e.DirectoryID))
		case eventlog.Failed:
			return logged, e.Sequence
		}
	}
	return logged, ""
}

// publish puts the entries on the bus. It parks those that EventBridge rejects
// permanently. stopped is the sequence number of the first entry to retry.
func (r *Relay) publish(ctx context.Context, entries []entry) (sent int, stopped string) {
	sent, rest, err := r.bus.publish(ctx, entries, func(ctx context.Context, e entry, reason error) error {
		r.log.LogAttrs(ctx, slog.LevelError, "event parked in the dead-letter queue", slog.String("event_id", e.ID), slog.String("error", redact.Error(reason)))
		r.metrics.Write(nil, nil, metric.EventsParked.Of(1))
		return r.deadLetters.event(ctx, e, reason)
	})
	if err == nil {
		return sent, ""
	}
	r.log.LogAttrs(ctx, slog.LevelError, "publishing failed", slog.String("error", redact.Error(err)), slog.String("sequence_number", rest[0].Sequence))
	return sent, rest[0].Sequence
}

// park sends a record to the dead-letter queue.
func (r *Relay) park(ctx context.Context, record events.DynamoDBEventRecord, reason error) error {
	r.log.LogAttrs(ctx, slog.LevelError, "record parked in the dead-letter queue", slog.String("error", redact.Error(reason)), slog.String("sequence_number", record.Change.SequenceNumber))
	r.metrics.Write(nil, nil, metric.EventsParked.Of(1))
	b, err := json.Marshal(record)
	if err != nil {
		return err
	}
	return r.deadLetters.record(ctx, b, reason)
}

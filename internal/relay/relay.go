// Package relay turns batches of stream records into dsync events. It appends
// the events to the log, then publishes them on the EventBridge bus.
//
// Promises:
//
//   - Each change of a directory, user, group or membership that consumers see
//     becomes one event. The event is in the log once and on the bus at least
//     once, always with the same id and sequence. The identity of a change does
//     not depend on the stream's sequence numbers.
//   - Within a directory the log has the causal order. The events of a resource
//     follow its changes. The event of a membership follows the creation of its
//     user and group, and nothing about a resource follows its deletion. This
//     holds in whatever order and however often the records of different items
//     are delivered, also to several relays at the same time.
//   - The events of a directory reach PutEvents in the order of the log.
//   - A temporary failure is reported as a batch item failure. The event source
//     mapping retries from there. The events of the other directories are
//     published before.
//   - A record or event that fails permanently, even by a panic, is parked in
//     the dead-letter queue. The stream continues.
package relay

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"time"

	"dsync/internal/cache"
	"dsync/internal/eventlog"
	"dsync/internal/metric"
	"dsync/internal/redact"
	"dsync/internal/table"

	"github.com/aws/aws-lambda-go/events"
)

// records are the methods of *table.Table that the relay needs.
type records interface {
	LogHeads(ctx context.Context, directoryIDs []string) (map[string]table.LogHead, error)
	LoggedEvents(ctx context.Context, keys []string) ([]table.LoggedEvent, error)
	LegacyLogged(ctx context.Context, directoryID string, eventIDs []string) (map[string]table.LoggedEvent, error)
	Deferrals(ctx context.Context, directoryID string, limit int) ([]table.Deferral, bool, error)
	ReleaseDeferrals(ctx context.Context, directoryID string, list []table.Deferral) error
	Subjects(ctx context.Context, members []table.Membership) (map[string]table.Resource, error)
	Membership(ctx context.Context, m table.Membership) (table.Membership, error)
	Organization(ctx context.Context, organizationID string) (table.Organization, error)
	Directory(ctx context.Context, directoryID string) (table.Directory, error)
	Resource(ctx context.Context, k table.Kind, directoryID, id string) (table.Resource, error)
	AnnounceMembership(ctx context.Context, m table.Membership, generation int64) error
	RemoveMemberships(ctx context.Context, members []table.Membership) error
}

// publisher is a Bus.
type publisher interface {
	publish(ctx context.Context, entries []entry, park parkEventFunc) (sent int, rest []entry, err error)
}

// Relay is safe for concurrent use.
type Relay struct {
	table       records
	eventLog    *eventlog.Log
	appender    *eventlog.Appender
	bus         publisher
	deadLetters *DeadLetters
	now         func() time.Time
	log         *slog.Logger
	metrics     *metric.Writer
	turns       turns

	created   *cache.Cache[string, struct{}] // keys of creation events that are logged
	published *cache.Cache[string, struct{}] // ids of events on the bus
}

// What a relay remembers. A creation is read from the log once; an event that is
// delivered again because another directory failed is not published again.
const (
	maxCreated   = 100_000
	maxPublished = 10_000
)

// New returns a relay from the table's stream to the event log and the bus.
// metrics may be nil.
func New(t *table.Table, log *eventlog.Log, bus *Bus, deadLetters *DeadLetters, now func() time.Time, logger *slog.Logger, metrics *metric.Writer) *Relay {
	r := newRelay(t, log.Appender(), now, logger)
	r.eventLog, r.bus, r.deadLetters, r.metrics = log, bus, deadLetters, metrics
	return r
}

func newRelay(t records, appender *eventlog.Appender, now func() time.Time, logger *slog.Logger) *Relay {
	return &Relay{
		table: t, appender: appender, now: now, log: logger,
		created: cache.New[string, struct{}](maxCreated), published: cache.New[string, struct{}](maxPublished),
	}
}

// answerMargin is kept free for the response. A function that is ended by its
// timeout reports nothing, and the whole batch is retried.
const answerMargin = 3 * time.Second

// Handle relays one batch of stream records. It returns an error, and nothing
// has happened, if the table cannot be read: Lambda then retries the batch.
func (r *Relay) Handle(ctx context.Context, batch events.DynamoDBEvent) (events.DynamoDBEventResponse, error) {
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, deadline.Add(-answerMargin))
		defer cancel()
	}
	result, err := r.relay(ctx, batch.Records, false, r.park)
	if err != nil {
		return events.DynamoDBEventResponse{}, err
	}
	lag := r.lag(batch)
	r.metrics.Write(nil, nil, metric.RecordsProcessed.Of(float64(result.processed)), metric.EventsLogged.Of(float64(result.logged)),
		metric.EventsTruncated.Of(float64(result.truncated)), metric.EventsPublished.Of(float64(result.published)), metric.RelayLag.Of(float64(lag)))
	r.log.LogAttrs(ctx, slog.LevelInfo, "relayed", slog.Int("records", len(batch.Records)),
		slog.Int("published", result.published), slog.Int64("lag_ms", lag), slog.Bool("failed", result.failed >= 0))
	if result.failed >= 0 {
		failed := batch.Records[result.failed].Change.SequenceNumber
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

// parkFunc stores a record from which no event can be derived.
type parkFunc func(ctx context.Context, record events.DynamoDBEventRecord, reason error) error

// result is what became of a batch.
type result struct {
	processed int // records that are logged or parked, or have no event
	logged    int // events that are in the log now, by this batch or an earlier one
	truncated int // those of them that were too large
	published int
	failed    int   // index of the first record to retry, -1 for none
	reason    error // why
}

// fail notes that a record has to be retried.
func (r *result) fail(index int, reason error) {
	if r.failed < 0 || index < r.failed {
		r.failed, r.reason = index, reason
	}
}

// relay logs the events of records and publishes them. late says that later
// changes of the same resources may have been relayed before. The error is that
// of a read of the whole batch.
func (r *Relay) relay(ctx context.Context, batch []events.DynamoDBEventRecord, late bool, park parkFunc) (result, error) {
	result := result{failed: -1}
	works := r.sort(ctx, batch, park)
	if err := r.process(ctx, works, late); err != nil {
		return result, err
	}
	result.processed = len(batch)
	for _, w := range works {
		result.processed -= w.unlogged()
		result.logged += len(w.entries)
		result.truncated += w.truncated()
		result.published += w.published
		if failed, reason := w.failure(); failed >= 0 {
			result.fail(failed, reason)
			r.log.LogAttrs(ctx, slog.LevelError, "a directory is left for a retry", slog.String("directory_id", w.directoryID), slog.String("error", redact.Error(reason)))
		}
	}
	return result, nil
}

// deliver publishes the events of a work, and then deletes the deferred changes
// that they come from. If the process ends in between, both happen again.
func (r *Relay) deliver(ctx context.Context, w *work) error {
	slices.SortStableFunc(w.entries[w.delivered:], func(a, b entry) int { return cmp.Compare(a.Sequence, b.Sequence) })
	sent, err := r.publish(ctx, w.entries[w.delivered:])
	w.published += sent
	if err != nil {
		return err
	}
	w.delivered = len(w.entries)
	if len(w.released) > 0 {
		err = r.table.ReleaseDeferrals(ctx, w.directoryID, w.released)
		w.released = nil
	}
	return err
}

// publish puts the entries of a directory on the bus. It parks those that
// EventBridge rejects permanently.
func (r *Relay) publish(ctx context.Context, entries []entry) (sent int, err error) {
	var unpublished []entry
	for _, e := range entries {
		if _, ok := r.published.Get(e.ID); !ok {
			unpublished = append(unpublished, e)
		}
	}
	sent, rest, err := r.bus.publish(ctx, unpublished, r.parkEvent)
	for _, e := range unpublished {
		if !slices.ContainsFunc(rest, func(left entry) bool { return left.ID == e.ID }) {
			r.published.Put(e.ID, struct{}{})
		}
	}
	return sent, err
}

// parkEvent sends an event to the dead-letter queue.
func (r *Relay) parkEvent(ctx context.Context, e entry, reason error) error {
	r.log.LogAttrs(ctx, slog.LevelError, "event parked in the dead-letter queue", slog.String("event_id", e.ID), slog.String("error", redact.Error(reason)))
	r.metrics.Write(nil, nil, metric.EventsParked.Of(1))
	return r.deadLetters.event(ctx, e, reason)
}

// park sends a record to the dead-letter queue.
func (r *Relay) park(ctx context.Context, record events.DynamoDBEventRecord, reason error) error {
	r.log.LogAttrs(ctx, slog.LevelError, "record parked in the dead-letter queue", slog.String("error", redact.Error(reason)), slog.String("sequence_number", record.Change.SequenceNumber))
	r.metrics.Write(nil, nil, metric.EventsParked.Of(1))
	return r.deadLetters.record(ctx, encodeRecord(record), reason)
}

// encodeRecord returns a record as JSON. Of a record that cannot be encoded, it
// returns what identifies it.
func encodeRecord(record events.DynamoDBEventRecord) []byte {
	encoded, err := func() (b []byte, err error) {
		defer recovered(&err)
		return json.Marshal(record)
	}()
	if err != nil {
		encoded, err = json.Marshal(map[string]any{
			"eventID": record.EventID, "eventSourceARN": record.EventSourceArn, "dynamodb": map[string]any{"SequenceNumber": record.Change.SequenceNumber},
		})
	}
	if err != nil {
		panic(err) // strings marshal
	}
	return encoded
}

// replay relays records that were parked. It returns how many events it
// published. A record that fails again is not parked again: it is an error.
func (r *Relay) replay(ctx context.Context, batch []events.DynamoDBEventRecord) (published int, err error) {
	var parked error
	result, err := r.relay(ctx, batch, true, func(_ context.Context, _ events.DynamoDBEventRecord, reason error) error {
		parked = reason
		return reason
	})
	if err == nil && result.failed >= 0 {
		err = errors.Join(parked, result.reason)
	}
	return result.published, err
}

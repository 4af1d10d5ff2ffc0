package relay

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"dsync/internal/eventlog"
	"dsync/internal/metric"
	"dsync/internal/redact"
	"dsync/internal/table/stream"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// Request selects events to publish again, under their ids: those in the
// dead-letter queue and the failure bucket, or those of a range of the log.
type Request struct {
	DeadLetters    bool      `json:"dead_letters,omitempty"`
	RangeStart     time.Time `json:"range_start,omitzero"`
	RangeEnd       time.Time `json:"range_end,omitzero"`
	After          string    `json:"after,omitempty"` // continues an earlier request
	OrganizationID string    `json:"organization_id,omitempty"`
	DirectoryID    string    `json:"directory,omitempty"`
	Events         []string  `json:"events,omitempty"`
}

// Report is the result of a request.
type Report struct {
	Published int `json:"published"`
	// Remaining counts the messages that stay in the queue and the objects that
	// stay in the bucket. The function's log has the reasons.
	Remaining int `json:"left,omitempty"`
	// InFlight counts the messages that another request holds: it cannot be said yet
	// what becomes of them. A later request receives them, after 15 minutes at most.
	InFlight int `json:"in_flight,omitempty"`
	// After is set if the time ran out. A new request with it continues.
	After string `json:"after,omitempty"`
}

// answerTime is kept free for the last page and the response.
const answerTime = 20 * time.Second

func (q Request) validate() error {
	byRange := !q.RangeStart.IsZero() || q.After != "" && !q.DeadLetters
	switch {
	case q.DeadLetters == byRange:
		return errors.New(`give either "dead_letters": true or a range: "range_start" or "after", optionally "range_end", "organization_id", "directory", "events"`)
	case q.DeadLetters && (!q.RangeEnd.IsZero() || q.OrganizationID != "" || q.DirectoryID != "" || len(q.Events) > 0):
		return errors.New(`"dead_letters" takes no range and no filter: all messages and batches are redriven`)
	case !q.RangeEnd.IsZero() && q.RangeEnd.Before(q.RangeStart):
		return errors.New("range_end is before range_start")
	}
	return nil
}

// Redrive publishes the selected events. It may be repeated: events keep their
// ids.
func (r *Relay) Redrive(ctx context.Context, q Request) (Report, error) {
	if err := q.validate(); err != nil {
		return Report{}, err
	}
	redrive := r.redriveRange
	if q.DeadLetters {
		redrive = r.redriveDeadLetters
	}
	report, err := redrive(ctx, q)
	r.metrics.Write(nil, nil, metric.EventsRedriven.Of(float64(report.Published)))
	r.log.LogAttrs(ctx, slog.LevelInfo, "events redriven", slog.Int("published", report.Published), slog.Int("left", report.Remaining))
	return report, err
}

func nearDeadline(ctx context.Context) bool {
	deadline, ok := ctx.Deadline()
	return ok && time.Until(deadline) < answerTime
}

func (r *Relay) redriveRange(ctx context.Context, request Request) (report Report, err error) {
	q := eventlog.Query{
		OrganizationID: request.OrganizationID, DirectoryID: request.DirectoryID, Names: request.Events,
		From: request.RangeStart, To: request.RangeEnd, After: request.After, Limit: 100,
	}
	for {
		page, err := r.eventLog.Read(ctx, q)
		if err != nil {
			return report, err
		}
		entries := make([]entry, len(page.Events))
		for i, detail := range page.Events {
			if entries[i], err = fromLog(detail); err != nil {
				return report, err
			}
		}
		sent, _, err := r.bus.publish(ctx, entries, r.parkEvent)
		report.Published += sent
		if err != nil {
			r.log.LogAttrs(ctx, slog.LevelError, "publishing failed", slog.String("error", redact.Error(err)))
			report.After = q.After
			return report, errors.New("EventBridge does not accept events now: see the log of the function, and continue later with \"after\"")
		}
		q.After = page.After
		if q.After == "" {
			return report, nil
		}
		if nearDeadline(ctx) {
			report.After = q.After
			return report, nil
		}
	}
}

// fromLog returns the entry of a logged event.
func fromLog(detail json.RawMessage) (e entry, err error) {
	if err := json.Unmarshal(detail, &e.event); err != nil {
		return e, fmt.Errorf("relay: logged event: %w", err)
	}
	e.ID, e.Name, e.Detail, e.Sequence = e.event.ID, e.event.Name, detail, e.event.Context.Sequence
	if e.at, err = time.Parse(time.RFC3339, e.event.CreatedAt); err != nil {
		return e, fmt.Errorf("relay: logged event: %w", err)
	}
	referenced := e.event.References()
	e.DirectoryID = referenced.DirectoryID
	e.about = subjects{user: referenced.UserID, group: referenced.GroupID}
	e.about.directory = e.about == subjects{}
	return e, nil
}

// replayed is what became of the messages and objects of one request.
type replayed struct {
	report Report
	failed map[string]bool // keys of objects whose message stays
}

// Positions of a request that the time ran out for: in the queue, or at the start
// of the bucket. Any other position is the key of an object.
const (
	atQueue  = "queue"
	atBucket = "bucket"
)

// redriveDeadLetters redrives the messages of the queue, then the objects of the
// bucket. What cannot be redriven stays there.
func (r *Relay) redriveDeadLetters(ctx context.Context, q Request) (Report, error) {
	result := &replayed{failed: map[string]bool{}}
	after := q.After
	if after == "" || after == atQueue {
		empty, err := r.redriveQueue(ctx, result)
		if err != nil || !empty {
			result.report.After = atQueue
			return result.report, err
		}
		after = atBucket
	}
	var err error
	result.report.After, err = r.redriveBucket(ctx, after, result)
	return result.report, err
}

// receiveTimeout is the visibility timeout of a received message: the timeout of
// the function, so that a request receives a message that stays only once.
const receiveTimeout = 15 * time.Minute

// receiveWait is the wait of a receive that finds nothing. A short poll, of 0, asks
// only some of the servers of SQS and can miss messages.
const receiveWait = 5 * time.Second

// redriveQueue redrives messages until the queue has no visible ones. empty is
// false if the time ran out before. Otherwise the messages that stay are visible
// again: the next request receives them, and the alarm counts them.
func (r *Relay) redriveQueue(ctx context.Context, result *replayed) (empty bool, err error) {
	var stay []string
	defer func() {
		if !empty {
			return // the request that continues would receive them again
		}
		result.report.InFlight, err = r.deadLetters.release(ctx, stay)
	}()
	queue, url := r.deadLetters.queue, &r.deadLetters.url
	for {
		if nearDeadline(ctx) {
			return false, nil
		}
		out, err := queue.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
			QueueUrl: url, MaxNumberOfMessages: 1, WaitTimeSeconds: int32(receiveWait.Seconds()), VisibilityTimeout: int32(receiveTimeout.Seconds()),
		})
		if err != nil {
			return false, fmt.Errorf("relay: dead-letter queue: %w", err)
		}
		if len(out.Messages) == 0 {
			return true, nil
		}
		m := out.Messages[0]
		sent, err := r.redriveMessage(ctx, []byte(*m.Body), result)
		result.report.Published += sent
		if err != nil {
			result.report.Remaining++
			stay = append(stay, *m.ReceiptHandle)
			r.log.LogAttrs(ctx, slog.LevelError, "a message stays in the dead-letter queue", slog.String("message_id", *m.MessageId), slog.String("error", redact.Error(err)))
			continue
		}
		if _, err := queue.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: url, ReceiptHandle: m.ReceiptHandle}); err != nil {
			return false, fmt.Errorf("relay: dead-letter queue: %w", err)
		}
	}
}

// redriveMessage redrives a message of the queue. Nothing of it is published but
// what the log or the relay makes of it.
func (r *Relay) redriveMessage(ctx context.Context, body []byte, result *replayed) (sent int, err error) {
	var m Message
	if err := json.Unmarshal(body, &m); err != nil {
		return 0, fmt.Errorf("relay: dead-letter queue: %w", err)
	}
	switch {
	case m.Event != nil:
		return r.redriveEvent(ctx, *m.Event)
	case m.Object == "":
		return r.redriveContent(ctx, body)
	case !strings.HasPrefix(m.Object, parkedPrefix):
		return 0, fmt.Errorf("relay: the message names the object %q, which is not a parked record", m.Object)
	}
	if sent, err = r.redriveObject(ctx, m.Object); err != nil {
		result.failed[m.Object] = true
	}
	return sent, err
}

// redriveEvent publishes an event of the log. It does not trust the message
// further than the log confirms it.
func (r *Relay) redriveEvent(ctx context.Context, parked ParkedEvent) (sent int, err error) {
	detail, err := r.eventLog.Find(ctx, parked.DirectoryID, parked.ID)
	if err != nil {
		return 0, fmt.Errorf("relay: parked event %q: %w", parked.ID, err)
	}
	e, err := fromLog(detail)
	if err != nil {
		return 0, err
	}
	return r.publishStrict(ctx, []entry{e})
}

// maxListed is how many objects are sorted by their age at a time.
const maxListed = 20_000

// redriveBucket redrives the objects whose keys sort after a key, oldest first.
// If the time runs out, it returns the key after which to continue.
func (r *Relay) redriveBucket(ctx context.Context, after string, result *replayed) (next string, err error) {
	for {
		first := after
		if first == atBucket {
			first = ""
		}
		objects, more, err := r.deadLetters.list(ctx, first, maxListed)
		if err != nil || len(objects) == 0 {
			return "", err
		}
		last := objects[len(objects)-1].key
		slices.SortStableFunc(objects, func(a, b object) int { return a.modified.Compare(b.modified) })
		remaining := 0
		for _, o := range objects {
			if nearDeadline(ctx) {
				// What stays is tried and counted again.
				return after, nil
			}
			if result.failed[o.key] {
				continue // counted as a message
			}
			sent, err := r.redriveObject(ctx, o.key)
			result.report.Published += sent
			if err != nil {
				remaining++
				r.log.LogAttrs(ctx, slog.LevelError, "an object stays in the failure bucket", slog.String("key", o.key), slog.String("error", redact.Error(err)))
			}
		}
		result.report.Remaining += remaining
		if !more {
			return "", nil
		}
		after = last
	}
}

// redriveObject redrives an object of the bucket, and deletes it when all of its
// records are processed. An object that is gone was redriven before.
func (r *Relay) redriveObject(ctx context.Context, key string) (sent int, err error) {
	content, err := r.deadLetters.load(ctx, key)
	if err != nil || content == nil {
		return 0, err
	}
	if sent, err = r.redriveContent(ctx, content); err != nil {
		return sent, err
	}
	return sent, r.deadLetters.remove(ctx, key)
}

// redriveContent relays the records of a parked record or of a batch that the
// event source mapping gave up.
func (r *Relay) redriveContent(ctx context.Context, content []byte) (sent int, err error) {
	batch, err := recordsOf(content)
	if err != nil {
		return 0, err
	}
	// A schedule starts jobs again whose records were given up.
	batch = slices.DeleteFunc(batch, func(record events.DynamoDBEventRecord) bool { return stream.IsJob(record.Change) })
	if len(batch) == 0 {
		return 0, nil
	}
	return r.replay(ctx, batch)
}

// failedBatch is the invocation record that Lambda stores for a batch that the
// event source mapping gave up.
type failedBatch struct {
	Payload json.RawMessage `json:"payload"` // the event of the function, as a JSON string
}

// recordsOf returns the stream records of a Message or of a failedBatch.
func recordsOf(content []byte) ([]events.DynamoDBEventRecord, error) {
	var stored Message
	var failed failedBatch
	if err := errors.Join(json.Unmarshal(content, &stored), json.Unmarshal(content, &failed)); err != nil {
		return nil, fmt.Errorf("relay: parked record: %w", err)
	}
	if failed.Payload != nil {
		return failed.records()
	}
	text, err := stored.content()
	if err != nil {
		return nil, err
	}
	if text == nil {
		return nil, errors.New("relay: there is neither an event nor a record")
	}
	var record events.DynamoDBEventRecord
	if err := json.Unmarshal(text, &record); err != nil {
		return nil, fmt.Errorf("relay: parked record: %w", err)
	}
	return []events.DynamoDBEventRecord{record}, nil
}

func (f failedBatch) records() ([]events.DynamoDBEventRecord, error) {
	payload := []byte(f.Payload)
	var text string
	if json.Unmarshal(payload, &text) == nil {
		payload = []byte(text)
	}
	var batch events.DynamoDBEvent
	if err := json.Unmarshal(payload, &batch); err != nil {
		return nil, fmt.Errorf("relay: payload of a batch: %w", err)
	}
	return batch.Records, nil
}

// publishStrict publishes and returns a rejection as an error instead of
// parking the entry.
func (r *Relay) publishStrict(ctx context.Context, entries []entry) (sent int, err error) {
	sent, _, err = r.bus.publish(ctx, entries, func(_ context.Context, _ entry, reason error) error { return reason })
	return sent, err
}

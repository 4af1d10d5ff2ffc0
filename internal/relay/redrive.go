package relay

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"dsync/internal/eventlog"
	"dsync/internal/metric"
	"dsync/internal/redact"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// Request selects events to publish again, under their ids: those in the
// dead-letter queue, or those of a range of the log.
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
	// Remaining counts the messages that stay in the queue. The function's log
	// has the reasons.
	Remaining int `json:"left,omitempty"`
	// After is set if the time ran out. A new request with it continues.
	After string `json:"after,omitempty"`
}

// answerTime is kept free for the last page and the response.
const answerTime = 20 * time.Second

func (q Request) validate() error {
	byRange := !q.RangeStart.IsZero() || q.After != ""
	switch {
	case q.DeadLetters == byRange:
		return errors.New(`give either "dead_letters": true or a range: "range_start" or "after", optionally "range_end", "organization_id", "directory", "events"`)
	case q.DeadLetters && (!q.RangeEnd.IsZero() || q.OrganizationID != "" || q.DirectoryID != "" || len(q.Events) > 0):
		return errors.New(`"dead_letters" takes no range and no filter: all messages are redriven`)
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
	e.ID, e.Name, e.Detail = e.event.ID, e.event.Name, detail
	if e.at, err = time.Parse(time.RFC3339, e.event.CreatedAt); err != nil {
		return e, fmt.Errorf("relay: logged event: %w", err)
	}
	referenced := e.event.References()
	e.DirectoryID = referenced.DirectoryID
	e.about = subjects{user: referenced.UserID, group: referenced.GroupID}
	e.about.directory = e.about == subjects{}
	return e, nil
}

// redriveDeadLetters receives the messages of the queue. A message that cannot
// be published stays there.
func (r *Relay) redriveDeadLetters(ctx context.Context, _ Request) (report Report, err error) {
	for !nearDeadline(ctx) {
		out, err := r.deadLetters.api.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
			QueueUrl: &r.deadLetters.url, MaxNumberOfMessages: 10, VisibilityTimeout: int32((15 * time.Minute).Seconds()),
		})
		if err != nil {
			return report, fmt.Errorf("relay: dead-letter queue: %w", err)
		}
		if len(out.Messages) == 0 {
			return report, nil
		}
		for _, m := range out.Messages {
			sent, err := r.redriveMessage(ctx, []byte(*m.Body))
			report.Published += sent
			if err != nil {
				report.Remaining++
				r.log.LogAttrs(ctx, slog.LevelError, "a message stays in the dead-letter queue", slog.String("message_id", *m.MessageId), slog.String("error", redact.Error(err)))
				continue
			}
			if _, err := r.deadLetters.api.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: &r.deadLetters.url, ReceiptHandle: m.ReceiptHandle}); err != nil {
				return report, fmt.Errorf("relay: dead-letter queue: %w", err)
			}
		}
	}
	return report, nil
}

// failedBatch is a batch that the event source mapping gave up. On AWS it has
// no payload and stays in the queue for an operator.
type failedBatch struct {
	Payload *events.DynamoDBEvent `json:"payload"`
}

func (r *Relay) redriveMessage(ctx context.Context, body []byte) (sent int, err error) {
	var m Message
	if err := json.Unmarshal(body, &m); err != nil {
		return 0, fmt.Errorf("relay: dead-letter queue: %w", err)
	}
	switch {
	case m.Event != nil:
		detail := m.Event.Detail
		if detail == nil {
			if detail, err = r.eventLog.Find(ctx, m.Event.DirectoryID, m.Event.ID); err != nil {
				return 0, err
			}
		}
		e, err := fromLog(detail)
		if err != nil {
			return 0, err
		}
		return r.publishStrict(ctx, []entry{e})
	case m.Record != nil:
		var record events.DynamoDBEventRecord
		if err := json.Unmarshal(m.Record, &record); err != nil {
			return 0, fmt.Errorf("relay: dead-letter queue: %w", err)
		}
		return r.replay(ctx, []events.DynamoDBEventRecord{record})
	}
	var g failedBatch
	if err := json.Unmarshal(body, &g); err != nil || g.Payload == nil {
		return 0, errors.New("relay: the message contains neither an event nor a record")
	}
	return r.replay(ctx, g.Payload.Records)
}

// publishStrict publishes and returns a rejection as an error instead of
// parking the entry.
func (r *Relay) publishStrict(ctx context.Context, entries []entry) (sent int, err error) {
	sent, _, err = r.bus.publish(ctx, entries, func(_ context.Context, _ entry, reason error) error { return reason })
	return sent, err
}

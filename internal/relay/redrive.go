package relay

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"dsync/internal/dsync"
	"dsync/internal/eventlog"
	"dsync/internal/metric"
	"dsync/internal/table"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// Order asks for events to be published once more, under their ids: what is
// parked in the dead-letter queue, or a range of the log.
type Order struct {
	DeadLetters    bool      `json:"dead_letters,omitempty"`
	RangeStart     time.Time `json:"range_start,omitzero"`
	RangeEnd       time.Time `json:"range_end,omitzero"`
	After          string    `json:"after,omitempty"` // goes on where an earlier order stopped
	OrganizationID string    `json:"organization_id,omitempty"`
	DirectoryID    string    `json:"directory,omitempty"`
	Events         []string  `json:"events,omitempty"`
}

// Report is what became of an order.
type Report struct {
	Published int `json:"published"`
	// Left counts the letters that stay in the queue: see the function's log.
	Left int `json:"left,omitempty"`
	// After is set when the time did not suffice: order the rest with it.
	After string `json:"after,omitempty"`
}

// reserve is the time that is kept for the last page and the answer.
const reserve = 20 * time.Second

func (o Order) check() error {
	byRange := !o.RangeStart.IsZero() || o.After != ""
	switch {
	case o.DeadLetters == byRange:
		return errors.New(`order either "dead_letters": true or a range: "range_start" or "after", perhaps "range_end", "organization_id", "directory", "events"`)
	case o.DeadLetters && (!o.RangeEnd.IsZero() || o.OrganizationID != "" || o.DirectoryID != "" || len(o.Events) > 0):
		return errors.New("dead letters are redriven all together")
	case !o.RangeEnd.IsZero() && o.RangeEnd.Before(o.RangeStart):
		return errors.New("range_end is before range_start")
	}
	return nil
}

// Redrive carries out an order. It may be repeated: consumers know the ids.
func (r *Relay) Redrive(ctx context.Context, o Order) (Report, error) {
	if err := o.check(); err != nil {
		return Report{}, err
	}
	redrive := r.redriveRange
	if o.DeadLetters {
		redrive = r.redriveLetters
	}
	report, err := redrive(ctx, o)
	r.counts.Write(nil, nil, metric.EventsRedriven.Of(float64(report.Published)))
	r.log.LogAttrs(ctx, slog.LevelInfo, "redriven", slog.Int("published", report.Published), slog.Int("left", report.Left))
	return report, err
}

func outOfTime(ctx context.Context) bool {
	deadline, ok := ctx.Deadline()
	return ok && time.Until(deadline) < reserve
}

func (r *Relay) redriveRange(ctx context.Context, o Order) (report Report, err error) {
	q := eventlog.Query{
		OrganizationID: o.OrganizationID, DirectoryID: o.DirectoryID, Names: o.Events,
		From: o.RangeStart, To: o.RangeEnd, After: o.After, Limit: 100,
	}
	for {
		page, err := r.events.Read(ctx, q)
		if err != nil {
			return report, err
		}
		entries := make([]entry, len(page.Events))
		for i, detail := range page.Events {
			if entries[i], err = again(detail); err != nil {
				return report, err
			}
		}
		sent, stopped := r.publish(ctx, entries)
		report.Published += sent
		if stopped != "" {
			report.After = q.After
			return report, errors.New("the bus does not take events: see the log, and order the rest later")
		}
		if q.After = page.After; q.After == "" {
			return report, nil
		}
		if outOfTime(ctx) {
			report.After = q.After
			return report, nil
		}
	}
}

// again is an event of the log, to be published once more.
func again(detail json.RawMessage) (e entry, err error) {
	if err := json.Unmarshal(detail, &e.event); err != nil {
		return e, fmt.Errorf("relay: logged event: %w", err)
	}
	e.ID, e.Name, e.Detail = e.event.ID, e.event.Name, detail
	e.Sequence = e.ID
	if e.at, err = time.Parse(time.RFC3339, e.event.CreatedAt); err != nil {
		return e, fmt.Errorf("relay: logged event: %w", err)
	}
	data := e.event.Data
	id := func(v any) string {
		object, _ := v.(map[string]any)
		s, _ := object["id"].(string)
		return s
	}
	e.DirectoryID, _ = data["directory_id"].(string)
	switch e.Name {
	case dsync.UserCreated, dsync.UserUpdated, dsync.UserDeleted:
		e.user = id(data)
	case dsync.GroupCreated, dsync.GroupUpdated, dsync.GroupDeleted:
		e.group = id(data)
	case dsync.GroupUserAdded, dsync.GroupUserRemoved:
		e.user, e.group = id(data["user"]), id(data["group"])
	default:
		if e.directory = true; e.DirectoryID == "" {
			e.DirectoryID = id(data)
		}
	}
	return e, nil
}

// redriveLetters takes letter by letter from the queue. What cannot be
// published stays there.
func (r *Relay) redriveLetters(ctx context.Context, _ Order) (report Report, err error) {
	for !outOfTime(ctx) {
		out, err := r.parked.api.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
			QueueUrl: &r.parked.url, MaxNumberOfMessages: 10, VisibilityTimeout: int32((15 * time.Minute).Seconds()),
		})
		if err != nil {
			return report, fmt.Errorf("relay: dead letters: %w", err)
		}
		if len(out.Messages) == 0 {
			return report, nil
		}
		for _, m := range out.Messages {
			sent, err := r.redriveLetter(ctx, []byte(*m.Body))
			report.Published += sent
			if err != nil {
				report.Left++
				r.log.LogAttrs(ctx, slog.LevelError, "a dead letter stays", slog.String("message_id", *m.MessageId), slog.String("error", table.Redact(err)))
				continue
			}
			if _, err := r.parked.api.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: &r.parked.url, ReceiptHandle: m.ReceiptHandle}); err != nil {
				return report, fmt.Errorf("relay: dead letters: %w", err)
			}
		}
	}
	return report, nil
}

// givenUp is what the event source mapping gave up on. In the cloud it is
// without its records: then it stays in the queue for an operator.
type givenUp struct {
	Payload *events.DynamoDBEvent `json:"payload"`
}

func (r *Relay) redriveLetter(ctx context.Context, body []byte) (sent int, err error) {
	var l Letter
	if err := json.Unmarshal(body, &l); err != nil {
		return 0, fmt.Errorf("relay: letter: %w", err)
	}
	switch {
	case l.Event != nil:
		detail := l.Event.Detail
		if detail == nil {
			if detail, err = r.events.Find(ctx, l.Event.DirectoryID, l.Event.ID); err != nil {
				return 0, err
			}
		}
		e, err := again(detail)
		if err != nil {
			return 0, err
		}
		return r.insist(ctx, []entry{e})
	case l.Record != nil:
		var record events.DynamoDBEventRecord
		if err := json.Unmarshal(l.Record, &record); err != nil {
			return 0, fmt.Errorf("relay: letter: %w", err)
		}
		return r.replay(ctx, []events.DynamoDBEventRecord{record})
	}
	var g givenUp
	if err := json.Unmarshal(body, &g); err != nil || g.Payload == nil {
		return 0, errors.New("relay: the letter holds no event and no record")
	}
	return r.replay(ctx, g.Payload.Records)
}

// replay makes events of records that come behind their time: each is logged
// where the log is now, if it was not logged before.
func (r *Relay) replay(ctx context.Context, records []events.DynamoDBEventRecord) (sent int, err error) {
	var reason error
	refuse := func(_ context.Context, _ events.DynamoDBEventRecord, why error) error { reason = why; return why }
	for _, record := range records {
		list, failed, err := r.derive(ctx, []events.DynamoDBEventRecord{record}, refuse)
		if err == nil && failed != "" {
			err = cmp.Or(reason, errors.New("relay: the record cannot be read now"))
		}
		if err != nil {
			return sent, err
		}
		for i := range list {
			if _, err := r.events.Find(ctx, list[i].DirectoryID, list[i].ID); err == nil {
				continue
			} else if !errors.Is(err, table.ErrNotFound) {
				return sent, err
			}
			list[i].Behind = true
		}
		logged, stopped := r.append(ctx, list)
		if stopped != "" {
			return sent, errors.New("relay: the log did not take the event")
		}
		n, err := r.insist(ctx, logged)
		if sent += n; err != nil {
			return sent, err
		}
	}
	return sent, nil
}

// insist publishes, and takes a refusal for an error instead of parking.
func (r *Relay) insist(ctx context.Context, entries []entry) (sent int, err error) {
	sent, _, err = r.bus.publish(ctx, entries, func(_ context.Context, _ entry, reason error) error { return reason })
	return sent, err
}

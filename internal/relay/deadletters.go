package relay

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// DeadLetters is the queue for events and records that cannot be published.
type DeadLetters struct {
	api *sqs.Client
	url string
}

// NewDeadLetters returns the queue with that URL.
func NewDeadLetters(api *sqs.Client, url string) *DeadLetters { return &DeadLetters{api, url} }

// Message is a message of the queue. The queue also contains messages of the
// event source mapping, in Lambda's format, without Event and Record.
type Message struct {
	Reason string `json:"reason"`
	// Event was rejected by EventBridge. It has no Detail if it is too large for
	// the queue; the log has it.
	Event *ParkedEvent `json:"event,omitempty"`
	// Record is a stream record from which no event could be derived.
	Record json.RawMessage `json:"record,omitempty"`
}

// ParkedEvent is an event that EventBridge rejected.
type ParkedEvent struct {
	ID          string          `json:"id"`
	Name        string          `json:"event"`
	DirectoryID string          `json:"directory_id"`
	Detail      json.RawMessage `json:"detail,omitempty"`
}

// maxPayload is the largest payload of a message, in bytes. Queues created
// before 2025 accept messages of 256 KB; the rest is for the other fields.
const maxPayload = 250 << 10

func (d *DeadLetters) event(ctx context.Context, e entry, reason error) error {
	p := &ParkedEvent{ID: e.ID, Name: e.Name, DirectoryID: e.DirectoryID}
	if len(e.Detail) <= maxPayload {
		p.Detail = e.Detail
	}
	return d.send(ctx, Message{Reason: reason.Error(), Event: p})
}

func (d *DeadLetters) record(ctx context.Context, record []byte, reason error) error {
	m := Message{Reason: reason.Error(), Record: record}
	if len(record) > maxPayload {
		return fmt.Errorf("relay: a record of %d bytes does not fit the dead-letter queue", len(record))
	}
	return d.send(ctx, m)
}

func (d *DeadLetters) send(ctx context.Context, m Message) error {
	b, err := json.Marshal(m)
	if err != nil {
		return err
	}
	_, err = d.api.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: &d.url, MessageBody: aws.String(string(b))})
	if err != nil {
		return fmt.Errorf("relay: dead-letter queue: %w", err)
	}
	return nil
}

package relay

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// DeadLetters is the queue for what cannot be published.
type DeadLetters struct {
	api *sqs.Client
	url string
}

// NewDeadLetters returns the queue with that URL.
func NewDeadLetters(api *sqs.Client, url string) *DeadLetters { return &DeadLetters{api, url} }

// Letter is a message of the queue. What the event source mapping itself has
// given up on is there as well, in Lambda's form, which has neither.
type Letter struct {
	Reason string `json:"reason"`
	// Event was refused by the bus. Without Detail it was too large for the
	// queue: it is in the log.
	Event *ParkedEvent `json:"event,omitempty"`
	// Record is a stream record of which no event could be made.
	Record json.RawMessage `json:"record,omitempty"`
}

// ParkedEvent is an event that the bus refused.
type ParkedEvent struct {
	ID          string          `json:"id"`
	Name        string          `json:"event"`
	DirectoryID string          `json:"directory_id"`
	Detail      json.RawMessage `json:"detail,omitempty"`
}

// maxLetter is what a letter may carry: a queue that was made before 2025 takes
// messages of 256 KB, and the letter itself takes a little.
const maxLetter = 250 << 10

func (d *DeadLetters) event(ctx context.Context, e entry, reason error) error {
	p := &ParkedEvent{ID: e.ID, Name: e.Name, DirectoryID: e.DirectoryID}
	if len(e.Detail) <= maxLetter {
		p.Detail = e.Detail
	}
	return d.send(ctx, Letter{Reason: reason.Error(), Event: p})
}

func (d *DeadLetters) record(ctx context.Context, record []byte, reason error) error {
	l := Letter{Reason: reason.Error(), Record: record}
	if len(record) > maxLetter {
		return fmt.Errorf("relay: a record of %d bytes does not fit the dead-letter queue", len(record))
	}
	return d.send(ctx, l)
}

func (d *DeadLetters) send(ctx context.Context, l Letter) error {
	b, err := json.Marshal(l)
	if err != nil {
		return err
	}
	_, err = d.api.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: &d.url, MessageBody: aws.String(string(b))})
	if err != nil {
		return fmt.Errorf("relay: dead letter: %w", err)
	}
	return nil
}

package eventsource

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"dsync/internal/awslocal/lambda"
	"dsync/internal/awslocal/sqs"
	"dsync/internal/awslocal/uuid"
)

// QueueOptions describe an event source mapping on an SQS queue.
type QueueOptions struct {
	Queues      *sqs.Queues
	Queue       string        // name
	Region      string        // as records name it
	BatchSize   int           // messages, 1 to 10
	Concurrency int           // batches at a time
	Visibility  time.Duration // visibility timeout of the queue
	Function    lambda.Function
	Idle        time.Duration // between polls that find nothing; 0 is 50 ms
	Log         *slog.Logger  // nil is slog.Default
}

// QueueMapping connects an SQS queue and a function while Run runs. A message
// is deleted when the function returned without naming it as failed. Every other
// message is received again after the visibility timeout, until the redrive
// policy of the queue moves it. Batches run at the same time, so messages are
// processed in any order.
type QueueMapping struct{ o QueueOptions }

// NewQueue refuses options that Lambda refuses.
func NewQueue(o QueueOptions) (*QueueMapping, error) {
	if o.Idle == 0 {
		o.Idle = defaultIdle
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.BatchSize < 1 || o.BatchSize > sqs.MaxBatch || o.Concurrency < 1 || o.Visibility < o.Function.Timeout {
		return nil, fmt.Errorf("mapping of %s: batch size %d, concurrency %d, visibility timeout %v for a timeout of %v",
			o.Function.Name, o.BatchSize, o.Concurrency, o.Visibility, o.Function.Timeout)
	}
	o.Log = o.Log.With("function", o.Function.Name)
	return &QueueMapping{o}, nil
}

// Run polls the queue until ctx ends and returns when the batches in flight are
// processed. Errors are logged, and the messages are received again.
func (m *QueueMapping) Run(ctx context.Context) error {
	var pollers sync.WaitGroup
	for range m.o.Concurrency {
		pollers.Go(func() { m.poll(ctx) })
	}
	pollers.Wait()
	return nil
}

func (m *QueueMapping) poll(ctx context.Context) {
	for idlePolls := 0; ctx.Err() == nil; {
		batch, err := m.o.Queues.Receive(m.o.Queue, m.o.BatchSize, m.o.Visibility)
		if err != nil {
			m.o.Log.Error("messages could not be received", "error", err)
		}
		if len(batch) == 0 {
			idlePolls++
			_ = sleep(ctx, idle(m.o.Idle, idlePolls))
			continue
		}
		idlePolls = 0
		for len(batch) > 0 {
			n := m.fitting(batch)
			m.process(ctx, batch[:n])
			batch = batch[n:]
		}
	}
}

// fitting returns how many messages from the start of the batch fit into one
// payload, at least one.
func (m *QueueMapping) fitting(batch []sqs.Message) int {
	n := len(batch)
	for n > 1 && len(m.payload(batch[:n])) > lambda.MaxPayload {
		n--
	}
	return n
}

// process invokes the function and deletes the messages that did not fail. A
// batch in flight is finished when the machine stops: its deadline is the
// function's timeout.
func (m *QueueMapping) process(ctx context.Context, batch []sqs.Message) {
	response, err := m.o.Function.Invoke(context.WithoutCancel(ctx), uuid.New(), m.payload(batch))
	var failed []string
	if err == nil {
		failed, err = failedMessages(response, batch)
	}
	if err != nil {
		m.o.Log.Warn("a batch failed", "messages", len(batch), "error", err)
		return
	}
	if len(failed) > 0 {
		m.o.Log.Warn("the function reported messages as failed", "messages", failed)
	}
	for _, message := range batch {
		if slices.Contains(failed, message.ID) {
			continue
		}
		if err := m.o.Queues.Delete(m.o.Queue, message.ReceiptHandle); err != nil {
			m.o.Log.Error("a processed message could not be deleted and will be received again", "message", message.ID, "error", err)
		}
	}
}

// failedMessages reads a batch response. An identifier that is not in the batch
// fails the whole batch, as on Lambda.
func failedMessages(response []byte, batch []sqs.Message) ([]string, error) {
	failed, err := itemIdentifiers(response)
	if err != nil {
		return nil, err
	}
	for _, id := range failed {
		if !slices.ContainsFunc(batch, func(m sqs.Message) bool { return m.ID == id }) {
			return nil, fmt.Errorf("the response names %q, which is not in the batch", id)
		}
	}
	return failed, nil
}

// sqsRecord is a message as Lambda hands it to a function.
type sqsRecord struct {
	MessageID         string            `json:"messageId"`
	ReceiptHandle     string            `json:"receiptHandle"`
	Body              string            `json:"body"`
	Attributes        map[string]string `json:"attributes"`
	MessageAttributes map[string]any    `json:"messageAttributes"`
	MD5OfBody         string            `json:"md5OfBody"`
	EventSource       string            `json:"eventSource"`
	EventSourceARN    string            `json:"eventSourceARN"`
	AWSRegion         string            `json:"awsRegion"`
}

func (m *QueueMapping) payload(batch []sqs.Message) []byte {
	records := make([]sqsRecord, len(batch))
	for i, message := range batch {
		sum := md5.Sum([]byte(message.Body))
		records[i] = sqsRecord{
			MessageID: message.ID, ReceiptHandle: message.ReceiptHandle, Body: message.Body,
			Attributes: message.Attributes, MessageAttributes: map[string]any{}, MD5OfBody: hex.EncodeToString(sum[:]),
			EventSource: "aws:sqs", EventSourceARN: sqs.ARN(m.o.Region, m.o.Queue), AWSRegion: m.o.Region,
		}
	}
	text, err := json.Marshal(map[string]any{"Records": records})
	if err != nil {
		panic(err) // strings marshal
	}
	return text
}

// itemIdentifiers reads {"batchItemFailures":[{"itemIdentifier":…}]}. An empty
// response reports no failure.
func itemIdentifiers(response []byte) ([]string, error) {
	if len(bytes.TrimSpace(response)) == 0 {
		return nil, nil
	}
	var report struct {
		BatchItemFailures []struct {
			ItemIdentifier string `json:"itemIdentifier"`
		} `json:"batchItemFailures"`
	}
	if err := json.Unmarshal(response, &report); err != nil {
		return nil, fmt.Errorf("the response is not a partial batch response: %w", err)
	}
	var failed []string
	for _, f := range report.BatchItemFailures {
		failed = append(failed, f.ItemIdentifier)
	}
	return failed, nil
}

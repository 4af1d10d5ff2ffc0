// Package sqs is a local SQS with standard queues. It serves SendMessage and
// DeleteMessage, each also in its batch form, ReceiveMessage,
// ChangeMessageVisibility and GetQueueAttributes.
//
// An accepted message is on the disk, if there is a file. It is received again
// and again until it is deleted with its latest receipt handle. After a receive
// it is invisible until the visibility timeout ends. A restart makes all
// messages visible. Unlike SQS, messages are received in the order in which they
// were sent, and there is no long polling. A redrive policy moves messages to a
// dead-letter queue. Delays, message attributes and FIFO queues are rejected as
// unsupported.
package sqs

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"dsync/internal/awslocal/uuid"
)

const account = "000000000000"

// Options describe the queues.
type Options struct {
	Names   []string
	Redrive map[string]RedrivePolicy // by the name of the source queue
	Region  string
	File    string           // stores the messages; "" keeps them in memory
	Now     func() time.Time // nil means time.Now
}

// Queues are the queues of an endpoint. Queues is an http.Handler, and safe for
// concurrent use.
type Queues struct {
	region  string
	redrive map[string]RedrivePolicy
	now     func() time.Time

	mu     sync.Mutex
	store  *store // nil without a file
	byName map[string]*queue
}

// queue holds the messages that are not deleted, in the order in which they were
// sent.
type queue struct{ messages []*message }

type message struct {
	id   string
	body string
	sent time.Time

	receipt        string    // of the latest receive
	invisibleUntil time.Time // of the latest receive
	firstReceived  time.Time
	receiveCount   int
}

// Open returns the queues with the messages that are in the file. Messages of
// other queues are ignored.
func Open(o Options) (*Queues, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	q := &Queues{region: o.Region, redrive: o.Redrive, now: o.Now, byName: map[string]*queue{}}
	for _, name := range o.Names {
		q.byName[name] = &queue{}
	}
	if err := q.checkRedrive(); err != nil {
		return nil, err
	}
	if o.File == "" {
		return q, nil
	}
	s, stored, err := openStore(o.File)
	if err != nil {
		return nil, fmt.Errorf("sqs: %w", err)
	}
	q.store = s
	for _, line := range stored {
		if to, ok := q.byName[line.Queue]; ok {
			to.messages = append(to.messages, &message{id: line.ID, body: line.Body, sent: line.Sent})
		}
	}
	return q, nil
}

// Close closes the file.
func (q *Queues) Close() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.store == nil {
		return nil
	}
	return q.store.close()
}

// URL returns the URL of a queue at an endpoint.
func URL(endpoint, name string) string { return endpoint + "/" + account + "/" + name }

// Send is SendMessage for callers in this process.
func (q *Queues) Send(name, body string) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	to, ok := q.byName[name]
	if !ok {
		return errQueueDoesNotExist
	}
	_, err := q.send(name, to, body)
	return err
}

// Message is a received message.
type Message struct {
	ID            string
	ReceiptHandle string
	Body          string
	Attributes    map[string]string // the system attributes
}

// Receive is ReceiveMessage for callers in this process. It returns up to n
// messages.
func (q *Queues) Receive(name string, n int, visibilityTimeout time.Duration) ([]Message, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	from, ok := q.byName[name]
	if !ok {
		return nil, errQueueDoesNotExist
	}
	received, err := q.receive(name, from, n, visibilityTimeout)
	messages := make([]Message, len(received))
	for i, m := range received {
		messages[i] = Message{m.id, m.receiptHandle(), m.body, m.attributes()}
	}
	return messages, err
}

// Delete is DeleteMessage for callers in this process.
func (q *Queues) Delete(name, receiptHandle string) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	from, ok := q.byName[name]
	if !ok {
		return errQueueDoesNotExist
	}
	return q.delete(from, receiptHandle)
}

// ARN returns the ARN of a queue.
func ARN(region, name string) string { return "arn:aws:sqs:" + region + ":" + account + ":" + name }

// find returns the queue of a URL. It ignores the host, because the port changes
// with each start.
func (q *Queues) find(url string) (name string, _ *queue, err error) {
	if url == "" {
		return "", nil, missingParameter("QueueUrl")
	}
	name = url[strings.LastIndexByte(url, '/')+1:]
	if found, ok := q.byName[name]; ok {
		return name, found, nil
	}
	return "", nil, errQueueDoesNotExist
}

// send adds a message. It returns an *Error if the body is invalid, and other
// errors if the message cannot be stored.
func (q *Queues) send(name string, to *queue, body string) (*message, error) {
	if err := checkBody(body); err != nil {
		return nil, err
	}
	m := &message{id: uuid.New(), body: body, sent: q.now()}
	if q.store != nil {
		if err := q.store.sent(name, m); err != nil {
			return nil, err
		}
	}
	to.messages = append(to.messages, m)
	return m, nil
}

// receive applies the redrive policy of the queue. Then it returns up to n
// visible messages and makes them invisible for the visibility timeout.
func (q *Queues) receive(name string, from *queue, n int, visibilityTimeout time.Duration) (received []*message, err error) {
	now := q.now()
	if err := q.applyRedrive(name, from, now); err != nil {
		return nil, err
	}
	for _, m := range from.messages {
		if len(received) == n {
			break
		}
		if m.invisibleUntil.After(now) {
			continue
		}
		m.receiveCount++
		if m.receiveCount == 1 {
			m.firstReceived = now
		}
		m.receipt, m.invisibleUntil = uuid.New(), now.Add(visibilityTimeout)
		received = append(received, m)
	}
	return received, nil
}

// attributes returns the system attributes of a received message.
func (m *message) attributes() map[string]string {
	return map[string]string{
		"ApproximateReceiveCount":          strconv.Itoa(m.receiveCount),
		"ApproximateFirstReceiveTimestamp": strconv.FormatInt(m.firstReceived.UnixMilli(), 10),
		"SentTimestamp":                    strconv.FormatInt(m.sent.UnixMilli(), 10),
		"SenderId":                         account,
	}
}

// receiptHandle identifies one receive of the message.
func (m *message) receiptHandle() string {
	return base64.StdEncoding.EncodeToString([]byte(m.id + " " + m.receipt))
}

// received returns the index of the message that was received with the receipt
// handle: -1 if the message was deleted or received again before.
func (of *queue) received(handle string) (int, error) {
	if handle == "" {
		return 0, missingParameter("ReceiptHandle")
	}
	decoded, err := base64.StdEncoding.DecodeString(handle)
	id, receipt, ok := strings.Cut(string(decoded), " ")
	if err != nil || !ok || receipt == "" {
		return 0, &Error{"ReceiptHandleIsInvalid", "ReceiptHandleIsInvalid", fmt.Sprintf("The input receipt handle %q is not a valid receipt handle.", handle)}
	}
	return slices.IndexFunc(of.messages, func(m *message) bool { return m.id == id && m.receipt == receipt }), nil
}

// delete deletes the message with the receipt handle. As in SQS, it succeeds
// without effect if the message was deleted or received again before.
func (q *Queues) delete(from *queue, handle string) error {
	i, err := from.received(handle)
	if err != nil || i < 0 {
		return err
	}
	if q.store != nil {
		if err := q.store.deleted(from.messages[i].id); err != nil {
			return err
		}
	}
	from.messages = slices.Delete(from.messages, i, i+1)
	return nil
}

// changeVisibility makes a received message invisible for the timeout, from now
// on. A message that is visible is not in flight, which is an error.
func (q *Queues) changeVisibility(of *queue, handle string, timeout time.Duration) error {
	i, err := of.received(handle)
	if err != nil {
		return err
	}
	now := q.now()
	if i < 0 || !of.messages[i].invisibleUntil.After(now) {
		return &Error{"MessageNotInflight", "AWS.SimpleQueueService.MessageNotInflight", "The message referred to isn't in flight."}
	}
	of.messages[i].invisibleUntil = now.Add(timeout)
	return nil
}

// count returns how many messages are visible and how many are not.
func (q *Queues) count(of *queue) (visible, invisible int) {
	now := q.now()
	for _, m := range of.messages {
		if m.invisibleUntil.After(now) {
			invisible++
		}
	}
	return len(of.messages) - invisible, invisible
}

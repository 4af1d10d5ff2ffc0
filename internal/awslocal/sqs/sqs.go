// Package queue speaks what dsync needs of SQS on one machine: SendMessage,
// ReceiveMessage and DeleteMessage, single and in batches, and the counts of
// GetQueueAttributes.
//
// It promises what a standard queue promises. A message that was taken is on
// the disk, if there is a file, and is handed out until it is deleted under
// the receipt handle of the last time it was received. Whoever receives it has
// it alone until the visibility timeout ends; a restart ends all of them. Here
// messages come in the order in which they were sent, and a receive does not
// wait for one. Delays, message attributes and FIFO queues are refused.
package sqs

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"dsync/internal/awslocal/uuid"
)

const account = "000000000000"

// Options describe the queues of a machine.
type Options struct {
	Names  []string
	Region string
	File   string           // what outlives the process; "" is in memory
	Now    func() time.Time // nil is time.Now
}

// Queues is an http.Handler, and safe for concurrent use.
type Queues struct {
	region string
	now    func() time.Time

	mu    sync.Mutex
	store *store // nil in memory
	named map[string]*queue
}

// queue is one queue: what was sent and not deleted, in that order.
type queue struct{ messages []*message }

type message struct {
	id   string
	body string
	sent time.Time

	// Of the last time it was received:
	receipt string
	hidden  time.Time // until when
	// Of all times:
	first time.Time
	count int
}

// Open takes up what the file has of these queues.
func Open(o Options) (*Queues, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	q := &Queues{region: o.Region, now: o.Now, named: map[string]*queue{}}
	for _, name := range o.Names {
		q.named[name] = &queue{}
	}
	if o.File == "" {
		return q, nil
	}
	s, kept, err := openStore(o.File)
	if err != nil {
		return nil, fmt.Errorf("queue: %w", err)
	}
	q.store = s
	for _, line := range kept {
		if named, ok := q.named[line.Queue]; ok {
			named.messages = append(named.messages, &message{id: line.ID, body: line.Body, sent: line.Sent})
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

// URL is the queue's URL below the endpoint that serves q.
func URL(endpoint, name string) string { return endpoint + "/" + account + "/" + name }

// Send is SendMessage for the machine's own services, which need no endpoint.
func (q *Queues) Send(name, body string) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	named, ok := q.named[name]
	if !ok {
		return errQueueDoesNotExist
	}
	_, err := q.send(name, named, body)
	return err
}

// find is the queue of that URL. The host does not matter: it is another one
// after each start.
func (q *Queues) find(url string) (name string, _ *queue, err error) {
	if url == "" {
		return "", nil, missingParameter("QueueUrl")
	}
	name = url[strings.LastIndexByte(url, '/')+1:]
	if named, ok := q.named[name]; ok {
		return name, named, nil
	}
	return "", nil, errQueueDoesNotExist
}

// send adds a message. What is not an error of type *Refusal is the machine's.
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

// receive takes up to n messages that are visible, and hides them.
func (q *Queues) receive(from *queue, n int, hide time.Duration) (received []*message) {
	now := q.now()
	for _, m := range from.messages {
		if len(received) == n {
			break
		}
		if m.hidden.After(now) {
			continue
		}
		if m.count++; m.count == 1 {
			m.first = now
		}
		m.receipt, m.hidden = uuid.New(), now.Add(hide)
		received = append(received, m)
	}
	return received
}

// handle names a message and one of the times it was received.
func (m *message) receiptHandle() string {
	return base64.StdEncoding.EncodeToString([]byte(m.id + " " + m.receipt))
}

// delete removes the message of that handle. As in SQS, a message that is
// gone, or that was received again since, is no error.
func (q *Queues) delete(from *queue, handle string) error {
	if handle == "" {
		return missingParameter("ReceiptHandle")
	}
	decoded, err := base64.StdEncoding.DecodeString(handle)
	id, receipt, ok := strings.Cut(string(decoded), " ")
	if err != nil || !ok || receipt == "" {
		return &Error{"ReceiptHandleIsInvalid", "ReceiptHandleIsInvalid", fmt.Sprintf("The input receipt handle %q is not a valid receipt handle.", handle)}
	}
	i := slices.IndexFunc(from.messages, func(m *message) bool { return m.id == id && m.receipt == receipt })
	if i < 0 {
		return nil
	}
	if q.store != nil {
		if err := q.store.deleted(id); err != nil {
			return err
		}
	}
	from.messages = slices.Delete(from.messages, i, i+1)
	return nil
}

// count is how many messages can be received, and how many others there are.
func (q *Queues) count(of *queue) (visible, hidden int) {
	now := q.now()
	for _, m := range of.messages {
		if m.hidden.After(now) {
			hidden++
		}
	}
	return len(of.messages) - hidden, hidden
}

package sqs

import (
	"fmt"
	"slices"
	"time"
)

// RedrivePolicy moves a message to another queue when it was received
// MaxReceives times and not deleted. A restart resets the number of receives.
type RedrivePolicy struct {
	DeadLetterQueue string // name
	MaxReceives     int
}

// checkRedrive rejects a policy of a queue that does not exist or that names no
// other queue.
func (q *Queues) checkRedrive() error {
	for name, policy := range q.redrive {
		if q.byName[name] == nil || q.byName[policy.DeadLetterQueue] == nil || policy.DeadLetterQueue == name || policy.MaxReceives < 1 {
			return fmt.Errorf("sqs: invalid redrive policy of queue %s: %+v", name, policy)
		}
	}
	return nil
}

// applyRedrive applies the redrive policy of a queue to its visible messages. As
// in SQS, a moved message keeps its id and the time at which it was sent.
func (q *Queues) applyRedrive(name string, from *queue, now time.Time) error {
	policy, ok := q.redrive[name]
	if !ok {
		return nil
	}
	to := q.byName[policy.DeadLetterQueue]
	for i := 0; i < len(from.messages); {
		m := from.messages[i]
		if m.receiveCount < policy.MaxReceives || m.invisibleUntil.After(now) {
			i++
			continue
		}
		moved := &message{id: m.id, body: m.body, sent: m.sent}
		if q.store != nil {
			if err := q.store.sent(policy.DeadLetterQueue, moved); err != nil {
				return err
			}
		}
		to.messages = append(to.messages, moved)
		from.messages = slices.Delete(from.messages, i, i+1)
	}
	return nil
}

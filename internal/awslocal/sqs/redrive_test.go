package sqs_test

import (
	"path/filepath"
	"testing"
	"time"

	localsqs "dsync/internal/awslocal/sqs"
)

const source, deadLetters = "source", "source-dead-letters"

// A message that was received MaxReceives times is in the dead-letter queue,
// with its id, also after a restart.
func TestRedrivePolicy(t *testing.T) {
	now := time.Date(2026, 11, 23, 15, 0, 0, 0, time.UTC)
	options := localsqs.Options{
		Names: []string{source, deadLetters}, Redrive: map[string]localsqs.RedrivePolicy{source: {DeadLetterQueue: deadLetters, MaxReceives: 2}},
		File: filepath.Join(t.TempDir(), "queues"), Now: func() time.Time { return now },
	}
	open := func() *localsqs.Queues {
		q, err := localsqs.Open(options)
		if err != nil {
			t.Fatal(err)
		}
		return q
	}
	receive := func(q *localsqs.Queues, name string) []localsqs.Message {
		messages, err := q.Receive(name, localsqs.MaxBatch, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		return messages
	}

	q := open()
	for _, body := range []string{"poison", "fine"} {
		if err := q.Send(source, body); err != nil {
			t.Fatal(err)
		}
	}
	first := receive(q, source)
	if len(first) != 2 || len(receive(q, source)) != 0 {
		t.Fatalf("received %v, then not nothing", first)
	}
	if err := q.Delete(source, first[1].ReceiptHandle); err != nil {
		t.Fatal(err)
	}
	now = now.Add(time.Minute)
	if second := receive(q, source); len(second) != 1 || second[0].Attributes["ApproximateReceiveCount"] != "2" {
		t.Fatalf("received %v", second)
	}
	now = now.Add(time.Minute)
	if third := receive(q, source); len(third) != 0 {
		t.Fatalf("received %v a third time", third)
	}
	for _, q := range []*localsqs.Queues{q, open()} {
		dead := receive(q, deadLetters)
		if len(dead) != 1 || dead[0].ID != first[0].ID || dead[0].Body != "poison" {
			t.Errorf("dead letters: %v", dead)
		}
		if left := receive(q, source); len(left) != 0 {
			t.Errorf("left in the queue: %v", left)
		}
	}
}

func TestWrongRedrivePolicies(t *testing.T) {
	for name, policy := range map[string]localsqs.RedrivePolicy{
		source:          {DeadLetterQueue: "none", MaxReceives: 1},
		"none":          {DeadLetterQueue: source, MaxReceives: 1},
		source + source: {DeadLetterQueue: source, MaxReceives: 0},
	} {
		_, err := localsqs.Open(localsqs.Options{Names: []string{source, source + source}, Redrive: map[string]localsqs.RedrivePolicy{name: policy}})
		if err == nil {
			t.Errorf("%s: %+v is accepted", name, policy)
		}
	}
}

package eventsource_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"dsync/internal/awslocal/eventsource"
	locallambda "dsync/internal/awslocal/lambda"
	"dsync/internal/awslocal/sqs"

	"github.com/aws/aws-lambda-go/events"
)

const visibility = time.Minute

// consume runs an event source mapping on a queue with these messages, for ten
// visibility timeouts. It returns how often the handler received each message
// and the dead letters.
func consume(t *testing.T, handle func(context.Context, events.SQSEvent) (any, error), bodies ...string) (received map[string]int, dead []string) {
	t.Helper()
	queues, err := sqs.Open(sqs.Options{
		Names: []string{"source", "dead"}, Redrive: map[string]sqs.RedrivePolicy{"source": {DeadLetterQueue: "dead", MaxReceives: 3}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, body := range bodies {
		if err := queues.Send("source", body); err != nil {
			t.Fatal(err)
		}
	}
	var mu sync.Mutex
	received = map[string]int{}
	handler := func(ctx context.Context, batch events.SQSEvent) (any, error) {
		mu.Lock()
		for _, r := range batch.Records {
			received[r.Body]++
		}
		mu.Unlock()
		return handle(ctx, batch)
	}
	m, err := eventsource.NewQueue(eventsource.QueueOptions{
		Queues: queues, Queue: "source", Region: "eu-west-1", BatchSize: 3, Concurrency: 2, Visibility: visibility,
		Function: locallambda.Function{Name: "consumer", Timeout: 10 * time.Second, Handler: locallambda.NewHandler(handler)},
		Log:      slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(t.Context(), 10*visibility)
	defer stop()
	if err := m.Run(ctx); err != nil {
		t.Fatal(err)
	}
	letters, err := queues.Receive("dead", sqs.MaxBatch, visibility)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range letters {
		dead = append(dead, l.Body)
	}
	slices.Sort(dead)
	return received, dead
}

func failed(ids ...string) events.SQSEventResponse {
	var response events.SQSEventResponse
	for _, id := range ids {
		response.BatchItemFailures = append(response.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: id})
	}
	return response
}

func TestQueueMessagesAreDeletedWhenProcessed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		received, dead := consume(t, func(_ context.Context, batch events.SQSEvent) (any, error) {
			for _, r := range batch.Records {
				if r.EventSource != "aws:sqs" || r.EventSourceARN != "arn:aws:sqs:eu-west-1:000000000000:source" || r.AWSRegion != "eu-west-1" ||
					r.MessageId == "" || r.ReceiptHandle == "" || r.Attributes["ApproximateReceiveCount"] != "1" || r.Md5OfBody == "" {
					t.Errorf("record %+v", r)
				}
			}
			return nil, nil
		}, "a", "b", "c", "d")
		for _, body := range []string{"a", "b", "c", "d"} {
			if received[body] != 1 {
				t.Errorf("%s is received %d times", body, received[body])
			}
		}
		if len(dead) > 0 {
			t.Errorf("dead letters %v", dead)
		}
	})
}

// A message that always fails is received three times and then a dead letter;
// a response that Lambda does not understand fails the whole batch.
func TestQueueMessagesThatFail(t *testing.T) {
	poisonIn := func(batch events.SQSEvent) string {
		for _, r := range batch.Records {
			if r.Body == "poison" {
				return r.MessageId
			}
		}
		return ""
	}
	for name, row := range map[string]struct {
		fail func(id string) (any, error)
		dead []string
		fine int // deliveries of the message in the same batch
	}{
		"reported": {func(id string) (any, error) { return failed(id), nil }, []string{"poison"}, 1},
		"error":    {func(string) (any, error) { return nil, errors.New("poison") }, []string{"fine", "poison"}, 3},
		"panic":    {func(string) (any, error) { panic("poison") }, []string{"fine", "poison"}, 3},
		"unknown":  {func(string) (any, error) { return failed("another"), nil }, []string{"fine", "poison"}, 3},
		"nonsense": {func(string) (any, error) { return json.RawMessage(`"poison"`), nil }, []string{"fine", "poison"}, 3},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				received, dead := consume(t, func(_ context.Context, batch events.SQSEvent) (any, error) {
					if id := poisonIn(batch); id != "" {
						return row.fail(id)
					}
					return nil, nil
				}, "fine", "poison")
				if received["poison"] != 3 || received["fine"] != row.fine || !slices.Equal(dead, row.dead) {
					t.Errorf("received %v, dead letters %v", received, dead)
				}
			})
		})
	}
}

// A message that fails once is processed after the visibility timeout.
func TestQueueMessagesAreRetried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		attempts := 0
		received, dead := consume(t, func(context.Context, events.SQSEvent) (any, error) {
			if attempts++; attempts == 1 {
				return nil, errors.New("not yet")
			}
			if waited := time.Since(began); waited < visibility {
				t.Errorf("received again after %v", waited)
			}
			return nil, nil
		}, "a")
		if received["a"] != 2 || len(dead) > 0 {
			t.Errorf("received %v, dead letters %v", received, dead)
		}
	})
}

// Two batches run at the same time.
func TestQueueConcurrency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		both := make(chan struct{})
		var mu sync.Mutex
		running := 0
		received, _ := consume(t, func(ctx context.Context, _ events.SQSEvent) (any, error) {
			mu.Lock()
			if running++; running == 2 {
				close(both)
			}
			mu.Unlock()
			select {
			case <-both:
				return nil, nil
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}, "a", "b", "c", "d")
		if len(received) != 4 || received["d"] != 1 {
			t.Errorf("received %v", received)
		}
	})
}

func TestQueueOptionsAreChecked(t *testing.T) {
	valid := eventsource.QueueOptions{BatchSize: 10, Concurrency: 2, Visibility: time.Minute, Function: locallambda.Function{Timeout: time.Minute}}
	if _, err := eventsource.NewQueue(valid); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(*eventsource.QueueOptions){
		"no batch":         func(o *eventsource.QueueOptions) { o.BatchSize = 0 },
		"large batch":      func(o *eventsource.QueueOptions) { o.BatchSize = 11 },
		"no concurrency":   func(o *eventsource.QueueOptions) { o.Concurrency = 0 },
		"short visibility": func(o *eventsource.QueueOptions) { o.Visibility = time.Second },
	} {
		o := valid
		change(&o)
		if _, err := eventsource.NewQueue(o); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

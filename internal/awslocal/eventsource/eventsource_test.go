package eventsource_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"dsync/internal/awslocal/eventsource"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"
)

func TestOrderBatchesAndFilter(t *testing.T) {
	s := newStream(t)
	s.options.Configuration.BatchSize = 10
	for i, key := range users(1, 25) { // before the mapping starts: it reads from TRIM_HORIZON
		s.put(t, key, fmt.Sprintf("UN#%03d", i)) // the filter drops claims
	}
	if _, err := s.db.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{TableName: &s.table, Key: map[string]types.AttributeValue{
		"pk": &types.AttributeValueMemberS{Value: "D#1"}, "sk": &types.AttributeValueMemberS{Value: "U#001"},
	}}); err != nil { // REMOVE is not among the event names
		t.Fatal(err)
	}
	s.run(t)
	s.awaitKey(t, "U#025")
	s.put(t, users(26, 30)...)
	s.awaitKey(t, "U#030")
	s.same(t, users(1, 30)...)
	for i, batch := range s.batches[:3] {
		if want := []int{10, 10, 5}[i]; len(batch) != want {
			t.Errorf("batch %d has %d records, want %d", i, len(batch), want)
		}
	}
}

func TestPartialFailureContinuesAtTheFailedRecord(t *testing.T) {
	s := newStream(t)
	failed := false
	s.answer = func(_ context.Context, batch []events.DynamoDBEventRecord) ([]byte, error) {
		if !failed && len(batch) == 5 {
			failed = true
			return failures(batch[4].Change.SequenceNumber, batch[2].Change.SequenceNumber), nil
		}
		return failures(), nil
	}
	s.put(t, users(1, 5)...)
	s.run(t)
	s.await(t, "the second invocation", func() bool { return len(s.seen()) >= 8 })
	s.put(t, "U#006")
	s.awaitKey(t, "U#006")
	s.same(t, "U#001", "U#002", "U#003", "U#004", "U#005", "U#003", "U#004", "U#005", "U#006")
	if len(s.discarded) != 0 {
		t.Errorf("discarded %+v", s.discarded)
	}
}

// A record that always fails is discarded alone, whatever the kind of failure.
// All other records are delivered in order.
func TestBisectIsolatesAPoisonRecord(t *testing.T) {
	for name, fail := range map[string]func(events.DynamoDBEventRecord) ([]byte, error){
		"error":    func(events.DynamoDBEventRecord) ([]byte, error) { return nil, errors.New("poison") },
		"panic":    func(events.DynamoDBEventRecord) ([]byte, error) { panic("poison") },
		"reported": func(r events.DynamoDBEventRecord) ([]byte, error) { return failures(r.Change.SequenceNumber), nil },
		"nonsense": func(events.DynamoDBEventRecord) ([]byte, error) { return []byte(`poison`), nil },
	} {
		t.Run(name, func(t *testing.T) {
			s := newStream(t)
			var poison string
			var succeeded []string
			s.answer = func(_ context.Context, batch []events.DynamoDBEventRecord) ([]byte, error) {
				for _, r := range batch {
					if r.Change.Keys["sk"].String() == "U#005" {
						poison = r.Change.SequenceNumber
						return fail(r)
					}
				}
				for _, r := range batch {
					succeeded = append(succeeded, r.Change.Keys["sk"].String())
				}
				return nil, nil
			}
			s.put(t, users(1, 8)...)
			stop := s.run(t)
			s.await(t, "the discarded record", func() bool { s.mu.Lock(); defer s.mu.Unlock(); return len(s.discarded) > 0 })
			s.put(t, "U#009")
			s.awaitKey(t, "U#009")
			stop()

			want := slices.Concat(users(1, 4), users(6, 9))
			if name == "reported" { // records before the reported one have succeeded and are not sent again
				want = users(6, 9)
			}
			if diff := cmp.Diff(want, succeeded); diff != "" {
				t.Errorf("(-want +succeeded)\n%s", diff)
			}
			if len(s.discarded) != 1 {
				t.Fatalf("%d discarded batches", len(s.discarded))
			}
			d := s.discarded[0]
			var payload events.DynamoDBEvent
			if err := json.Unmarshal(d.Payload, &payload); err != nil {
				t.Fatal(err)
			}
			if len(payload.Records) != 1 || payload.Records[0].Change.SequenceNumber != poison || d.Batch.StartSequenceNumber != poison || d.Batch.EndSequenceNumber != poison || d.Batch.BatchSize != 1 ||
				d.RequestContext.Condition != eventsource.RetryAttemptsExhausted ||
				d.RequestContext.ApproximateInvokeCount != s.options.Configuration.MaximumRetryAttempts+1 {
				t.Errorf("discarded %+v", d)
			}
		})
	}
}

func TestTimeoutIsAFailure(t *testing.T) {
	s := newStream(t)
	s.options.Function.Timeout = 50 * time.Millisecond
	first := true
	s.answer = func(ctx context.Context, _ []events.DynamoDBEventRecord) ([]byte, error) {
		if first {
			first = false
			<-ctx.Done()
		}
		return nil, nil
	}
	s.put(t, "U#001")
	s.run(t)
	s.await(t, "the retry", func() bool { return len(s.seen()) == 2 })
}

func TestRestartContinuesAfterTheLastCommittedRecord(t *testing.T) {
	s := newStream(t)
	s.options.Checkpoint = filepath.Join(t.TempDir(), "consumer.checkpoint.json")
	s.put(t, users(1, 3)...)
	stop := s.run(t)
	s.awaitKey(t, "U#003")
	stop()
	s.put(t, "UN#skipped")
	s.put(t, users(4, 5)...) // while the mapping is stopped
	stop = s.run(t)
	s.awaitKey(t, "U#005")
	stop()
	s.same(t, users(1, 5)...)

	// A table that was created again has a new stream. The old position does
	// not apply to it.
	text, err := os.ReadFile(s.options.Checkpoint)
	if err != nil {
		t.Fatal(err)
	}
	other := strings.Replace(string(text), s.options.StreamARN, "arn:of-another-stream", 1)
	if err := os.WriteFile(s.options.Checkpoint, []byte(other), 0o600); err != nil {
		t.Fatal(err)
	}
	s.batches = nil
	s.run(t)
	s.awaitKey(t, "U#005")
	s.same(t, users(1, 5)...)
}

// The checkpoint is written only after the function has succeeded, so that a
// kill -9 during an invocation delivers the batch again.
func TestCheckpointFollowsSuccess(t *testing.T) {
	s := newStream(t)
	s.options.Checkpoint = filepath.Join(t.TempDir(), "consumer.checkpoint.json")
	s.options.Configuration.BatchSize = 1
	var committed []bool
	s.answer = func(_ context.Context, batch []events.DynamoDBEventRecord) ([]byte, error) {
		text, _ := os.ReadFile(s.options.Checkpoint)
		committed = append(committed, strings.Contains(string(text), batch[0].Change.SequenceNumber))
		return nil, nil
	}
	s.put(t, users(1, 3)...)
	stop := s.run(t)
	s.awaitKey(t, "U#003")
	stop()
	if slices.Contains(committed, true) {
		t.Errorf("committed before the function responded: %v", committed)
	}
	if left, _ := filepath.Glob(s.options.Checkpoint + "?*"); len(left) > 0 {
		t.Errorf("temporary files remain: %v", left)
	}
}

// Records that exceed the maximum age are discarded, but not because the
// local system was stopped.
func TestMaximumAge(t *testing.T) {
	s := newStream(t)
	s.put(t, "U#001")
	var mu sync.Mutex
	now := time.Now().Add(24 * time.Hour) // stopped for a day
	s.options.Now = func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
	stop := s.run(t)
	s.awaitKey(t, "U#001")
	stop()
	if len(s.discarded) != 0 {
		t.Errorf("discarded after a day without the local system: %+v", s.discarded)
	}

	s.answer = func(context.Context, []events.DynamoDBEventRecord) ([]byte, error) {
		mu.Lock()
		defer mu.Unlock()
		now = now.Add(2 * time.Hour) // as if the function took so long
		return nil, errors.New("bus is down")
	}
	s.batches = nil
	s.run(t)
	s.await(t, "the discarded record", func() bool { s.mu.Lock(); defer s.mu.Unlock(); return len(s.discarded) == 1 })
	if d := s.discarded[0]; d.RequestContext.Condition != eventsource.RecordAgeExceeded || d.RequestContext.ApproximateInvokeCount != 1 {
		t.Errorf("discarded %+v", d.RequestContext)
	}
}

func TestOnFailureDestinationIsRetried(t *testing.T) {
	s := newStream(t)
	s.options.Configuration.MaximumRetryAttempts = 0
	destination, failed := s.options.OnFailure, false
	s.options.OnFailure = func(d eventsource.InvocationRecord) error {
		if !failed {
			failed = true
			return errors.New("disk full")
		}
		return destination(d)
	}
	s.answer = func(context.Context, []events.DynamoDBEventRecord) ([]byte, error) { return nil, errors.New("no") }
	s.put(t, "U#001")
	s.run(t)
	s.await(t, "the discarded record", func() bool { s.mu.Lock(); defer s.mu.Unlock(); return len(s.discarded) == 1 })
}

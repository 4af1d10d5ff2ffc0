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
	for i, key := range users(1, 25) { // before the mapping starts: from TRIM_HORIZON
		s.put(t, key, fmt.Sprintf("UN#%03d", i)) // a claim, which the filter drops
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

func TestPartialFailureGoesOnAtTheFailedRecord(t *testing.T) {
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
	if len(s.dead) != 0 {
		t.Errorf("dead letters %+v", s.dead)
	}
}

// One record that always fails, in whatever way, is given up alone; all
// others arrive, in order.
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
			s.await(t, "U#008", func() bool { s.mu.Lock(); defer s.mu.Unlock(); return len(s.dead) > 0 })
			s.put(t, "U#009")
			s.awaitKey(t, "U#009")
			stop()

			want := slices.Concat(users(1, 4), users(6, 9))
			if name == "reported" { // done before the reported one, so never asked again
				want = users(6, 9)
			}
			if diff := cmp.Diff(want, succeeded); diff != "" {
				t.Errorf("(-want +succeeded)\n%s", diff)
			}
			if len(s.dead) != 1 {
				t.Fatalf("%d dead letters", len(s.dead))
			}
			d := s.dead[0]
			var kept events.DynamoDBEvent
			if err := json.Unmarshal(d.Payload, &kept); err != nil {
				t.Fatal(err)
			}
			if len(kept.Records) != 1 || kept.Records[0].Change.SequenceNumber != poison || d.Batch.StartSequenceNumber != poison || d.Batch.EndSequenceNumber != poison || d.Batch.BatchSize != 1 ||
				d.RequestContext.Condition != eventsource.RetryAttemptsExhausted ||
				d.RequestContext.ApproximateInvokeCount != s.options.Configuration.MaximumRetryAttempts+1 {
				t.Errorf("dead letter %+v", d)
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

func TestRestartGoesOnAfterTheLastDoneRecord(t *testing.T) {
	s := newStream(t)
	s.options.Checkpoint = filepath.Join(t.TempDir(), "consumer.checkpoint.json")
	s.put(t, users(1, 3)...)
	stop := s.run(t)
	s.awaitKey(t, "U#003")
	stop()
	s.put(t, "UN#skipped")
	s.put(t, users(4, 5)...) // while nobody looks
	stop = s.run(t)
	s.awaitKey(t, "U#005")
	stop()
	s.same(t, users(1, 5)...)

	// A table that was made anew has a new stream; the old position means
	// nothing there.
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

// What was delivered but not yet recorded comes again: the checkpoint file is
// what a kill -9 leaves behind.
func TestCheckpointFollowsSuccess(t *testing.T) {
	s := newStream(t)
	s.options.Checkpoint = filepath.Join(t.TempDir(), "consumer.checkpoint.json")
	s.options.Configuration.BatchSize = 1
	var recorded []bool
	s.answer = func(_ context.Context, batch []events.DynamoDBEventRecord) ([]byte, error) {
		text, _ := os.ReadFile(s.options.Checkpoint)
		recorded = append(recorded, strings.Contains(string(text), batch[0].Change.SequenceNumber))
		return nil, nil
	}
	s.put(t, users(1, 3)...)
	stop := s.run(t)
	s.awaitKey(t, "U#003")
	stop()
	if slices.Contains(recorded, true) {
		t.Errorf("recorded before the function answered: %v", recorded)
	}
	if left, _ := filepath.Glob(s.options.Checkpoint + "?*"); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestStopFinishesTheBatchInFlight(t *testing.T) {
	s := newStream(t)
	s.options.Checkpoint = filepath.Join(t.TempDir(), "consumer.checkpoint.json")
	s.options.Configuration.BatchSize = 2
	entered, leave := make(chan bool), make(chan bool)
	s.answer = func(ctx context.Context, _ []events.DynamoDBEventRecord) ([]byte, error) {
		entered <- true
		<-leave
		return nil, ctx.Err()
	}
	s.put(t, users(1, 4)...)
	stop := s.run(t)
	<-entered
	stopped := make(chan bool)
	go func() { stop(); close(stopped) }()
	select {
	case <-stopped:
		t.Error("stopped with a batch in flight")
	case <-time.After(100 * time.Millisecond):
	}
	leave <- true
	<-stopped
	s.same(t, "U#001", "U#002")

	s.answer = nil
	s.run(t)
	s.awaitKey(t, "U#004")
	s.same(t, users(1, 4)...)
}

// Records older than the limit are given up, but not for having waited while
// the machine was off.
func TestMaximumAge(t *testing.T) {
	s := newStream(t)
	s.put(t, "U#001")
	var mu sync.Mutex
	now := time.Now().Add(24 * time.Hour) // off for a day
	s.options.Now = func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
	stop := s.run(t)
	s.awaitKey(t, "U#001")
	stop()
	if len(s.dead) != 0 {
		t.Errorf("given up after a night off: %+v", s.dead)
	}

	s.answer = func(context.Context, []events.DynamoDBEventRecord) ([]byte, error) {
		mu.Lock()
		defer mu.Unlock()
		now = now.Add(2 * time.Hour) // the function hangs, as it were
		return nil, errors.New("bus is down")
	}
	s.batches = nil
	s.run(t)
	s.await(t, "the dead letter", func() bool { s.mu.Lock(); defer s.mu.Unlock(); return len(s.dead) == 1 })
	if d := s.dead[0]; d.RequestContext.Condition != eventsource.RecordAgeExceeded || d.RequestContext.ApproximateInvokeCount != 1 {
		t.Errorf("dead letter %+v", d.RequestContext)
	}
}

func TestDeadLettersAreInsistedOn(t *testing.T) {
	s := newStream(t)
	s.options.Configuration.MaximumRetryAttempts = 0
	keep, refused := s.options.OnFailure, false
	s.options.OnFailure = func(d eventsource.InvocationRecord) error {
		if !refused {
			refused = true
			return errors.New("disk full")
		}
		return keep(d)
	}
	s.answer = func(context.Context, []events.DynamoDBEventRecord) ([]byte, error) { return nil, errors.New("no") }
	s.put(t, "U#001")
	s.run(t)
	s.await(t, "the dead letter", func() bool { s.mu.Lock(); defer s.mu.Unlock(); return len(s.dead) == 1 })
}

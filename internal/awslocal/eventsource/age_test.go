package eventsource

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"dsync/internal/awslocal/lambda"
)

type handler func() error

func (h handler) Invoke(context.Context, []byte) ([]byte, error) { return nil, h() }

func configuration(attempts int, age time.Duration) Configuration {
	return Configuration{
		BatchSize: 100, MaximumRetryAttempts: attempts, MaximumRecordAge: age,
		Filter: map[string]any{
			"eventName": []any{"INSERT"},
			"dynamodb":  map[string]any{"Keys": map[string]any{"sk": map[string]any{"S": []any{map[string]any{"prefix": "U#"}}}}},
		},
	}
}

// Without a limit of attempts a record is retried until it exceeds the maximum
// age. The next record, which is younger, is delivered.
func TestUnlimitedAttemptsEndWithAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const limit = 23 * time.Hour
		began := time.Now()
		function := lambda.Function{Name: "relay", Timeout: time.Minute, Handler: handler(func() error {
			if time.Since(began) < 25*time.Hour {
				return errors.New("the bus is down")
			}
			return nil
		})}
		var discarded []InvocationRecord
		m, err := New(Options{
			Configuration: configuration(Unlimited, limit),
			Function:      function,
			OnFailure:     func(r InvocationRecord) error { discarded = append(discarded, r); return nil },
			Log:           slog.New(slog.DiscardHandler),
		})
		if err != nil {
			t.Fatal(err)
		}
		s := newShard(t.Context(), m, "shard", began)
		s.progress.add([]entry{{id: "1", sequence: "1"}, {id: "2", sequence: "2"}})
		s.siblings.add([]record{
			{id: "1", sequence: "1", created: began, json: []byte("1")},
			{id: "2", sequence: "2", json: []byte("2"), created: began.Add(3 * time.Hour)},
		})
		s.siblings.wait()
		if len(discarded) != 1 {
			t.Fatalf("discarded %+v", discarded)
		}
		r := discarded[0]
		if r.RequestContext.Condition != RecordAgeExceeded || r.Batch.StartSequenceNumber != "1" || r.Batch.EndSequenceNumber != "1" {
			t.Errorf("discarded %+v", r)
		}
		if age := r.Timestamp.Sub(began); age <= limit || age > limit+2*maxBackoff {
			t.Errorf("discarded at the age of %v", age)
		}
		if r.RequestContext.ApproximateInvokeCount < int(limit/maxBackoff)/2 {
			t.Errorf("discarded after %d attempts", r.RequestContext.ApproximateInvokeCount)
		}
		if committed := m.checkpoint.at("shard").Sequence; committed != "2" {
			t.Errorf("committed up to %q", committed)
		}
	})
}

func TestRetryAttempts(t *testing.T) {
	for attempts, fine := range map[int]bool{Unlimited: true, 0: true, 10: true, Unlimited - 1: false} {
		_, err := New(Options{
			Configuration: configuration(attempts, time.Hour),
			OnFailure:     func(InvocationRecord) error { return nil },
		})
		if (err == nil) != fine || !fine && !strings.Contains(err.Error(), "invalid maximum retry attempts") {
			t.Errorf("%d: %v", attempts, err)
		}
	}
}

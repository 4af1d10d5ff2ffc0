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

func consumer(attempts int, age time.Duration) Configuration {
	return Configuration{
		BatchSize: 100, MaximumRetryAttempts: attempts, MaximumRecordAge: age,
		Filter: map[string]any{
			"eventName": []any{"INSERT"},
			"dynamodb":  map[string]any{"Keys": map[string]any{"sk": map[string]any{"S": []any{map[string]any{"prefix": "U#"}}}}},
		},
	}
}

// A consumer without a limit of attempts tries until a record is too old, and
// goes on with the next one, which is not.
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
		var dead []InvocationRecord
		m, err := New(Options{
			Configuration: consumer(Unlimited, limit),
			Function:      function,
			OnFailure:     func(d InvocationRecord) error { dead = append(dead, d); return nil },
			Log:           slog.New(slog.DiscardHandler),
		})
		if err != nil {
			t.Fatal(err)
		}
		s := &shard{Mapping: m, id: "shard", function: function, started: began, log: m.log}
		batch := []record{{sequence: "1", created: began, json: []byte("1")}, {sequence: "2", json: []byte("2"), created: began.Add(3 * time.Hour)}}
		if err := s.process(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
		if len(dead) != 1 {
			t.Fatalf("dead letters %+v", dead)
		}
		d := dead[0]
		if d.RequestContext.Condition != RecordAgeExceeded || d.Batch.StartSequenceNumber != "1" || d.Batch.EndSequenceNumber != "1" {
			t.Errorf("dead letter %+v", d)
		}
		if age := d.Timestamp.Sub(began); age <= limit || age > limit+2*maxBackoff {
			t.Errorf("given up at the age of %v", age)
		}
		if d.RequestContext.ApproximateInvokeCount < int(limit/maxBackoff)/2 {
			t.Errorf("given up after %d attempts", d.RequestContext.ApproximateInvokeCount)
		}
		if done := m.checkpoint.at("shard").Sequence; done != "2" {
			t.Errorf("done up to %q", done)
		}
	})
}

func TestRetryAttempts(t *testing.T) {
	for attempts, fine := range map[int]bool{Unlimited: true, 0: true, 10: true, Unlimited - 1: false} {
		_, err := New(Options{
			Configuration: consumer(attempts, time.Hour),
			OnFailure:     func(InvocationRecord) error { return nil },
		})
		if (err == nil) != fine || !fine && !strings.Contains(err.Error(), "retry attempts") {
			t.Errorf("%d: %v", attempts, err)
		}
	}
}

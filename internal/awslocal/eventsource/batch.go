package eventsource

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"dsync/internal/awslocal/lambda"
	"dsync/internal/awslocal/uuid"
)

// envelope is what a payload has around and between its records.
const envelope = len(`{"Records":[]}`)

// payload is the event that a function gets.
func payload(batch []record) []byte {
	texts := make([][]byte, len(batch))
	for i, r := range batch {
		texts[i] = r.json
	}
	return slices.Concat([]byte(`{"Records":[`), bytes.Join(texts, []byte(",")), []byte(`]}`))
}

// cut takes the next batch from records: at most size of them, within
// Lambda's payload limit, at least one.
func nextBatch(records []record, size int) (batch, rest []record) {
	bytes, n := envelope, 0
	for n < min(size, len(records)) {
		bytes += len(records[n].json) + 1
		if n > 0 && bytes > lambda.MaxPayload {
			break
		}
		n++
	}
	return records[:n], records[n:]
}

// process brings a batch to its end: every record is done or given up, and
// the checkpoint says so. It returns early only when ctx ends.
//
// What comes before the first failed record is done and not repeated. A batch
// that fails from its first record on is bisected, which does not count as a
// retry, until the record that fails is alone; that one is retried with
// growing pauses and finally given up, so the others go on.
func (s *shard) process(ctx context.Context, batch []record) error {
	for attempt := 0; len(batch) > 0; {
		if old := s.countExpired(batch); old > 0 {
			if err := s.discard(ctx, batch[:old], RecordAgeExceeded, attempt, nil); err != nil {
				return err
			}
			batch = batch[old:]
			continue
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		done, failure := s.invoke(ctx, batch)
		if done > 0 {
			s.commit(batch[done-1])
			batch, attempt = batch[done:], 0
		}
		if failure == nil {
			continue
		}
		s.log.Warn("a batch failed", "records", len(batch), "first", batch[0].sequence, "attempt", attempt+1, "error", failure)
		if half := len(batch) / 2; half > 0 && done == 0 {
			if err := s.backoff(ctx, 0); err != nil {
				return err
			}
			if err := s.process(ctx, batch[:half]); err != nil {
				return err
			}
			batch = batch[half:]
			continue
		}
		if done == 0 {
			if attempt++; s.o.Configuration.MaximumRetryAttempts >= 0 && attempt > s.o.Configuration.MaximumRetryAttempts {
				if err := s.discard(ctx, batch, RetryAttemptsExhausted, attempt, failure); err != nil {
					return err
				}
				batch, attempt = nil, 0
				continue
			}
		}
		if err := s.backoff(ctx, attempt); err != nil {
			return err
		}
	}
	return nil
}

// invoke hands a batch to the function and says how many records from its
// start are done, and why the one after them is not.
func (s *shard) invoke(ctx context.Context, batch []record) (done int, failure error) {
	// A batch in flight is finished when the machine stops: its deadline is
	// the function's timeout.
	answer, err := s.function.Invoke(context.WithoutCancel(ctx), uuid.New(), payload(batch))
	if err != nil {
		return 0, err
	}
	return firstFailure(answer, batch)
}

// firstFailure reads {"batchItemFailures":[{"itemIdentifier":…}]} as Lambda
// does: nothing listed is success, an identifier that means nothing is a
// failure of everything, and the lowest one is where to go on.
func firstFailure(answer []byte, batch []record) (int, error) {
	if len(bytes.TrimSpace(answer)) == 0 {
		return len(batch), nil
	}
	var report struct {
		BatchItemFailures []struct {
			ItemIdentifier string `json:"itemIdentifier"`
		} `json:"batchItemFailures"`
	}
	if err := json.Unmarshal(answer, &report); err != nil {
		return 0, fmt.Errorf("the answer is not a batch response: %w", err)
	}
	first := len(batch)
	for _, f := range report.BatchItemFailures {
		i := slices.IndexFunc(batch, func(r record) bool { return r.sequence == f.ItemIdentifier })
		if i < 0 {
			return 0, fmt.Errorf("the answer names %q, which is not in the batch", f.ItemIdentifier)
		}
		first = min(first, i)
	}
	if first == len(batch) {
		return first, nil
	}
	return first, fmt.Errorf("the function reported %s as failed", batch[first].sequence)
}

// tooOld counts the records at the start that are past their age. The time
// that the machine was off does not count: nobody could have taken them.
func (s *shard) countExpired(batch []record) int {
	limit := s.o.Configuration.MaximumRecordAge
	if limit <= 0 {
		return 0
	}
	now := s.o.Now()
	if now.Sub(s.started) <= limit {
		return 0
	}
	n := slices.IndexFunc(batch, func(r record) bool { return now.Sub(r.created) <= limit })
	if n < 0 {
		return len(batch)
	}
	return n
}

// giveUp hands a batch to the on-failure destination, and insists: what is
// neither done nor in the destination would be lost.
func (s *shard) discard(ctx context.Context, batch []record, condition string, attempts int, failure error) error {
	first, last := batch[0], batch[len(batch)-1]
	d := InvocationRecord{Version: "1.0", Timestamp: s.o.Now().UTC(), Payload: payload(batch), Batch: StreamBatchInfo{
		ShardID: s.id, StreamARN: s.o.StreamARN, BatchSize: len(batch),
		StartSequenceNumber: first.sequence, EndSequenceNumber: last.sequence,
		FirstArrival: first.created.UTC(), LastArrival: last.created.UTC(),
	}}
	d.RequestContext.FunctionARN = s.function.ARN()
	d.RequestContext.Condition = condition
	d.RequestContext.ApproximateInvokeCount = attempts
	if failure != nil {
		d.ResponseContext.FunctionError = failure.Error()
	}
	for attempt := 0; ; attempt++ {
		err := s.o.OnFailure(d)
		if err == nil {
			break
		}
		s.log.Error("the dead-letter destination failed", "error", err)
		if err := s.backoff(ctx, attempt); err != nil {
			return err
		}
	}
	s.log.Error("a batch was given up and is among the dead letters",
		"condition", condition, "records", len(batch), "first", first.sequence, "last", last.sequence, "error", failure)
	s.commit(last)
	return nil
}

// advance records that everything up to r is done. A position that cannot be
// written is only logged: at worst, the records come again.
func (s *shard) commit(r record) {
	if err := s.checkpoint.commit(s.id, position{Sequence: r.sequence}); err != nil {
		s.log.Error("the checkpoint could not be written", "error", err)
	}
}

// Pauses between attempts double from the first to the longest.
const (
	minBackoff = 100 * time.Millisecond
	maxBackoff = 10 * time.Second
)

func (s *shard) backoff(ctx context.Context, attempt int) error {
	return sleep(ctx, min(maxBackoff, minBackoff<<min(attempt, 10)))
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

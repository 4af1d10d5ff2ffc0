package eventsource

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"time"

	"dsync/internal/awslocal/lambda"
	"dsync/internal/awslocal/uuid"
)

// envelopeSize is the size of a payload without its records, in bytes.
const envelopeSize = len(`{"Records":[]}`)

// payload returns the event that the function receives.
func payload(batch []record) []byte {
	texts := make([][]byte, len(batch))
	for i, r := range batch {
		texts[i] = r.json
	}
	return slices.Concat([]byte(`{"Records":[`), bytes.Join(texts, []byte(",")), []byte(`]}`))
}

// nextBatch splits the next batch off records. A batch has at most size records
// and fits into Lambda's payload limit. It has at least one record.
func nextBatch(records []record, size int) (batch, rest []record) {
	bytes, n := envelopeSize, 0
	for n < min(size, len(records)) {
		bytes += len(records[n].json) + 1
		if n > 0 && bytes > lambda.MaxPayload {
			break
		}
		n++
	}
	return records[:n], records[n:]
}

// process retries a batch until each record has succeeded or was discarded. It
// commits the position after each step. It returns early only when ctx ends.
//
// Records before the first reported failure have succeeded and are not sent
// again. If the first record of a batch fails, the batch is bisected until the
// failing record is alone. A bisection does not count as a retry. The single
// record is retried with exponential backoff and then discarded, so that it
// does not block the records after it.
func (l *lane) process(ctx context.Context, batch []record) error {
	for attempt := 0; len(batch) > 0; {
		expired := l.countExpired(batch)
		if expired > 0 {
			if err := l.discard(ctx, batch[:expired], RecordAgeExceeded, attempt, nil); err != nil {
				return err
			}
			batch = batch[expired:]
			continue
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		done, failure := l.invoke(ctx, batch)
		if done > 0 {
			l.finished(batch[:done])
			batch, attempt = batch[done:], 0
		}
		if failure == nil {
			continue
		}
		l.shard.log.Warn("batch failed", "records", len(batch), "first", batch[0].sequence, "attempt", attempt+1, "error", failure)
		if half := len(batch) / 2; half > 0 && done == 0 {
			if err := l.shard.backoff(ctx, 0); err != nil {
				return err
			}
			if err := l.process(ctx, batch[:half]); err != nil {
				return err
			}
			batch = batch[half:]
			continue
		}
		if done == 0 {
			attempt++
			if limit := l.shard.mapping.o.Configuration.MaximumRetryAttempts; limit >= 0 && attempt > limit {
				if err := l.discard(ctx, batch, RetryAttemptsExhausted, attempt, failure); err != nil {
					return err
				}
				batch, attempt = nil, 0
				continue
			}
		}
		if err := l.shard.backoff(ctx, attempt); err != nil {
			return err
		}
	}
	return nil
}

// invoke invokes the function with a batch. It returns how many records from
// the start of the batch succeeded, and the error of the record after them.
func (l *lane) invoke(ctx context.Context, batch []record) (done int, failure error) {
	// An invocation in progress is completed when ctx ends. Its deadline is the
	// function's timeout.
	o := l.shard.mapping.o
	call := func() ([]byte, error) {
		return o.Function.Invoke(context.WithoutCancel(ctx), uuid.New(), payload(batch))
	}
	defer o.Faults.repeat(call)()
	response, err := call()
	if err != nil {
		return 0, err
	}
	return firstFailure(response, batch)
}

// firstFailure returns the index of the first failed record in a partial batch
// response, {"batchItemFailures":[{"itemIdentifier":…}]}. As in Lambda, an empty
// list means that the whole batch succeeded, and an unknown identifier means
// that the whole batch failed.
func firstFailure(response []byte, batch []record) (int, error) {
	failed, err := itemIdentifiers(response)
	if err != nil {
		return 0, err
	}
	first := len(batch)
	for _, sequence := range failed {
		i := slices.IndexFunc(batch, func(r record) bool { return r.sequence == sequence })
		if i < 0 {
			return 0, fmt.Errorf("the response names the item %q, which is not in the batch", sequence)
		}
		first = min(first, i)
	}
	if first == len(batch) {
		return first, nil
	}
	return first, fmt.Errorf("the function reported %s as failed", batch[first].sequence)
}

// countExpired returns how many records at the start of the batch exceed the
// maximum record age. No record expires before Run has run for that long, so
// records do not expire because the local system was stopped.
func (l *lane) countExpired(batch []record) int {
	s := l.shard
	limit := s.mapping.o.Configuration.MaximumRecordAge
	if limit <= 0 {
		return 0
	}
	now := s.mapping.o.Now()
	if now.Sub(s.started) <= limit {
		return 0
	}
	n := slices.IndexFunc(batch, func(r record) bool { return now.Sub(r.created) <= limit })
	if n < 0 {
		return len(batch)
	}
	return n
}

// discard sends a batch to the on-failure destination and commits its position.
// It retries until the destination accepts the batch, so that no record is
// lost.
func (l *lane) discard(ctx context.Context, batch []record, condition string, attempts int, failure error) error {
	s := l.shard
	first, last := batch[0], batch[len(batch)-1]
	r := InvocationRecord{Version: "1.0", Timestamp: s.mapping.o.Now().UTC(), Payload: payload(batch), Batch: StreamBatchInfo{
		ShardID: l.shardID, StreamARN: s.mapping.o.StreamARN, BatchSize: len(batch),
		StartSequenceNumber: first.sequence, EndSequenceNumber: last.sequence,
		FirstArrival: first.created.UTC(), LastArrival: last.created.UTC(),
	}}
	r.RequestContext.RequestID = uuid.New()
	r.RequestContext.FunctionARN = s.mapping.o.Function.ARN()
	r.RequestContext.Condition = condition
	r.RequestContext.ApproximateInvokeCount = attempts
	if failure != nil {
		r.ResponseContext = &ResponseContext{StatusCode: 200, ExecutedVersion: "$LATEST", FunctionError: failure.Error()}
	}
	for attempt := 0; ; attempt++ {
		err := s.mapping.o.OnFailure(r)
		if err == nil {
			break
		}
		s.log.Error("on-failure destination failed", "error", err)
		if err := s.backoff(ctx, attempt); err != nil {
			return err
		}
	}
	s.log.Error("batch discarded and sent to the on-failure destination",
		"condition", condition, "records", len(batch), "first", first.sequence, "last", last.sequence, "error", failure)
	l.finished(batch)
	return nil
}

// The backoff between attempts doubles from minBackoff up to maxBackoff.
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

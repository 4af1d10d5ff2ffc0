package eventsource

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"
)

// shard reads one shard from its position to its end.
type shard struct {
	mapping *Mapping
	id      string
	started time.Time // when Run started
	log     *slog.Logger
}

// run returns when all records of a closed shard are processed, or when ctx
// ends.
func (s *shard) run(ctx context.Context) {
	var iterator *string // nil: start at the checkpoint
	failures, idlePolls := 0, 0
	for ctx.Err() == nil {
		next, found, err := s.read(ctx, iterator)
		var (
			expired *types.ExpiredIteratorException
			trimmed *types.TrimmedDataAccessException
			gone    *types.ResourceNotFoundException
		)
		switch {
		case ctx.Err() != nil:
			return
		case err == nil && next == nil:
			s.finish()
			return
		case err == nil:
			iterator, failures = next, 0
			if found > 0 {
				idlePolls = 0
				continue
			}
			idlePolls++
			_ = sleep(ctx, idle(s.mapping.o.Idle, idlePolls))
		case errors.As(err, &expired):
			iterator = nil
		case errors.As(err, &trimmed):
			s.log.Error("unread records were trimmed from the stream; continuing at the trim horizon")
			s.mapping.checkpoint.move(s.id, position{})
			iterator = nil
		case errors.As(err, &gone):
			s.log.Warn("shard no longer exists")
			s.finish()
			return
		default:
			s.log.Warn("cannot read the shard", "error", err)
			iterator = nil
			_ = s.backoff(ctx, failures)
			failures++
		}
	}
}

// idle returns the delay after a number of consecutive polls without records or messages.
func idle(shortest time.Duration, polls int) time.Duration {
	if polls <= shortIdlePolls {
		return shortest
	}
	return longIdleFactor * shortest
}

// read reads one page of records and processes it. It returns the iterator of
// the next page, nil at the end of the shard, and the number of records.
func (s *shard) read(ctx context.Context, iterator *string) (next *string, found int, err error) {
	if iterator == nil {
		in := &dynamodbstreams.GetShardIteratorInput{
			StreamArn: &s.mapping.o.StreamARN, ShardId: &s.id, ShardIteratorType: types.ShardIteratorTypeTrimHorizon,
		}
		if p := s.mapping.checkpoint.at(s.id); p.Sequence != "" {
			in.ShardIteratorType, in.SequenceNumber = types.ShardIteratorTypeAfterSequenceNumber, &p.Sequence
		}
		out, err := s.mapping.o.Streams.GetShardIterator(ctx, in)
		if err != nil {
			return nil, 0, err
		}
		iterator = out.ShardIterator
	}
	page, err := s.mapping.o.Streams.GetRecords(ctx, &dynamodbstreams.GetRecordsInput{ShardIterator: iterator})
	if err != nil {
		return nil, 0, err
	}
	return page.NextShardIterator, len(page.Records), s.deliver(ctx, page.Records)
}

// deliver filters a page and processes the remaining records in batches.
func (s *shard) deliver(ctx context.Context, page []types.Record) error {
	if len(page) == 0 {
		return nil
	}
	var matched []record
	var last string
	for _, r := range page {
		encoded, err := encode(r, s.mapping.o.Region, s.mapping.o.StreamARN)
		if err != nil {
			return err
		}
		last = encoded.sequence
		if s.mapping.filter.Match(encoded.json) {
			matched = append(matched, encoded)
		}
	}
	for len(matched) > 0 {
		var batch []record
		batch, matched = nextBatch(matched, s.mapping.o.Configuration.BatchSize)
		if err := s.process(ctx, batch); err != nil {
			return err
		}
	}
	s.mapping.checkpoint.move(s.id, position{Sequence: last})
	return nil
}

func (s *shard) finish() {
	if err := s.mapping.checkpoint.commit(s.id, position{Sequence: s.mapping.checkpoint.at(s.id).Sequence, Ended: true}); err != nil {
		s.log.Error("cannot write the checkpoint", "error", err)
	}
}

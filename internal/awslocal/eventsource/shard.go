package eventsource

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"dsync/internal/awslocal/lambda"

	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"
)

// shard reads one shard from its position to its end.
type shard struct {
	*Mapping
	id       string
	function lambda.Function
	started  time.Time
	log      *slog.Logger
}

// run returns when the shard is closed and all of it is done, or ctx ends.
func (s *shard) run(ctx context.Context) {
	var iterator *string // nil: find the place again
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
			if idlePolls++; found > 0 {
				idlePolls = 0
				continue
			}
			_ = sleep(ctx, s.idle(idlePolls))
		case errors.As(err, &expired):
			iterator = nil
		case errors.As(err, &trimmed):
			s.log.Error("records were trimmed from the stream before they were read; going on with the oldest there is")
			s.checkpoint.move(s.id, position{})
			iterator = nil
		case errors.As(err, &gone):
			s.log.Warn("the shard is gone")
			s.finish()
			return
		default:
			s.log.Warn("the shard could not be read", "error", err)
			iterator = nil
			_ = s.backoff(ctx, failures)
			failures++
		}
	}
}

// idle is the pause after so many polls that found nothing: short while
// changes may follow one another, then as long as Lambda's own four polls a
// second, which costs a laptop a third as much.
func (s *shard) idle(polls int) time.Duration {
	if polls <= shortIdlePolls {
		return s.o.Idle
	}
	return longIdleFactor * s.o.Idle
}

// read takes one page of records and brings it to its end.
func (s *shard) read(ctx context.Context, iterator *string) (next *string, found int, err error) {
	if iterator == nil {
		in := &dynamodbstreams.GetShardIteratorInput{
			StreamArn: &s.o.StreamARN, ShardId: &s.id, ShardIteratorType: types.ShardIteratorTypeTrimHorizon,
		}
		if p := s.checkpoint.at(s.id); p.Sequence != "" {
			in.ShardIteratorType, in.SequenceNumber = types.ShardIteratorTypeAfterSequenceNumber, &p.Sequence
		}
		out, err := s.o.Streams.GetShardIterator(ctx, in)
		if err != nil {
			return nil, 0, err
		}
		iterator = out.ShardIterator
	}
	page, err := s.o.Streams.GetRecords(ctx, &dynamodbstreams.GetRecordsInput{ShardIterator: iterator})
	if err != nil {
		return nil, 0, err
	}
	return page.NextShardIterator, len(page.Records), s.deliver(ctx, page.Records)
}

// deliver filters a page, then cuts what is left into batches.
func (s *shard) deliver(ctx context.Context, page []types.Record) error {
	if len(page) == 0 {
		return nil
	}
	var wanted []record
	var last string
	for _, r := range page {
		encoded, err := encode(r, s.o.Region, s.o.StreamARN)
		if err != nil {
			return err
		}
		if last = encoded.sequence; s.filter.Match(encoded.json) {
			wanted = append(wanted, encoded)
		}
	}
	for len(wanted) > 0 {
		var batch []record
		batch, wanted = nextBatch(wanted, s.o.Configuration.BatchSize)
		if err := s.process(ctx, batch); err != nil {
			return err
		}
	}
	s.checkpoint.move(s.id, position{Sequence: last})
	return nil
}

func (s *shard) finish() {
	if err := s.checkpoint.commit(s.id, position{Sequence: s.checkpoint.at(s.id).Sequence, Ended: true}); err != nil {
		s.log.Error("the checkpoint could not be written", "error", err)
	}
}

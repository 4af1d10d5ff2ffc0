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
	mapping  *Mapping
	id       string
	started  time.Time // when Run started
	log      *slog.Logger
	progress *progress
	siblings *siblings
	// ahead is how many records may be read that are not processed. 0 reads a page
	// after the page before it was processed.
	ahead int
	read  string // sequence number of the last record that was read
	// done are the records after the position that were processed before the start.
	done map[string]bool
}

// pagesAhead is how far a shard reads ahead, in batches for each lane.
const pagesAhead = 4

func newShard(ctx context.Context, m *Mapping, id string, started time.Time) *shard {
	from := m.checkpoint.at(id)
	s := &shard{mapping: m, id: id, started: started, log: m.log.With("shard", id), read: from.Sequence, done: map[string]bool{}}
	for _, id := range from.Done {
		s.done[id] = true
	}
	s.progress = &progress{position: from.Sequence, changed: make(chan struct{}, 1), commit: s.commit}
	s.siblings = newSiblings(ctx, s)
	if lanes := m.o.Configuration.Parallelization * len(s.siblings.leaves); lanes > 1 {
		s.ahead = pagesAhead * lanes * m.o.Configuration.BatchSize
	}
	return s
}

// run returns when all records of a closed shard are processed, or when ctx
// ends.
func (s *shard) run(ctx context.Context) {
	var iterator *string // nil: start at the checkpoint
	failures, idlePolls := 0, 0
	for ctx.Err() == nil {
		next, found, err := s.readPage(ctx, iterator)
		var (
			expired *types.ExpiredIteratorException
			trimmed *types.TrimmedDataAccessException
			gone    *types.ResourceNotFoundException
		)
		switch {
		case ctx.Err() != nil:
			return
		case err == nil && next == nil:
			if s.progress.wait(ctx, 0) == nil {
				s.finish()
			}
			return
		case err == nil:
			iterator, failures = next, 0
			s.mapping.setDrained(s.id, found == 0 && s.progress.processed())
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
			if s.progress.wait(ctx, 0) == nil {
				s.progress.reset()
				s.mapping.checkpoint.move(s.id, position{})
				iterator, s.read = nil, ""
			}
		case errors.As(err, &gone):
			s.log.Warn("shard no longer exists")
			if s.progress.wait(ctx, 0) == nil {
				s.finish()
			}
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

// readPage reads one page of records and hands it to the lanes. It returns the
// iterator of the next page, nil at the end of the shard, and the number of
// records.
func (s *shard) readPage(ctx context.Context, iterator *string) (next *string, found int, err error) {
	if iterator == nil {
		in := &dynamodbstreams.GetShardIteratorInput{
			StreamArn: &s.mapping.o.StreamARN, ShardId: &s.id, ShardIteratorType: types.ShardIteratorTypeTrimHorizon,
		}
		if s.read != "" {
			in.ShardIteratorType, in.SequenceNumber = types.ShardIteratorTypeAfterSequenceNumber, &s.read
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

// deliver filters a page, hands the remaining records to the lanes, and waits
// until enough of them are processed.
func (s *shard) deliver(ctx context.Context, page []types.Record) error {
	if len(page) == 0 {
		return nil
	}
	var matched []record
	var all []entry
	for _, r := range page {
		encoded, err := encode(r, s.mapping.o.Region, s.mapping.o.StreamARN, s.mapping.o.Faults)
		if err != nil {
			return err
		}
		matches, done := s.mapping.filter.Match(encoded.json), s.done[encoded.id]
		if matches {
			if !done {
				matched = append(matched, encoded)
			}
			if made := s.mapping.o.Faults.poisonAfter(encoded); made != nil && !s.done[made.id] {
				matched = append(matched, *made)
				all = append(all, entry{id: made.id})
			}
		}
		all = append(all, entry{id: encoded.id, sequence: encoded.id, dropped: !matches, done: done || !matches})
	}
	s.read = all[len(all)-1].sequence
	s.mapping.checkpoint.move(s.id, s.progress.add(all))
	s.siblings.add(s.mapping.o.Faults.shuffle(matched))
	return s.progress.wait(ctx, s.ahead)
}

// commit saves a position. A failed write is only logged: after a restart the
// records are delivered again.
func (s *shard) commit(at position) {
	if err := s.mapping.checkpoint.commit(s.id, at); err != nil {
		s.log.Error("cannot write the checkpoint", "error", err)
	}
}

func (s *shard) finish() {
	s.mapping.setDrained(s.id, true)
	if err := s.mapping.checkpoint.commit(s.id, position{Sequence: s.mapping.checkpoint.at(s.id).Sequence, Ended: true}); err != nil {
		s.log.Error("cannot write the checkpoint", "error", err)
	}
}

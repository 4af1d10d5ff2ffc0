// Package mapping is Lambda's event source mapping for one machine: it reads a
// DynamoDB stream and hands what passes a filter to a function.
//
// It promises what the mapping of the topology promises. Every shard is read
// from its start, parents before children, one batch at a time. A record is
// delivered at least once and records of a shard in their order: the next
// batch starts when the one before is done or given up, and a restart goes on
// after the last record that was done. Filtered-out records count as done and
// never reach a batch. See process for what happens to a batch that fails.
//
// A checkpoint file belongs to one Mapping in one process.
package eventsource

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"dsync/internal/awslocal/eventbridge/pattern"
	"dsync/internal/awslocal/lambda"

	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"
)

// The pause after a poll that found nothing, and after how many of them it
// gets how much longer.
const (
	defaultIdle    = 50 * time.Millisecond
	shortIdlePolls = 40
	longIdleFactor = 5
)

// rediscovery is how often a stream is asked for new shards, and how old the
// file's news of filtered-out records may get.
const discoveryInterval = time.Second

// Consumer holds the settings of an event source mapping on a DynamoDB stream.
type Configuration struct {
	BatchSize            int            // records
	MaximumRetryAttempts int            // Unlimited: until a record is older than MaximumAge
	MaximumRecordAge     time.Duration  // MaximumRecordAgeInSeconds
	Filter               map[string]any // filter pattern of the event source mapping
}

// Unlimited is the RetryAttempts of a mapping that gives up on age only.
const Unlimited = -1

// Options describe a mapping.
type Options struct {
	Streams       *dynamodbstreams.Client
	StreamARN     string
	Region        string // as records name it
	Configuration Configuration
	Function      lambda.Function
	// Checkpoint is the file that outlives the process; "" is in memory.
	Checkpoint string
	// DeadLetters takes what is given up. It is called until it succeeds.
	OnFailure func(InvocationRecord) error
	Idle      time.Duration    // between polls that find nothing; 0 is 50 ms
	Now       func() time.Time // nil is time.Now
	Log       *slog.Logger     // nil is slog.Default
}

// Mapping connects a stream and a function while Run runs.
type Mapping struct {
	o          Options
	filter     pattern.Pattern
	checkpoint *checkpoint
	log        *slog.Logger
}

// New refuses a filter that it cannot honour and a checkpoint that it cannot
// read.
func New(o Options) (*Mapping, error) {
	if o.Idle == 0 {
		o.Idle = defaultIdle
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	fail := func(err error) (*Mapping, error) { return nil, fmt.Errorf("mapping of %s: %w", o.Function.Name, err) }
	if o.OnFailure == nil {
		return fail(errors.New("no destination for dead letters"))
	}
	if o.Configuration.BatchSize < 1 {
		return fail(fmt.Errorf("batch size %d", o.Configuration.BatchSize))
	}
	if o.Configuration.MaximumRetryAttempts < Unlimited {
		return fail(fmt.Errorf("retry attempts %d", o.Configuration.MaximumRetryAttempts))
	}
	filter, err := pattern.Compile(o.Configuration.Filter)
	if err != nil {
		return fail(err)
	}
	c, err := openCheckpoint(o.Checkpoint, o.StreamARN)
	if err != nil {
		return fail(err)
	}
	return &Mapping{o, filter, c, o.Log.With("function", o.Function.Name)}, nil
}

// Run reads the stream until ctx ends, finishes the batch in flight, and
// returns with the checkpoint written. What the engine refuses is logged and
// tried again.
func (m *Mapping) Run(ctx context.Context) error {
	var readers sync.WaitGroup
	began := m.o.Now()
	running := map[string]bool{}
	ended := make(chan struct{}, 1)
	for ctx.Err() == nil {
		shards, err := m.describe(ctx)
		if err != nil && ctx.Err() == nil {
			m.log.Warn("the stream could not be described", "error", err)
		}
		for _, id := range m.readable(shards) {
			if running[id] {
				continue
			}
			running[id] = true
			s := &shard{Mapping: m, id: id, function: m.o.Function, started: began, log: m.log.With("shard", id)}
			readers.Go(func() {
				s.run(ctx)
				select {
				case ended <- struct{}{}: // its children are due
				default:
				}
			})
		}
		select {
		case <-ctx.Done():
		case <-ended:
		case <-time.After(discoveryInterval):
			if err := m.checkpoint.save(); err != nil {
				m.log.Error("the checkpoint could not be written", "error", err)
			}
		}
	}
	readers.Wait()
	if err := m.checkpoint.save(); err != nil {
		return fmt.Errorf("mapping of %s: checkpoint: %w", m.o.Function.Name, err)
	}
	return nil
}

// due is the shards to read: not read to their end, and the parent, if the
// stream still has it, is.
func (m *Mapping) readable(shards []types.Shard) []string {
	known := map[string]bool{}
	for _, s := range shards {
		known[*s.ShardId] = true
	}
	var ids []string
	for _, s := range shards {
		waits := s.ParentShardId != nil && known[*s.ParentShardId] && !m.checkpoint.at(*s.ParentShardId).Ended
		if !waits && !m.checkpoint.at(*s.ShardId).Ended {
			ids = append(ids, *s.ShardId)
		}
	}
	if len(shards) > 0 {
		m.checkpoint.retain(known)
	}
	return ids
}

func (m *Mapping) describe(ctx context.Context) ([]types.Shard, error) {
	var shards []types.Shard
	in := &dynamodbstreams.DescribeStreamInput{StreamArn: &m.o.StreamARN}
	for {
		out, err := m.o.Streams.DescribeStream(ctx, in)
		if err != nil {
			return nil, err
		}
		shards = append(shards, out.StreamDescription.Shards...)
		if in.ExclusiveStartShardId = out.StreamDescription.LastEvaluatedShardId; in.ExclusiveStartShardId == nil {
			return shards, nil
		}
	}
}

// Package eventsource is a local Lambda event source mapping. Mapping reads a
// DynamoDB stream, filters the records, and invokes a function with batches.
// QueueMapping does the same with the messages of an SQS queue.
//
// Mapping reads each shard from TRIM_HORIZON, parents before children. It delivers
// each record at least once. With a parallelization factor of 1, one batch of a
// shard is processed at a time, and the records of a shard are in order: a batch
// starts after the batch before it was processed or discarded. With a larger
// factor, several batches of a shard are processed at a time, and only the
// records of one item are in order. A restart continues after the last record
// before which all were processed, so it repeats some. Records that the filter
// drops count as processed. The method process documents retries and bisection.
//
// Faults lets a mapping do what AWS does and DynamoDB Local does not.
//
// Only one Mapping in one process may use a checkpoint file.
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

// Delays between polls that return no records. The first shortIdlePolls of them
// use the short delay, because changes often follow each other. The next ones
// use longIdleFactor times the short delay: 4 polls a second, the rate of
// Lambda, which takes a third of the CPU.
const (
	defaultIdle    = 50 * time.Millisecond
	shortIdlePolls = 40
	longIdleFactor = 5
)

// discoveryInterval is the time between two calls of DescribeStream. Positions
// of dropped records are written to the checkpoint file as often.
const discoveryInterval = time.Second

// Configuration holds the settings of an event source mapping on a DynamoDB
// stream.
type Configuration struct {
	BatchSize            int            // records
	Parallelization      int            // ParallelizationFactor, 1 to 10; 0 is 1
	MaximumRetryAttempts int            // Unlimited: retry until a record exceeds MaximumRecordAge
	MaximumRecordAge     time.Duration  // MaximumRecordAgeInSeconds
	Filter               map[string]any // filter pattern of the event source mapping
}

// maxParallelization is the limit of Lambda.
const maxParallelization = 10

// Unlimited is the MaximumRetryAttempts of a mapping that discards records by
// age only.
const Unlimited = -1

// Options describe a mapping.
type Options struct {
	Streams       *dynamodbstreams.Client
	StreamARN     string
	Region        string // of the records
	Configuration Configuration
	Function      lambda.Function
	// Checkpoint is the path of the checkpoint file. "" keeps the checkpoint in
	// memory.
	Checkpoint string
	// OnFailure is the destination of discarded batches. It is called until it
	// succeeds.
	OnFailure func(InvocationRecord) error
	Idle      time.Duration    // between polls that return no records; 0 means 50 ms
	Now       func() time.Time // nil means time.Now
	Log       *slog.Logger     // nil means slog.Default
	Faults    *Faults          // nil: none
}

// Mapping is an event source mapping. It is active while Run runs.
type Mapping struct {
	o          Options
	filter     pattern.Pattern
	checkpoint *checkpoint
	log        *slog.Logger

	mu      sync.Mutex
	drained map[string]bool // shards whose last page was empty, with all records processed
}

// New returns a mapping. It rejects a filter with unsupported operators, an
// invalid configuration, and a checkpoint file that it cannot read.
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
	fail := func(err error) (*Mapping, error) {
		return nil, fmt.Errorf("event source mapping of %s: %w", o.Function.Name, err)
	}
	if o.OnFailure == nil {
		return fail(errors.New("no on-failure destination"))
	}
	if o.Configuration.BatchSize < 1 {
		return fail(fmt.Errorf("invalid batch size %d", o.Configuration.BatchSize))
	}
	if o.Configuration.MaximumRetryAttempts < Unlimited {
		return fail(fmt.Errorf("invalid maximum retry attempts %d", o.Configuration.MaximumRetryAttempts))
	}
	if o.Configuration.Parallelization == 0 {
		o.Configuration.Parallelization = 1
	}
	if n := o.Configuration.Parallelization; n < 1 || n > maxParallelization {
		return fail(fmt.Errorf("invalid parallelization factor %d", n))
	}
	filter, err := pattern.Compile(o.Configuration.Filter)
	if err != nil {
		return fail(err)
	}
	c, err := openCheckpoint(o.Checkpoint, o.StreamARN)
	if err != nil {
		return fail(err)
	}
	return &Mapping{o: o, filter: filter, checkpoint: c, log: o.Log.With("function", o.Function.Name), drained: map[string]bool{}}, nil
}

// Drained reports whether the mapping has read all shards to the end of what was
// written, and processed it.
func (m *Mapping) Drained() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, drained := range m.drained {
		if !drained {
			return false
		}
	}
	return len(m.drained) > 0
}

func (m *Mapping) setDrained(shard string, drained bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.drained[shard] = drained
}

// Run reads the stream until ctx ends. It then completes the invocation in
// progress, writes the checkpoint and returns. Errors of DynamoDB are logged
// and retried.
func (m *Mapping) Run(ctx context.Context) error {
	var readers sync.WaitGroup
	began := m.o.Now()
	running := map[string]bool{}
	ended := make(chan struct{}, 1)
	for ctx.Err() == nil {
		shards, err := m.describe(ctx)
		if err != nil && ctx.Err() == nil {
			m.log.Warn("cannot describe the stream", "error", err)
		}
		for _, id := range m.readable(shards) {
			if running[id] {
				continue
			}
			running[id] = true
			m.setDrained(id, false)
			s := newShard(ctx, m, id, began)
			readers.Go(func() {
				s.run(ctx)
				s.siblings.wait()
				select {
				case ended <- struct{}{}: // its children are readable now
				default:
				}
			})
		}
		select {
		case <-ctx.Done():
		case <-ended:
		case <-time.After(discoveryInterval):
			if err := m.checkpoint.save(); err != nil {
				m.log.Error("cannot write the checkpoint", "error", err)
			}
		}
	}
	readers.Wait()
	if err := m.checkpoint.save(); err != nil {
		return fmt.Errorf("event source mapping of %s: checkpoint: %w", m.o.Function.Name, err)
	}
	return nil
}

// readable returns the ids of the shards that can be read now: those that have
// not ended and whose parent has ended or is no longer in the stream.
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
		in.ExclusiveStartShardId = out.StreamDescription.LastEvaluatedShardId
		if in.ExclusiveStartShardId == nil {
			return shards, nil
		}
	}
}

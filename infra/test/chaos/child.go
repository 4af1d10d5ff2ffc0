package chaos

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"log/slog"
	"net/http"
	"path/filepath"
	"sync"
	"time"

	"dsync/infra/topology"
	"dsync/internal/awslocal/awsconfig"
	"dsync/internal/awslocal/eventsource"
	locallambda "dsync/internal/awslocal/lambda"
	"dsync/internal/eventlog"
	"dsync/internal/jobs"
	"dsync/internal/relay"
	"dsync/internal/table"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// Settings of a child process.
const (
	childVariable = "DSYNC_CHAOS_CHILD" // environment variable; its value is a setup as JSON

	region  = "us-east-1"
	busName = "dsync"
	// shards is the number of simulated shards. The stream of the engine has
	// one shard. Each simulated shard has its own reader with its own delays.
	// A hash of the partition key assigns each directory to a shard.
	shards = 4
)

// setup is the configuration of a child process.
type setup struct {
	Engine, Bus, Queue, Bucket string // endpoints; Queue is the URL of the queue
	Table, Stream              string
	Folder                     string // of the checkpoint and diary files
	Seed                       uint64
	Skew                       time.Duration // error of the clock
}

// Child runs the relay and the jobs if the environment contains a setup.
// Otherwise it returns false. The campaign kills the child process; Child does
// not end by itself.
func Child(ctx context.Context, env func(string) string) (bool, error) {
	text := env(childVariable)
	if text == "" {
		return false, nil
	}
	var s setup
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return true, err
	}
	return true, s.run(ctx)
}

func (s setup) run(ctx context.Context) error {
	d := newDice(s.Seed)
	faults, err := openDiary(filepath.Join(s.Folder, "faults.log"))
	if err != nil {
		return err
	}
	quick := retry.NewStandard(func(o *retry.StandardOptions) { o.MaxBackoff = 5 * time.Millisecond })
	client := &http.Client{Transport: mortal{http.DefaultTransport, d}}
	db := dynamodb.New(dynamodb.Options{Region: region, BaseEndpoint: &s.Engine, Credentials: credentials, HTTPClient: client, Retryer: quick})
	streams := dynamodbstreams.New(dynamodbstreams.Options{Region: region, BaseEndpoint: &s.Engine, Credentials: credentials})
	now := func() time.Time { return time.Now().Add(s.Skew) }
	log := slog.New(slog.DiscardHandler)
	records := table.New(db, s.Table)
	r := relay.New(records, eventlog.New(records, now),
		relay.NewBus(eventbridge.New(eventbridge.Options{Region: region, BaseEndpoint: &s.Bus, Credentials: credentials, HTTPClient: client, Retryer: quick}), busName),
		relay.NewDeadLetters(sqs.New(sqs.Options{Region: region, BaseEndpoint: &s.Queue, Credentials: credentials}), s.Queue,
			s3.New(s3.Options{Region: region, BaseEndpoint: &s.Bucket, Credentials: credentials, UsePathStyle: true}), failureBucket), now, log, nil)
	w := jobs.New(records, now, rand.Reader, time.Second, log)

	var wg sync.WaitGroup
	for shard := range shards {
		m, err := s.mapping(streams, topology.RelaysEvents, fmt.Sprint("-", shard), faultyRelay{r, shard, d, faults})
		if err != nil {
			return err
		}
		wg.Go(func() { _ = m.Run(ctx) })
	}
	m, err := s.mapping(streams, topology.RunsJobs, "", faultyJobs{w, d, faults})
	if err != nil {
		return err
	}
	wg.Go(func() { _ = m.Run(ctx) })
	wg.Wait()
	return nil
}

// mapping returns the event source mapping of the function with that role. It
// has no limit of retry attempts. Several mappings of one function use different
// suffixes for their checkpoint files.
func (s setup) mapping(streams *dynamodbstreams.Client, role topology.Role, suffix string, h lambda.Handler) (*eventsource.Mapping, error) {
	f := topology.Dsync().ByRole(role)
	consumer := eventsource.Configuration{
		BatchSize: f.Stream.BatchSize, MaximumRetryAttempts: eventsource.Unlimited, MaximumRecordAge: f.Stream.MaximumAge, Filter: f.Stream.Filter.Pattern(),
	}
	return eventsource.New(eventsource.Options{
		Streams: streams, StreamARN: s.Stream, Region: region, Configuration: consumer,
		Function:   locallambda.Function{Name: f.Name, Timeout: f.Timeout, Handler: h},
		Checkpoint: filepath.Join(s.Folder, f.Name+suffix+".json"),
		OnFailure:  eventsource.AppendTo(filepath.Join(s.Folder, "given-up.ndjson")),
		Idle:       5 * time.Millisecond,
		Log:        slog.New(slog.DiscardHandler),
	})
}

// longestDelay is the maximum delay of a delayed shard.
const longestDelay = 3000 // milliseconds

// faultyRelay is the relay of one shard. It injects four faults: it delays the
// shard, it handles a batch twice in sequence, it handles a batch twice
// concurrently, and it stops the relay between two calls.
type faultyRelay struct {
	relay *relay.Relay
	shard int
	dice  *dice
	diary *diary
}

// Invoke implements lambda.Handler.
func (f faultyRelay) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	var batch events.DynamoDBEvent
	if err := json.Unmarshal(payload, &batch); err != nil {
		return nil, err
	}
	var own events.DynamoDBEvent
	for _, record := range batch.Records {
		if shardOf(record.Change.Keys["pk"].String()) == f.shard {
			own.Records = append(own.Records, record)
		}
	}
	if len(own.Records) == 0 {
		return nil, nil
	}
	if f.dice.percent(4) {
		f.diary.write("shard delayed")
		time.Sleep(time.Duration(f.dice.below(longestDelay)) * time.Millisecond)
	}
	mortal := ctx
	if f.dice.percent(20) {
		f.diary.write("relay stopped between two calls")
		mortal = dying(ctx, 1+f.dice.below(10))
	}
	switch {
	case f.dice.percent(8):
		f.diary.write("batch delivered twice in sequence")
		_, _ = f.relay.Handle(ctx, own)
	case f.dice.percent(4):
		f.diary.write("batch delivered twice concurrently")
		var wg sync.WaitGroup
		defer wg.Wait()
		wg.Go(func() { _, _ = f.relay.Handle(ctx, own) })
	}
	answer, err := f.relay.Handle(mortal, own)
	if err != nil {
		return nil, err
	}
	return json.Marshal(answer)
}

func shardOf(partition string) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(partition))
	return int(h.Sum32() % shards)
}

// faultyJobs runs the jobs and stops some of them between two calls.
type faultyJobs struct {
	worker *jobs.Worker
	dice   *dice
	diary  *diary
}

// Invoke implements lambda.Handler.
func (f faultyJobs) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	var batch events.DynamoDBEvent
	if err := json.Unmarshal(payload, &batch); err != nil {
		return nil, err
	}
	if f.dice.percent(10) {
		f.diary.write("job stopped between two calls")
		ctx = dying(ctx, 1+f.dice.below(4))
	}
	return nil, f.worker.Handle(ctx, batch)
}

var credentials = awsconfig.Config(region, "").Credentials

// variable encodes the setup as an environment variable of a child process.
func (s setup) variable() (string, error) {
	b, err := json.Marshal(s)
	return childVariable + "=" + string(b), err
}

// skew returns a random clock error from -2 to +2 seconds.
func skew(d *dice) time.Duration { return time.Duration(d.below(4001)-2000) * time.Millisecond }

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
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// Environment of a child.
const (
	childVariable = "DSYNC_CHAOS_CHILD" // a setup, as JSON

	region  = "us-east-1"
	busName = "dsync"
	// shards is over how many shards the campaign's directories are spread.
	// The engine has one; each of these is a reader of its own, as late as it
	// likes.
	shards = 4
)

// setup is what a child has to know.
type setup struct {
	Engine, Bus, Queue string // endpoints; the queue's is its URL
	Table, Stream      string
	Folder             string // of its checkpoints
	Seed               uint64
	Skew               time.Duration // of its clock
}

// Child runs the relay and the jobs in a process of their own, until it is
// killed, if the environment asks for it; it reports whether it did.
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
		relay.NewDeadLetters(sqs.New(sqs.Options{Region: region, BaseEndpoint: &s.Queue, Credentials: credentials}), s.Queue), now, log, nil)
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

// mapping is the event source mapping of the function with that role, which
// never gives up. Several mappings of one function differ by the suffix of
// their checkpoint files.
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

// longestDelay is how late a shard is at times.
const longestDelay = 3000 // milliseconds

// faultyRelay is the relay of one shard: it is late, gets batches twice, also
// at once, and dies between two steps.
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
		f.diary.write("a shard is late")
		time.Sleep(time.Duration(f.dice.below(longestDelay)) * time.Millisecond)
	}
	mortal := ctx
	if f.dice.percent(20) {
		f.diary.write("the relay dies between two steps")
		mortal = dying(ctx, 1+f.dice.below(10))
	}
	switch {
	case f.dice.percent(8):
		f.diary.write("a batch is delivered twice")
		_, _ = f.relay.Handle(ctx, own)
	case f.dice.percent(4):
		f.diary.write("a batch is delivered twice at once")
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

// faultyJobs dies between two steps.
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
		f.diary.write("a job dies between two steps")
		ctx = dying(ctx, 1+f.dice.below(4))
	}
	return nil, f.worker.Handle(ctx, batch)
}

var credentials = awsconfig.Config(region, "").Credentials

// variable is the setup as a child's environment has it.
func (s setup) variable() (string, error) {
	b, err := json.Marshal(s)
	return childVariable + "=" + string(b), err
}

// skew is a clock's error, up to two seconds either way.
func skew(d *dice) time.Duration { return time.Duration(d.below(4001)-2000) * time.Millisecond }

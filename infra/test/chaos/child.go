package chaos

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"slices"
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

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awscredentials "github.com/aws/aws-sdk-go-v2/credentials"
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
	// siblings is the number of shards as which the stream of the engine is
	// presented. A directory is in all of them. They are split while they are read.
	siblings   = 4
	splitAfter = 300 // records
	// longestDelay is the maximum delay of a delayed shard.
	longestDelay = 3 * time.Second
	shuffle      = 12 // records
	poison       = 5  // percent of the records
	twice        = 12 // percent of the batches
	maxParallel  = 5  // batches of a sibling at a time
	// tokenTrust is jobs.TokenTrust, 16 times shorter. All waits of the jobs are.
	tokenTrust = time.Second

	poisonMark = eventsource.PoisonMark
)

// setup is the configuration of a child process.
type setup struct {
	Engine, Proxy, Bus, Queue, Bucket string // endpoints; Queue is the URL of the queue
	AccessKey                         string // of the table's database
	Table                             string
	Streams                           []stream // the current one last
	Folder                            string   // of the checkpoint and diary files
	Seed                              uint64
	Skew                              time.Duration // error of the clock
	Calm                              bool          // without faults, except of the stream's form
	Sabotage                          Sabotage
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

// stream is the stream of a table in the database of an access key.
type stream struct{ ARN, AccessKey string }

func (s setup) run(ctx context.Context) error {
	d := newDice(s.Seed)
	faults, err := openDiary(filepath.Join(s.Folder, faultsFile))
	if err != nil {
		return err
	}
	poisoned, err := openDiary(filepath.Join(s.Folder, poisonFile))
	if err != nil {
		return err
	}
	quick := retry.NewStandard(func(o *retry.StandardOptions) { o.MaxBackoff = 5 * time.Millisecond })
	endpoint := s.Proxy
	if s.Calm {
		endpoint = s.Engine // without faults
	}
	credentials := credentials(s.AccessKey)
	client := &http.Client{Transport: mortal{&http.Transport{MaxIdleConnsPerHost: 100}, d}}
	db := dynamodb.New(dynamodb.Options{Region: region, BaseEndpoint: &endpoint, Credentials: credentials, HTTPClient: client, Retryer: quick})
	now := func() time.Time { return time.Now().Add(s.Skew) }
	errorLog, err := openDiary(filepath.Join(s.Folder, errorsFile))
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(errorLog.f, &slog.HandlerOptions{Level: slog.LevelError}))
	records := table.New(db, s.Table)
	r := relay.New(records, eventlog.New(records, now),
		relay.NewBus(eventbridge.New(eventbridge.Options{Region: region, BaseEndpoint: &s.Bus, Credentials: credentials, HTTPClient: client, Retryer: quick}), busName),
		relay.NewDeadLetters(sqs.New(sqs.Options{Region: region, BaseEndpoint: &s.Queue, Credentials: credentials}), s.Queue,
			s3.New(s3.Options{Region: region, BaseEndpoint: &s.Bucket, Credentials: credentials, UsePathStyle: true}), failureBucket), now, log, nil)
	w := jobs.New(records, now, rand.Reader, tokenTrust, log)

	var wg sync.WaitGroup
	wg.Go(func() {
		err = s.consume(ctx, &wg, map[topology.Role]lambda.Handler{
			topology.RelaysEvents: &faultyRelay{relay: r, setup: s, dice: d, diary: faults, poison: poisoned},
			topology.RunsJobs:     faultyJobs{w, s, d, faults, poisoned},
		}, d, faults)
	})
	wg.Go(func() { s.sweep(ctx, faultyJobs{w, s, d, faults, poisoned}) })
	wg.Wait()
	return err
}

// consume starts the mappings of the streams, in their order: those of a stream
// when the stream before it is drained. So the records of an item are in order
// although a restore has put them into two streams.
func (s setup) consume(ctx context.Context, running *sync.WaitGroup, functions map[topology.Role]lambda.Handler, d *dice, faults *diary) error {
	for n, stream := range s.Streams {
		var mappings []*eventsource.Mapping
		for role, h := range functions {
			m, err := s.mapping(stream, role, fmt.Sprint("-", n), h, d, faults)
			if err != nil {
				return err
			}
			mappings = append(mappings, m)
			running.Go(func() { _ = m.Run(ctx) })
		}
		for n < len(s.Streams)-1 && slices.ContainsFunc(mappings, func(m *eventsource.Mapping) bool { return !m.Drained() }) {
			time.Sleep(10 * time.Millisecond)
		}
	}
	return nil
}

// sweep invokes the jobs function as its schedule does, but more often.
func (s setup) sweep(ctx context.Context, jobs faultyJobs) {
	f := topology.Dsync().ByRole(topology.RunsJobs)
	function := locallambda.Function{Name: f.Name, Timeout: f.Timeout, Handler: jobs}
	for ctx.Err() == nil {
		time.Sleep(time.Second)
		_, _ = function.Invoke(ctx, "sweep", []byte(f.Schedules[0].Payload))
	}
}

// mapping returns the event source mapping of the function with that role. The
// mappings of several streams use different suffixes for their checkpoint files.
func (s setup) mapping(stream stream, role topology.Role, suffix string, h lambda.Handler, d *dice, faults *diary) (*eventsource.Mapping, error) {
	f := topology.Dsync().ByRole(role)
	consumer := eventsource.Configuration{
		BatchSize: f.Stream.BatchSize, MaximumRetryAttempts: f.Stream.RetryAttempts, MaximumRecordAge: f.Stream.MaximumAge, Filter: f.Stream.Filter.Pattern(),
		Parallelization: max(f.Stream.Parallelization, 1+d.Below(maxParallel)),
	}
	if s.Calm {
		consumer.Parallelization = max(f.Stream.Parallelization, 1)
	}
	if s.Sabotage == ServesInTurn {
		consumer.Parallelization = 1
	}
	return eventsource.New(eventsource.Options{
		Streams:   dynamodbstreams.New(dynamodbstreams.Options{Region: region, BaseEndpoint: &s.Engine, Credentials: credentials(stream.AccessKey)}),
		StreamARN: stream.ARN, Region: region, Configuration: consumer,
		Function:   locallambda.Function{Name: f.Name, Timeout: f.Timeout, Handler: h},
		Checkpoint: filepath.Join(s.Folder, f.Name+suffix+".json"),
		OnFailure:  eventsource.AppendTo(filepath.Join(s.Folder, givenUpFile)),
		Idle:       5 * time.Millisecond,
		Log:        slog.New(slog.DiscardHandler),
		Faults:     s.streamFaults(faults),
	})
}

// streamFaults returns the faults of a stream.
func (s setup) streamFaults(faults *diary) *eventsource.Faults {
	f := &eventsource.Faults{Seed: s.Seed, Siblings: siblings, OnFault: faults.write}
	if s.Sabotage == ServesInTurn {
		f.Siblings = 0
	}
	if !s.Calm {
		f.SplitAfter, f.Delay, f.Shuffle, f.Twice, f.Poison = splitAfter, longestDelay, shuffle, twice, poison
	}
	return f
}

func credentials(accessKey string) aws.CredentialsProvider {
	return awscredentials.StaticCredentialsProvider{Value: awsconfig.WithKey(accessKey)}
}

// variable encodes the setup as an environment variable of a child process.
func (s setup) variable() (string, error) {
	b, err := json.Marshal(s)
	return childVariable + "=" + string(b), err
}

// skew returns a random clock error from -2 to +2 seconds.
func skew(d *dice) time.Duration { return time.Duration(d.Below(4001)-2000) * time.Millisecond }

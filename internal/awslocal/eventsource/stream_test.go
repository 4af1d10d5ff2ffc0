package eventsource_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"dsync/internal/awslocal/awsconfig"
	localdynamodb "dsync/internal/awslocal/dynamodb"
	"dsync/internal/awslocal/eventsource"
	"dsync/internal/awslocal/lambda"
	"dsync/internal/awslocal/uuid"
	"dsync/internal/table/schema"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
	"github.com/google/go-cmp/cmp"
)

var endpoint string

func TestMain(m *testing.M) {
	e, err := localdynamodb.Start(context.Background(), localdynamodb.Options{Endpoint: os.Getenv(localdynamodb.EndpointVariable), Log: os.Stderr})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	endpoint = e.Endpoint()
	code := m.Run()
	if err := e.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// stream is a table with its stream, and the records that a function received
// from it.
type stream struct {
	db      *dynamodb.Client
	table   string
	options eventsource.Options

	changed chan struct{} // the function or the destination was called since await looked

	mu        sync.Mutex
	batches   [][]string // sort keys, one list for each invocation
	discarded []eventsource.InvocationRecord
	answer    func(ctx context.Context, batch []events.DynamoDBEventRecord) ([]byte, error)
}

func sdk(endpoint string) aws.Config { return awsconfig.Config("us-east-1", endpoint) }

func newStream(t *testing.T) *stream {
	t.Helper()
	s := &stream{db: dynamodb.NewFromConfig(sdk(endpoint)), table: strings.ReplaceAll(t.Name(), "/", "-") + "-" + uuid.New()}
	if err := localdynamodb.CreateTable(t.Context(), s.db, schema.Dsync(), s.table); err != nil {
		t.Fatal(err)
	}
	out, err := s.db.DescribeTable(t.Context(), &dynamodb.DescribeTableInput{TableName: &s.table})
	if err != nil {
		t.Fatal(err)
	}
	s.configure(t)
	s.options.StreamARN = *out.Table.LatestStreamArn
	return s
}

func (s *stream) configure(t *testing.T) {
	s.changed = make(chan struct{}, 1)
	s.options = eventsource.Options{
		Streams: dynamodbstreams.NewFromConfig(sdk(endpoint)),
		Region:  "us-east-1",
		Configuration: eventsource.Configuration{
			BatchSize: 100, MaximumRetryAttempts: 2, MaximumRecordAge: time.Hour,
			Filter: filterOf("INSERT", "MODIFY"),
		},
		Function: lambda.Function{Name: "consumer", Timeout: 5 * time.Second, Handler: s},
		OnFailure: func(r eventsource.InvocationRecord) error {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.discarded = append(s.discarded, r)
			s.notify()
			return nil
		},
		Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
	}
}

// Invoke is the function. It records the keys of the batch and responds with
// s.answer.
func (s *stream) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	var event events.DynamoDBEvent
	if err := json.Unmarshal(payload, &event); err != nil {
		return nil, err
	}
	var keys []string
	for _, r := range event.Records {
		keys = append(keys, r.Change.Keys["sk"].String())
	}
	s.mu.Lock()
	s.batches = append(s.batches, keys)
	s.notify()
	answer := s.answer
	s.mu.Unlock()
	if answer == nil {
		return nil, nil
	}
	return answer(ctx, event.Records)
}

func (s *stream) put(t *testing.T, keys ...string) {
	t.Helper()
	for _, sk := range keys {
		if _, err := s.db.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &s.table, Item: map[string]types.AttributeValue{
			"pk": &types.AttributeValueMemberS{Value: "D#1"}, "sk": &types.AttributeValueMemberS{Value: sk},
		}}); err != nil {
			t.Fatal(err)
		}
	}
}

// run starts the mapping. stop stops it and waits for its end.
func (s *stream) run(t *testing.T) (stop func()) {
	t.Helper()
	m, err := eventsource.New(s.options)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- m.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return stop
}

// seen returns the keys of all invocations so far.
func (s *stream) seen() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Concat(s.batches...)
}

// notify wakes await.
func (s *stream) notify() {
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

// await waits until ok. It checks again after each call of the function or the
// destination.
func (s *stream) await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for !ok() {
		select {
		case <-s.changed:
		case <-deadline:
			t.Fatalf("%s did not happen; seen %v, %d discarded", what, s.seen(), len(s.discarded))
		}
	}
}

func (s *stream) awaitKey(t *testing.T, key string) {
	t.Helper()
	s.await(t, key, func() bool { return slices.Contains(s.seen(), key) })
}

func (s *stream) same(t *testing.T, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, s.seen()); diff != "" {
		t.Errorf("(-want +seen)\n%s", diff)
	}
}

func users(from, to int) (keys []string) {
	for i := from; i <= to; i++ {
		keys = append(keys, fmt.Sprintf("U#%03d", i))
	}
	return keys
}

func failures(sequence ...string) []byte {
	var r events.DynamoDBEventResponse
	for _, s := range sequence {
		r.BatchItemFailures = append(r.BatchItemFailures, events.DynamoDBBatchItemFailure{ItemIdentifier: s})
	}
	b, _ := json.Marshal(r)
	return b
}

// filterOf returns a filter that matches records with these event names whose
// sort key begins with U#.
func filterOf(names ...string) map[string]any {
	list := make([]any, len(names))
	for i, n := range names {
		list[i] = n
	}
	return map[string]any{
		"eventName": list,
		"dynamodb":  map[string]any{"Keys": map[string]any{"sk": map[string]any{"S": []any{map[string]any{"prefix": "U#"}}}}},
	}
}

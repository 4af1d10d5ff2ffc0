package dsynctest

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"dsync/internal/awslocal/eventsource"
	locallambda "dsync/internal/awslocal/lambda"
	"dsync/internal/table/schema"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
)

// patience is how many times a batch is tried: the faults that tests inject
// are many, and pass.
const patience = 1000

// Stream is what a consumer takes from the table's stream.
type Stream struct {
	Filter    schema.Filter
	BatchSize int // records
	Timeout   time.Duration
}

// Changes is the stream of the relay, Jobs that of the jobs function.
var (
	Changes = Stream{schema.ResourceChanges(), 100, time.Minute}
	Jobs    = Stream{schema.JobChanges(), 1, time.Minute}
)

// Consume hands the table's stream to a handler, as an event source mapping
// does, until the test ends. A batch that is not processed after many tries
// fails the test.
func Consume(t testing.TB, api *dynamodb.Client, table string, from Stream, handler lambda.Handler) {
	t.Helper()
	described, err := api.DescribeTable(t.Context(), &dynamodb.DescribeTableInput{TableName: &table})
	if err != nil {
		t.Fatal(err)
	}
	o := api.Options()
	source, err := eventsource.New(eventsource.Options{
		Streams:       dynamodbstreams.New(dynamodbstreams.Options{Region: o.Region, BaseEndpoint: o.BaseEndpoint, Credentials: o.Credentials}),
		StreamARN:     aws.ToString(described.Table.LatestStreamArn),
		Region:        o.Region,
		Configuration: eventsource.Configuration{BatchSize: from.BatchSize, MaximumRetryAttempts: patience, MaximumRecordAge: 24 * time.Hour, Filter: from.Filter.Pattern()},
		Function:      locallambda.Function{Name: "test", Timeout: from.Timeout, Handler: handler},
		Idle:          5 * time.Millisecond,
		Log:           slog.New(slog.DiscardHandler),
		OnFailure: func(l eventsource.InvocationRecord) error {
			t.Errorf("given up: %+v", l)
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- source.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

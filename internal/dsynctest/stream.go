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

// maximumRetryAttempts is high because tests inject many temporary faults.
const maximumRetryAttempts = 1000

// Stream holds the settings of a consumer of the table's stream.
type Stream struct {
	Filter    schema.Filter
	BatchSize int // records
	Timeout   time.Duration
}

// Changes are the settings of the relay, Jobs those of the jobs function.
var (
	Changes = Stream{schema.ResourceChanges(), 100, time.Minute}
	Jobs    = Stream{schema.JobChanges(), 1, time.Minute}
)

// Consume sends the table's stream to a handler, as an event source mapping does,
// until the test ends. A discarded batch fails the test.
func Consume(t testing.TB, api *dynamodb.Client, table string, from Stream, handler lambda.Handler) {
	t.Helper()
	described, err := api.DescribeTable(t.Context(), &dynamodb.DescribeTableInput{TableName: &table})
	if err != nil {
		t.Fatal(err)
	}
	o := api.Options()
	mapping, err := eventsource.New(eventsource.Options{
		Streams:       dynamodbstreams.New(dynamodbstreams.Options{Region: o.Region, BaseEndpoint: o.BaseEndpoint, Credentials: o.Credentials}),
		StreamARN:     aws.ToString(described.Table.LatestStreamArn),
		Region:        o.Region,
		Configuration: eventsource.Configuration{BatchSize: from.BatchSize, MaximumRetryAttempts: maximumRetryAttempts, MaximumRecordAge: 24 * time.Hour, Filter: from.Filter.Pattern()},
		Function:      locallambda.Function{Name: "test", Timeout: from.Timeout, Handler: handler},
		Idle:          5 * time.Millisecond,
		Log:           slog.New(slog.DiscardHandler),
		OnFailure: func(r eventsource.InvocationRecord) error {
			t.Errorf("discarded: %+v", r)
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- mapping.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

package enginetest

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"dsync/infra/local/invoke"
	"dsync/infra/local/mapping"
	"dsync/infra/topology"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
)

// patience is how many times a batch is tried: the faults that tests inject
// are many, and pass.
const patience = 1000

// Consume hands the table's stream to a handler, as the event source mapping
// of that function in the topology does, until the test ends. What is given up
// fails the test.
func Consume(t testing.TB, api *dynamodb.Client, table, function string, handler lambda.Handler) {
	t.Helper()
	described, err := api.DescribeTable(t.Context(), &dynamodb.DescribeTableInput{TableName: &table})
	if err != nil {
		t.Fatal(err)
	}
	f := topology.Dsync().Function(function)
	consumer := *f.Stream
	consumer.RetryAttempts = patience
	o := api.Options()
	source, err := mapping.New(mapping.Options{
		Streams:   dynamodbstreams.New(dynamodbstreams.Options{Region: o.Region, BaseEndpoint: o.BaseEndpoint, Credentials: o.Credentials}),
		StreamARN: aws.ToString(described.Table.LatestStreamArn),
		Region:    o.Region,
		Consumer:  consumer,
		Function:  invoke.Function{Name: function, Timeout: f.Timeout, Handler: handler},
		Idle:      5 * time.Millisecond,
		Log:       slog.New(slog.DiscardHandler),
		DeadLetters: func(l mapping.DeadLetter) error {
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

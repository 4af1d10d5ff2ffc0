// Command redrive is the Lambda function that publishes events again.
package main

import (
	"os"
	"time"

	"dsync/internal/eventlog"
	"dsync/internal/lambdaenv"
	"dsync/internal/relay"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

func main() { lambdaenv.Start(os.Getenv, build) }

func build(e lambdaenv.Environment) (lambda.Handler, error) {
	t, err := e.Table()
	if err != nil {
		return nil, err
	}
	names, err := e.RequiredAll("EVENT_BUS_NAME", "DEAD_LETTER_QUEUE_URL", "FAILURE_BUCKET_NAME")
	if err != nil {
		return nil, err
	}
	events := eventbridge.NewFromConfig(e.AWS, func(o *eventbridge.Options) { o.BaseEndpoint = e.Endpoint("EVENTBRIDGE") })
	queues := sqs.NewFromConfig(e.AWS, func(o *sqs.Options) { o.BaseEndpoint = e.Endpoint("SQS") })
	objects := s3.NewFromConfig(e.AWS, func(o *s3.Options) { o.BaseEndpoint = e.Endpoint("S3"); o.UsePathStyle = o.BaseEndpoint != nil })
	parked := relay.NewDeadLetters(queues, names[1], objects, names[2])
	r := relay.New(t, eventlog.New(t, time.Now), relay.NewBus(events, names[0]), parked, time.Now, e.Log, e.Metrics)
	return lambda.NewHandler(r.Redrive), nil
}

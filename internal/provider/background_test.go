package provider_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"log/slog"
	"net/http/httptest"
	"testing"
	"time"

	localeventbridge "dsync/internal/awslocal/eventbridge"
	"dsync/internal/dsynctest"
	"dsync/internal/eventlog"
	"dsync/internal/jobs"
	"dsync/internal/metric"
	"dsync/internal/relay"
	"dsync/internal/table"
	"dsync/internal/table/stream"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// background runs what follows a deletion, as the system does: the jobs and
// the relay behind the table's stream. done gets the subject of each job that
// has ended.
func (v tenant) background(t testing.TB) (done <-chan string) {
	t.Helper()
	return v.behind(t, slog.New(slog.DiscardHandler), nil, func(json.RawMessage) error { return nil })
}

// behind is background with a log, metrics and a place for the events.
func (v tenant) behind(t testing.TB, log *slog.Logger, counts *metric.Writer, deliver localeventbridge.Target) (done <-chan string) {
	t.Helper()
	const bus = "dsync"
	records := table.New(v.api, v.table)
	ended := make(chan string, 100)
	worker := jobs.New(records, time.Now, rand.Reader, 0, log)
	dsynctest.Consume(t, v.api, v.table, dsynctest.Jobs, lambda.NewHandler(func(ctx context.Context, batch events.DynamoDBEvent) error {
		for _, record := range batch.Records {
			if job, err := stream.ReadJob(record.Change); err == nil && job != nil && job.State == table.JobDone {
				ended <- job.Subject
			}
		}
		return worker.Handle(ctx, batch)
	}))
	b, err := localeventbridge.New(localeventbridge.Options{Name: bus, Region: "us-east-1", Log: log, Rules: []localeventbridge.Rule{
		{Name: "every-event", Pattern: map[string]any{"source": []any{relay.Source}}, Target: deliver},
	}})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(b)
	t.Cleanup(server.Close)
	client := eventbridge.New(eventbridge.Options{Region: "us-east-1", BaseEndpoint: &server.URL, Credentials: v.api.Options().Credentials})
	letters := sqs.New(sqs.Options{Region: "us-east-1", BaseEndpoint: &server.URL, Credentials: v.api.Options().Credentials})
	objects := s3.New(s3.Options{Region: "us-east-1", BaseEndpoint: &server.URL, Credentials: v.api.Options().Credentials, UsePathStyle: true})
	r := relay.New(records, eventlog.New(records, time.Now), relay.NewBus(client, bus), relay.NewDeadLetters(letters, server.URL, objects, "failures"), time.Now, log, counts)
	dsynctest.Consume(t, v.api, v.table, dsynctest.Changes, lambda.NewHandler(r.Handle))
	return ended
}

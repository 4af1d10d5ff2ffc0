package provider_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"log/slog"
	"net/http/httptest"
	"testing"
	"time"

	"dsync/infra/local/bus"
	"dsync/infra/local/enginetest"
	"dsync/infra/topology"
	"dsync/internal/eventlog"
	"dsync/internal/jobs"
	"dsync/internal/metric"
	"dsync/internal/relay"
	"dsync/internal/table"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
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
func (v tenant) behind(t testing.TB, log *slog.Logger, counts *metric.Writer, deliver bus.Target) (done <-chan string) {
	t.Helper()
	records, system := table.New(v.api, v.table), topology.Dsync()
	ended := make(chan string, 100)
	worker := jobs.New(records, time.Now, rand.Reader, 0, log)
	enginetest.Consume(t, v.api, v.table, "jobs", lambda.NewHandler(func(ctx context.Context, batch events.DynamoDBEvent) error {
		for _, record := range batch.Records {
			if job, err := table.ReadJob(record.Change); err == nil && job != nil && job.State == table.JobDone {
				ended <- job.Subject
			}
		}
		return worker.Handle(ctx, batch)
	}))
	b, err := bus.New(bus.Options{Name: system.Bus.Name, Region: "us-east-1", Rules: system.Rules, Log: log, Targets: map[topology.Target]bus.Target{
		topology.EventLog: deliver,
	}})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(b)
	t.Cleanup(server.Close)
	client := eventbridge.New(eventbridge.Options{Region: "us-east-1", BaseEndpoint: &server.URL, Credentials: v.api.Options().Credentials})
	letters := sqs.New(sqs.Options{Region: "us-east-1", BaseEndpoint: &server.URL, Credentials: v.api.Options().Credentials})
	r := relay.New(records, eventlog.New(records, time.Now), relay.NewBus(client, system.Bus.Name), relay.NewDeadLetters(letters, server.URL), time.Now, log, counts)
	enginetest.Consume(t, v.api, v.table, "relay", lambda.NewHandler(r.Handle))
	return ended
}

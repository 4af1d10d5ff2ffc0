package system

import (
	"context"
	"encoding/json"
	"log/slog"
	"testing"
	"time"

	"dsync/infra/topology"
	"dsync/internal/awslocal/awsconfig"
	locallambda "dsync/internal/awslocal/lambda"
	"dsync/internal/awslocal/lambda/runtimeapi"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
)

// A function that a rule targets receives the events that match, also those
// that were on the bus before the system was killed.
func TestFunctionConsumesTheBus(t *testing.T) {
	consumer := topology.Function{
		Name: "consumer", Timeout: 10 * time.Second,
		Queue: &topology.QueueConsumer{BatchSize: 10, MaxConcurrency: 2, MaxReceives: 3},
	}
	described := topology.System{
		Bus:       topology.Bus{Name: "dsync"},
		Functions: []topology.Function{consumer},
		Rules: []topology.Rule{{
			Name: "users", Pattern: map[string]any{"detail-type": []any{map[string]any{"prefix": "dsync.user."}}},
			Target: topology.Target{Function: consumer.Name},
		}},
	}
	dir := t.TempDir()
	received := make(chan string, 10)
	start := func() *parts {
		p := &parts{
			topology: described, log: slog.New(slog.DiscardHandler), services: runtimeapi.Services{Region: region},
			system: &System{folder: folder(dir), values: map[topology.Reference]string{}},
		}
		t.Cleanup(func() { _ = p.system.takeDown() })
		for _, step := range []func(context.Context, Options) error{p.startSQS, p.startEventBridge} {
			if err := step(t.Context(), Options{}); err != nil {
				t.Fatal(err)
			}
		}
		p.functions = map[string]locallambda.Function{consumer.Name: {
			Name: consumer.Name, Timeout: consumer.Timeout,
			Handler: lambda.NewHandler(func(_ context.Context, batch events.SQSEvent) error {
				for _, r := range batch.Records {
					var e events.EventBridgeEvent
					if err := json.Unmarshal([]byte(r.Body), &e); err != nil {
						return err
					}
					received <- e.DetailType
				}
				return nil
			}),
		}}
		return p
	}
	put := func(p *parts, detailType string) {
		t.Helper()
		client := eventbridge.NewFromConfig(awsconfig.Config(region, p.services.EventBridge))
		out, err := client.PutEvents(t.Context(), &eventbridge.PutEventsInput{Entries: []types.PutEventsRequestEntry{{
			EventBusName: aws.String(p.system.values[topology.EventBusName]), Source: aws.String("dsync"),
			DetailType: &detailType, Detail: aws.String(`{}`),
		}}})
		if err != nil || out.FailedEntryCount != 0 {
			t.Fatal(out, err)
		}
	}

	p := start() // never consumed, never stopped
	put(p, "dsync.user.created")
	put(p, "dsync.group.created")
	p = start()
	m, err := p.queueMapping(consumer)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- m.Run(ctx) }()
	if got := <-received; got != "dsync.user.created" {
		t.Errorf("received %s", got)
	}
	put(p, "dsync.user.deleted")
	if got := <-received; got != "dsync.user.deleted" {
		t.Errorf("received %s", got)
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

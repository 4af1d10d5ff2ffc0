package system

import (
	"encoding/json"
	"log/slog"
	"strings"
	"testing"

	"dsync/infra/topology"
	"dsync/internal/awslocal/awsconfig"
	"dsync/internal/awslocal/eventsource"
	"dsync/internal/awslocal/lambda/runtimeapi"
	localsqs "dsync/internal/awslocal/sqs"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// What a mapping gives up is in the queue of its consumer, also after a
// restart; a payload that no message can hold is left out.
func TestGivenUpIsInTheQueue(t *testing.T) {
	dir := t.TempDir()
	queues := func() (*parts, *sqs.Client) {
		p := &parts{
			topology: topology.Dsync(), log: slog.New(slog.DiscardHandler), services: runtimeapi.Services{Region: region},
			system: &System{folder: folder(dir), values: map[topology.Reference]string{}},
		}
		if err := p.startSQS(t.Context(), Options{}); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = p.system.takeDown() })
		return p, sqs.NewFromConfig(awsconfig.Config(region, p.services.SQS))
	}
	p, _ := queues()
	for shard, size := range map[string]int{"small": 100, "large": localsqs.MaxMessage} {
		payload, _ := json.Marshal(strings.Repeat("x", size))
		if err := p.onFailure("relay")(eventsource.InvocationRecord{Batch: eventsource.StreamBatchInfo{ShardID: shard}, Payload: payload}); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.onFailure("jobs")(eventsource.InvocationRecord{Batch: eventsource.StreamBatchInfo{ShardID: "of jobs"}}); err != nil {
		t.Fatal(err)
	}

	p, client := queues() // the first one was not stopped
	url := p.system.environment(topology.Dsync().Function("redrive").Environment)("DEAD_LETTER_QUEUE_URL")
	out, err := client.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &url, MaxNumberOfMessages: localsqs.MaxBatch})
	if err != nil {
		t.Fatal(err)
	}
	has := map[string]bool{}
	for _, m := range out.Messages {
		var d eventsource.InvocationRecord
		if err := json.Unmarshal([]byte(*m.Body), &d); err != nil {
			t.Fatal(err)
		}
		has[d.Batch.ShardID] = len(d.Payload) > 0
	}
	if payload, there := has["large"]; len(has) != 2 || !has["small"] || payload || !there {
		t.Errorf("received %v", has)
	}
}

package stack

import (
	"slices"
	"testing"
	"time"

	"dsync/infra/topology"
)

// consumer is a function that consumes the bus through a queue.
const consumer = "consumer"

// withConsumer returns the system with that function and a rule that targets it.
func withConsumer() topology.System {
	s := topology.Dsync()
	s.Functions = append(slices.Clone(s.Functions), topology.Function{
		Name: consumer, Description: "Consumes the bus", MemoryMiB: 128, Timeout: 20 * time.Second,
		Queue:       &topology.QueueConsumer{BatchSize: 10, MaxConcurrency: 5, MaxReceives: 4},
		Environment: map[string]topology.Reference{"TABLE_NAME": topology.TableName, "DEAD_LETTER_QUEUE_URL": topology.DeadLetterQueueURL(consumer)},
		Grants:      []topology.Grant{{Resource: topology.TheTable, Actions: []string{"dynamodb:GetItem"}}},
	})
	s.Rules = append(slices.Clone(s.Rules), topology.Rule{
		Name: "consumed-events", Description: "Events for the consumer",
		Pattern: map[string]any{"source": []any{"dsync"}}, Target: topology.Target{Function: consumer},
	})
	return s
}

func TestConsumerOfTheBus(t *testing.T) {
	template := read(t, synthesized.consumer)
	for _, complaint := range complaints(template, withConsumer(), settingsOf(t, nil)) {
		t.Error(complaint)
	}
	for _, output := range []string{"ConsumerDeadLetterQueueUrl", "ConsumedEventsDeadLetterQueueUrl"} {
		if _, there := template.Outputs[output]; !there {
			t.Errorf("there is no output %s", output)
		}
	}
}

func TestDriftOfAConsumerIsNoticed(t *testing.T) {
	for _, row := range []struct {
		name  string
		drift func(d draft)
		want  string
	}{
		{"mapping gone", func(d draft) { d.remove("ConsumerMessages") }, "Queue:"},
		{"mapping more", func(d draft) { d.copy("ConsumerMessages", "Other") }, "is its second"},
		{"batch size", func(d draft) { d.set("ConsumerMessages", 1, "BatchSize") }, "BatchSize"},
		{"concurrency", func(d draft) { d.set("ConsumerMessages", nil, "ScalingConfig") }, "MaxConcurrency"},
		{"whole batches", func(d draft) { d.set("ConsumerMessages", nil, "FunctionResponseTypes") }, "ReportBatchItemFailures"},
		{"window", func(d draft) { d.set("ConsumerMessages", 5, "MaximumBatchingWindowInSeconds") }, "BatchingWindow"},
		{"receives", func(d draft) { d.set("ConsumerQueue", 1, "RedrivePolicy", "maxReceiveCount") }, "MaxReceives"},
		{"visibility timeout", func(d draft) { d.set("ConsumerQueue", 20, "VisibilityTimeout") }, "visibility timeout of 20 s, want 120 s"},
		{"failures lost", func(d draft) { d.set("ConsumerQueue", nil, "RedrivePolicy") }, "no failure destination"},
		{"shared dead letters", func(d draft) {
			d.set("ConsumerQueue", map[string]any{"Fn::GetAtt": []any{d.find("RelayDeadLetters"), "Arn"}}, "RedrivePolicy", "deadLetterTargetArn")
		}, "messages that failed go to"},
		{"queue in the clear", func(d draft) { d.set("ConsumerQueue", nil, "SqsManagedSseEnabled") }, "not encrypted"},
		{"queue without TLS", func(d draft) { d.remove("ConsumerQueuePolicy") }, "without TLS"},
		{"rule may not send", func(d draft) { d.remove("ConsumerQueuePolicy") }, "consumer: who may send"},
		{"queue for everyone", func(d draft) { d.allowAll("ConsumerQueuePolicy") }, "consumer: who may send"},
		{"dead letters for everyone", func(d draft) { d.allowAll("ConsumerDeadLettersPolicy") }, "take messages from others"},
		{"may not receive", func(d draft) { d.statement("ConsumerRole", 2)["Action"] = "sqs:ReceiveMessage" }, "sqs:DeleteMessage"},
		{"rule to another target", func(d draft) {
			list(d.get("ConsumedEventsRule").get("Targets"))[0].(map[string]any)["Arn"] = d.get("ConsumerMessages").get("FunctionName")
		}, "consumed-events delivers to"},
		{"deliveries lost", func(d draft) {
			delete(list(d.get("ConsumedEventsRule").get("Targets"))[0].(map[string]any), "DeadLetterConfig")
		}, "no failure destination"},
	} {
		t.Run(row.name, func(t *testing.T) {
			expectComplaintIn(t, withConsumer(), synthesized.consumer, nil, row.drift, row.want)
		})
	}
}

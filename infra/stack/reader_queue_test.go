package stack

import (
	"dsync/infra/topology"

	"github.com/google/go-cmp/cmp"
)

// readMapping reads an event source mapping, from the stream or from a queue.
func (r *reader) readMapping(id string) {
	if queue := r.sourceQueue(r.Resources[id]); queue != "" {
		r.readQueueConsumer(id, queue)
	} else {
		r.readStreamConsumer(id)
	}
}

// sourceQueue returns the queue that a mapping reads, or "".
func (r *reader) sourceQueue(mapping *resource) string {
	id := idIn(mapping.text("EventSourceArn"), "Arn")
	if r.at(id).Type != "AWS::SQS::Queue" {
		return ""
	}
	return id
}

// readQueueConsumer reads an event source mapping on a queue, and the queue. The
// settings that all of them share are those that topology.QueueConsumer promises.
func (r *reader) readQueueConsumer(id, queue string) {
	mapping := r.claim(id, "AWS::Lambda::EventSourceMapping", "the system")
	f := r.functions[idIn(mapping.text("FunctionName"), "Arn")]
	if f == nil || f.Stream != nil || f.Queue != nil {
		r.complain("%s leads to no function, or is its second", id)
		return
	}
	resource := r.claim(queue, "AWS::SQS::Queue", f.Name)
	r.queues[queue] = f.Name
	r.expect(f.Name, mapping, map[string]any{
		"FunctionResponseTypes": `["ReportBatchItemFailures"]`,
	}, "FunctionName", "EventSourceArn", "BatchSize", "ScalingConfig")
	concurrency, _ := mapping.get("ScalingConfig", "MaximumConcurrency").(float64)
	receives, _ := resource.get("RedrivePolicy", "maxReceiveCount").(float64)
	f.Queue = &topology.QueueConsumer{BatchSize: mapping.number("BatchSize"), MaxConcurrency: int(concurrency), MaxReceives: int(receives)}
	if got, want := resource.number("VisibilityTimeout"), int(f.VisibilityTimeout().Seconds()); got != want {
		r.complain("%s: the queue has a visibility timeout of %d s, want %d s", f.Name, got, want)
	}
	if got, want := idIn(resolve(resource.get("RedrivePolicy", "deadLetterTargetArn")), "Arn"), r.deadLettersOfFunctions()[f.Name]; got != want {
		r.complain("%s: messages that failed go to %q, want its dead-letter queue %s", f.Name, got, want)
	}
}

// readSenders checks that the rules which target a queue, and nobody else, may
// send to it.
func (r *reader) readSenders(rules []topology.Rule) {
	for queue, function := range r.queues {
		var ids []string
		for _, rule := range rules {
			if rule.Target.Function == function {
				ids = append(ids, r.ruleIDs[rule.Name])
			}
		}
		r.expectSenders(function, queue, ids...)
	}
}

// expectSenders checks that these rules, and nobody else, may send to a queue.
func (r *reader) expectSenders(owner, queue string, rules ...string) {
	var want []statement
	for _, id := range rules {
		want = append(want, statement{
			Effect: "Allow", Principals: []string{eventsPrincipal}, Actions: []string{"sqs:SendMessage"},
			Resources: []string{"${" + queue + ".Arn}"}, Conditions: map[string]string{"ArnEquals aws:SourceArn": "${" + id + ".Arn}"},
		})
	}
	if diff := cmp.Diff(want, r.allowedOn(queue), inAnyOrder); diff != "" {
		r.complain("%s: who may send to %s (-want +template):\n%s", owner, queue, diff)
	}
}

package system

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"dsync/infra/topology"
	"dsync/internal/awslocal/eventsource"
	"dsync/internal/awslocal/s3"
	"dsync/internal/awslocal/sqs"
	"dsync/internal/awslocal/uuid"
)

// deadLetters returns the name of the dead-letter queue of a function.
func deadLetters(function string) string { return function + "-dead-letters" }

// startSQS starts SQS with the queue of each function that rules target, under
// the name of the function, and the dead-letter queues of functions. Rules have
// no dead-letter queue here: if an event cannot be stored, PutEvents fails.
func (p *parts) startSQS(context.Context, Options) error {
	o := sqs.Options{Region: region, Redrive: map[string]sqs.RedrivePolicy{}, File: p.system.folder.path("dead-letters.ndjson")}
	for _, f := range p.topology.Functions {
		if f.Queue != nil {
			o.Names = append(o.Names, f.Name)
			o.Redrive[f.Name] = sqs.RedrivePolicy{DeadLetterQueue: deadLetters(f.Name), MaxReceives: f.Queue.MaxReceives}
		}
	}
	var owners []string
	for _, owner := range p.topology.DeadLetterOwners() {
		if p.topology.Function(owner) != nil {
			owners = append(owners, owner)
			o.Names = append(o.Names, deadLetters(owner))
		}
	}
	q, err := sqs.Open(o)
	if err != nil {
		return err
	}
	p.system.onStop(q.Close)
	p.queues = q
	if p.services.SQS, err = p.serveHere(q); err != nil {
		return err
	}
	for _, owner := range owners {
		p.system.values[topology.DeadLetterQueueURL(owner)] = sqs.URL(p.services.SQS, deadLetters(owner))
	}
	return nil
}

// startS3 starts S3 with the failure bucket.
func (p *parts) startS3(context.Context, Options) error {
	dir, err := p.subfolder("s3")
	if err != nil {
		return err
	}
	name := p.topology.Bus.Name + "-failures-local"
	p.buckets, err = s3.Open(s3.Options{Dir: dir, Buckets: []string{name}})
	if err != nil {
		return err
	}
	p.system.onStop(p.buckets.Close)
	p.system.values[topology.FailureBucketName] = name
	p.services.S3, err = p.serveHere(p.buckets)
	return err
}

// onFailure returns the on-failure destination of an event source mapping: the
// failure bucket. Keys and objects are those of Lambda (Lambda Developer Guide,
// "Retain discarded records for a DynamoDB event source").
func (p *parts) onFailure(mapping string) func(eventsource.InvocationRecord) error {
	return func(r eventsource.InvocationRecord) error {
		body, err := json.Marshal(r)
		if err != nil {
			return err
		}
		return p.buckets.Put(p.system.values[topology.FailureBucketName], failureKey(mapping, r.Batch.ShardID, r.Timestamp), body)
	}
}

// failureKey is the key of an object that Lambda creates.
func failureKey(mapping, shard string, at time.Time) string {
	at = at.UTC()
	return fmt.Sprintf("%s%s/%s/%s/%s-%s", topology.GivenUpPrefix, mapping, shard, at.Format("2006/01/02"), at.Format("2006-01-02T15.04.05"), uuid.New())
}

package stack

import (
	"encoding/json"

	"dsync/infra/topology"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/jsii-runtime-go"
)

// drawConsumer draws the event source mapping from the table's stream to the
// function. It is drawn by hand because the construct of the library would
// also grant dynamodb:ListStreams on every stream of the account.
func (d *drawing) drawConsumer(f topology.Function, function awslambda.Function) error {
	c := f.Stream
	pattern, err := json.Marshal(c.Filter.Pattern())
	if err != nil {
		return err
	}
	awslambda.NewCfnEventSourceMapping(d.scope(f.Name), jsii.String("Stream"), &awslambda.CfnEventSourceMappingProps{
		FunctionName:   function.FunctionArn(),
		EventSourceArn: d.table.TableStreamArn(),
		FilterCriteria: &awslambda.CfnEventSourceMapping_FilterCriteriaProperty{
			Filters: []any{&awslambda.CfnEventSourceMapping_FilterProperty{Pattern: jsii.String(string(pattern))}},
		},
		BatchSize: jsii.Number(c.BatchSize),
		// No change is skipped, those made before the mapping included.
		StartingPosition: jsii.String("TRIM_HORIZON"),
		// One batch at a time per shard keeps the order of the stream.
		ParallelizationFactor:      jsii.Number(1),
		BisectBatchOnFunctionError: true,
		FunctionResponseTypes:      jsii.Strings("ReportBatchItemFailures"),
		MaximumRetryAttempts:       jsii.Number(c.RetryAttempts),
		MaximumRecordAgeInSeconds:  jsii.Number(c.MaximumAge.Seconds()),
		DestinationConfig: &awslambda.CfnEventSourceMapping_DestinationConfigProperty{
			OnFailure: &awslambda.CfnEventSourceMapping_OnFailureProperty{Destination: d.deadLetters[f.Name].QueueArn()},
		},
	})
	return nil
}

// deadLetterOwners is every function and rule that an asynchronous edge leads
// to, in the order of the topology.
func deadLetterOwners(s topology.System) []string {
	return append(streamConsumers(s), rules(s)...)
}

// streamConsumers is every function that reads the table's stream.
func streamConsumers(s topology.System) []string {
	return functionsThat(s, func(f topology.Function) bool { return f.Stream != nil })
}

// drawDeadLetters draws the queue that takes what the edge to owner gives up
// on, and puts its URL out.
func (d *drawing) drawDeadLetters(owner string) {
	queue := awssqs.NewQueue(d.scope(owner), jsii.String("DeadLetters"), &awssqs.QueueProps{
		Encryption: awssqs.QueueEncryption_SQS_MANAGED,
		EnforceSSL: jsii.Bool(true),
		// The longest that SQS keeps a message.
		RetentionPeriod: awscdk.Duration_Days(jsii.Number(14)),
		RemovalPolicy:   d.settings.removal(),
	})
	d.deadLetters[owner] = queue
	d.output(title(owner)+"DeadLetterQueueUrl", "What "+owner+" gave up on", queue.QueueUrl())
}

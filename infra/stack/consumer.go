package stack

import (
	"encoding/json"

	"dsync/infra/topology"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/jsii-runtime-go"
)

// addConsumer adds the event source mapping from the table's stream to the
// function. It uses the L1 construct because the L2 construct also grants
// dynamodb:ListStreams on every stream of the account.
func (b *builder) addConsumer(f topology.Function, function awslambda.Function) error {
	c := f.Stream
	pattern, err := json.Marshal(c.Filter.Pattern())
	if err != nil {
		return err
	}
	awslambda.NewCfnEventSourceMapping(b.scope(f.Name), jsii.String("Stream"), &awslambda.CfnEventSourceMappingProps{
		FunctionName:   function.FunctionArn(),
		EventSourceArn: b.table.TableStreamArn(),
		FilterCriteria: &awslambda.CfnEventSourceMapping_FilterCriteriaProperty{
			Filters: []any{&awslambda.CfnEventSourceMapping_FilterProperty{Pattern: jsii.String(string(pattern))}},
		},
		BatchSize: jsii.Number(c.BatchSize),
		// Changes made before the mapping are processed, too.
		StartingPosition: jsii.String("TRIM_HORIZON"),
		// One batch at a time per shard keeps the order of the stream.
		ParallelizationFactor:      jsii.Number(1),
		BisectBatchOnFunctionError: true,
		FunctionResponseTypes:      jsii.Strings("ReportBatchItemFailures"),
		MaximumRetryAttempts:       jsii.Number(c.RetryAttempts),
		MaximumRecordAgeInSeconds:  jsii.Number(c.MaximumAge.Seconds()),
		DestinationConfig: &awslambda.CfnEventSourceMapping_DestinationConfigProperty{
			OnFailure: &awslambda.CfnEventSourceMapping_OnFailureProperty{Destination: b.deadLetters[f.Name].QueueArn()},
		},
	})
	return nil
}

// deadLetterOwners returns every stream consumer and rule, in the order of the
// topology.
func deadLetterOwners(s topology.System) []string {
	return append(streamConsumers(s), rules(s)...)
}

// streamConsumers returns the functions that read the table's stream.
func streamConsumers(s topology.System) []string {
	return functionsThat(s, func(f topology.Function) bool { return f.Stream != nil })
}

// addDeadLetters adds the dead-letter queue of a consumer or rule, and an output
// with its URL.
func (b *builder) addDeadLetters(owner string) {
	queue := awssqs.NewQueue(b.scope(owner), jsii.String("DeadLetters"), &awssqs.QueueProps{
		Encryption: awssqs.QueueEncryption_SQS_MANAGED,
		EnforceSSL: jsii.Bool(true),
		// The maximum of SQS.
		RetentionPeriod: awscdk.Duration_Days(jsii.Number(14)),
		RemovalPolicy:   b.settings.removal(),
	})
	b.deadLetters[owner] = queue
	b.output(title(owner)+"DeadLetterQueueUrl", "What "+owner+" gave up on", queue.QueueUrl())
}

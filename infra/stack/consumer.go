package stack

import (
	"encoding/json"

	"dsync/infra/topology"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
)

// drawConsumer draws the event source mapping from the table's stream to the
// function. It is drawn by hand because the construct of the library would
// also grant dynamodb:ListStreams on every stream of the account.
func (d *drawing) drawConsumer(scope constructs.Construct, c topology.StreamConsumer, function awslambda.Function, deadLetters awssqs.Queue) error {
	pattern, err := json.Marshal(c.Filter.Pattern())
	if err != nil {
		return err
	}
	awslambda.NewCfnEventSourceMapping(scope, jsii.String("Stream"), &awslambda.CfnEventSourceMappingProps{
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
			OnFailure: &awslambda.CfnEventSourceMapping_OnFailureProperty{Destination: deadLetters.QueueArn()},
		},
	})
	return nil
}

// deadLetters draws the queue that takes what an asynchronous edge gives up
// on, and puts its URL out. owner is the name of the function or rule that
// the edge leads to.
func (d *drawing) deadLetters(scope constructs.Construct, owner string) awssqs.Queue {
	queue := awssqs.NewQueue(scope, jsii.String("DeadLetters"), &awssqs.QueueProps{
		Encryption: awssqs.QueueEncryption_SQS_MANAGED,
		EnforceSSL: jsii.Bool(true),
		// The longest that SQS keeps a message.
		RetentionPeriod: awscdk.Duration_Days(jsii.Number(14)),
		RemovalPolicy:   d.settings.removal(),
	})
	d.output(title(owner)+"DeadLetterQueueUrl", "What "+owner+" gave up on", queue.QueueUrl())
	return queue
}

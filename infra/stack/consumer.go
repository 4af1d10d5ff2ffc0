package stack

import (
	"encoding/json"

	"dsync/infra/topology"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/jsii-runtime-go"
)

// addStream adds the event source mapping from the table's stream to the function.
//
// With another table in use, there is a mapping for each of the two streams. The
// mapping on the stream of the stack's own table keeps its place in the stream and
// processes what is left in it. If it were replaced by the other one, these records
// would be lost.
func (b *builder) addStream(f topology.Function, function awslambda.Function) error {
	pattern, err := json.Marshal(f.Stream.Filter.Pattern())
	if err != nil {
		return err
	}
	b.mappings[f.Name] = b.mapping(f, "Stream", function, b.ownTable.TableStreamArn(), string(pattern))
	if b.table != b.ownTable {
		b.mappings[f.Name] = b.mapping(f, "RestoredStream", function, b.table.TableStreamArn(), string(pattern))
	}
	return nil
}

// mapping adds an event source mapping from a stream. It uses the L1 construct
// because the L2 construct also adds permissions to the role, which the topology
// does not name.
func (b *builder) mapping(f topology.Function, id string, function awslambda.Function, stream *string, pattern string) awslambda.CfnEventSourceMapping {
	c := f.Stream
	return awslambda.NewCfnEventSourceMapping(b.scope(f.Name), &id, &awslambda.CfnEventSourceMappingProps{
		FunctionName:   function.FunctionArn(),
		EventSourceArn: stream,
		FilterCriteria: &awslambda.CfnEventSourceMapping_FilterCriteriaProperty{
			Filters: []any{&awslambda.CfnEventSourceMapping_FilterProperty{Pattern: &pattern}},
		},
		BatchSize: jsii.Number(c.BatchSize),
		// Changes made before the mapping are processed, too.
		StartingPosition:           jsii.String("TRIM_HORIZON"),
		ParallelizationFactor:      jsii.Number(c.Parallelization),
		BisectBatchOnFunctionError: true,
		FunctionResponseTypes:      jsii.Strings("ReportBatchItemFailures"),
		MaximumRetryAttempts:       jsii.Number(c.RetryAttempts),
		MaximumRecordAgeInSeconds:  jsii.Number(c.MaximumAge.Seconds()),
		// Of the destinations, only S3 also receives the records.
		DestinationConfig: &awslambda.CfnEventSourceMapping_DestinationConfigProperty{
			OnFailure: &awslambda.CfnEventSourceMapping_OnFailureProperty{Destination: b.failures.BucketArn()},
		},
		// The alarms need the metrics of the mapping: a batch item failure is no
		// error of the function, and a mapping that is disabled invokes nothing.
		MetricsConfig: &awslambda.CfnEventSourceMapping_MetricsConfigProperty{Metrics: jsii.Strings("EventCount")},
	})
}

// streamConsumers returns the functions that read the table's stream.
func streamConsumers(s topology.System) []string {
	return functionNames(s, func(f topology.Function) bool { return f.Stream != nil })
}

// addDeadLetters adds the dead-letter queue of a function or rule, and an output
// with its URL.
func (b *builder) addDeadLetters(owner string) {
	queue := b.newQueue(owner, "DeadLetters", awssqs.QueueProps{})
	b.deadLetters[owner] = queue
	b.output(topology.LogicalID(owner)+"DeadLetterQueueUrl", "What "+owner+" gave up on", queue.QueueUrl())
}

// addQueue adds the queue of a function that rules target.
func (b *builder) addQueue(f topology.Function) {
	b.queues[f.Name] = b.newQueue(f.Name, "Queue", awssqs.QueueProps{
		VisibilityTimeout: awscdk.Duration_Seconds(jsii.Number(f.VisibilityTimeout().Seconds())),
		DeadLetterQueue:   &awssqs.DeadLetterQueue{Queue: b.deadLetters[f.Name], MaxReceiveCount: jsii.Number(f.Queue.MaxReceives)},
	})
}

// newQueue adds a queue that is encrypted, refuses requests without TLS and
// retains messages as long as SQS can.
func (b *builder) newQueue(owner, id string, props awssqs.QueueProps) awssqs.Queue {
	props.Encryption = awssqs.QueueEncryption_SQS_MANAGED
	if b.key != nil {
		props.Encryption, props.EncryptionMasterKey = awssqs.QueueEncryption_KMS, b.key
	}
	props.EnforceSSL = jsii.Bool(true)
	props.RetentionPeriod = awscdk.Duration_Days(jsii.Number(14)) // the maximum
	props.RemovalPolicy = b.settings.removal()
	return awssqs.NewQueue(b.scope(owner), &id, &props)
}

// addQueueMapping adds the event source mapping from the queue of the function.
func (b *builder) addQueueMapping(f topology.Function, function awslambda.Function) {
	awslambda.NewCfnEventSourceMapping(b.scope(f.Name), jsii.String("Messages"), &awslambda.CfnEventSourceMappingProps{
		FunctionName:          function.FunctionArn(),
		EventSourceArn:        b.queues[f.Name].QueueArn(),
		BatchSize:             jsii.Number(f.Queue.BatchSize),
		FunctionResponseTypes: jsii.Strings("ReportBatchItemFailures"),
		ScalingConfig: &awslambda.CfnEventSourceMapping_ScalingConfigProperty{
			MaximumConcurrency: jsii.Number(f.Queue.MaxConcurrency),
		},
	})
}

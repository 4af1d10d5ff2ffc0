package stack

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"dsync/infra/topology"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
)

// binaries returns the folder of each function's binary. The provided.al2023
// runtime starts the file named bootstrap.
func binaries(dist string, s topology.System) (map[string]string, error) {
	folders := make(map[string]string, len(s.Functions))
	for _, f := range s.Functions {
		folder := filepath.Join(dist, f.Name)
		file := filepath.Join(folder, "bootstrap")
		if info, err := os.Stat(file); err != nil || !info.Mode().IsRegular() {
			return nil, fmt.Errorf("%s is missing: run make build first", file)
		}
		folders[f.Name] = folder
	}
	return folders, nil
}

// addFunction adds a function and the resources that it alone uses.
func (b *builder) addFunction(f topology.Function, folder string) error {
	scope := b.scope(f.Name)
	logs := awslogs.NewLogGroup(scope, jsii.String("Logs"), &awslogs.LogGroupProps{
		Retention:     b.settings.logRetention,
		EncryptionKey: b.key,
		RemovalPolicy: b.settings.removal(),
	})
	b.logs[f.Name] = logs
	role, err := b.role(scope, f, logs)
	if err != nil {
		return err
	}
	environment := make(map[string]*string, len(f.Environment))
	for name, reference := range f.Environment {
		value, err := b.value(reference)
		if err != nil {
			return fmt.Errorf("function %s: %w", f.Name, err)
		}
		if *value != "" || !reference.Optional() {
			environment[name] = value
		}
	}

	props := &awslambda.FunctionProps{
		Description:   &f.Description,
		Runtime:       awslambda.Runtime_PROVIDED_AL2023(),
		Architecture:  awslambda.Architecture_ARM_64(),
		Handler:       jsii.String("bootstrap"),
		Code:          awslambda.Code_FromAsset(&folder, nil),
		MemorySize:    jsii.Number(f.MemoryMiB),
		Timeout:       awscdk.Duration_Seconds(jsii.Number(f.Timeout.Seconds())),
		Environment:   &environment,
		Role:          role,
		LogGroup:      logs,
		LoggingFormat: awslambda.LoggingFormat_JSON,
		// Lambda's own START and REPORT lines cost more than the function's lines.
		SystemLogLevelV2: awslambda.SystemLogLevel_WARN,
	}
	if f.Recursive {
		props.RecursiveLoop = awslambda.RecursiveLoop_ALLOW
	}
	// The number of shards and Parallelization limit the concurrency of a stream
	// consumer, and MaxConcurrency that of a queue consumer. What is reserved for
	// them is not left to the requests of a flood.
	if f.Stream != nil && b.settings.streamConcurrency > 0 {
		props.ReservedConcurrentExecutions = jsii.Number(b.settings.streamConcurrency)
	}
	if len(f.Routes) > 0 && b.settings.reservedConcurrency > 0 {
		props.ReservedConcurrentExecutions = jsii.Number(b.settings.reservedConcurrency)
	}
	function := awslambda.NewFunction(scope, jsii.String("Function"), props)
	b.functions[f.Name] = function
	if b.settings.tracing {
		// The CDK construct would also attach a policy to the role.
		function.Node().DefaultChild().(awslambda.CfnFunction).SetTracingConfig(&awslambda.CfnFunction_TracingConfigProperty{Mode: jsii.String("Active")})
	}

	if f.Stream != nil {
		if err := b.addStream(f, function); err != nil {
			return fmt.Errorf("function %s: %w", f.Name, err)
		}
	}
	if f.Queue != nil {
		b.addQueueMapping(f, function)
	}
	if len(f.Schedules) > 0 {
		b.addSchedules(f, function)
	}
	if f.Output != "" || len(f.Schedules) > 0 {
		b.invokeOnce(f, function)
	}
	if f.Output != "" {
		b.output(f.Output, f.Description, function.FunctionName())
	}
	if len(f.Routes) > 0 {
		b.addRoutes(scope, f.Routes, function)
	}
	return nil
}

// invokeOnce sets that Lambda does not retry asynchronous invocations, which are
// those of operators and schedules. The work that an operator asked for must not
// run again an hour later, and the next invocation of a schedule does what the
// last one did not.
func (b *builder) invokeOnce(f topology.Function, function awslambda.Function) {
	awslambda.NewCfnEventInvokeConfig(b.scope(f.Name), jsii.String("Asynchronous"), &awslambda.CfnEventInvokeConfigProps{
		FunctionName:             function.FunctionName(),
		Qualifier:                jsii.String("$LATEST"),
		MaximumRetryAttempts:     jsii.Number(0),
		MaximumEventAgeInSeconds: jsii.Number(60), // the minimum
	})
}

// role returns the role of a function: its grants, writing to its own log group,
// and for a consumer reading the stream or queue, and writing what the mapping
// gives up to the failure bucket. The policy is inline, so no
// resource that needs the role is created before the permissions.
func (b *builder) role(scope constructs.Construct, f topology.Function, logs awslogs.LogGroup) (awsiam.Role, error) {
	// A log group's ARN ends in ":*", which is its streams.
	statements := []awsiam.PolicyStatement{allow(logs.LogGroupArn(), "logs:CreateLogStream", "logs:PutLogEvents")}
	for _, grant := range f.Grants {
		arn, err := b.arn(grant.Resource)
		if err != nil {
			return nil, fmt.Errorf("function %s: %w", f.Name, err)
		}
		if *arn == "" {
			continue // the stack has none
		}
		statement := allow(arn, grant.Actions...)
		if len(grant.Partitions) > 0 {
			statement.AddCondition(jsii.String("ForAllValues:StringLike"), map[string]any{"dynamodb:LeadingKeys": leadingKeys(grant.Partitions)})
		}
		statements = append(statements, statement)
	}
	if f.Stream != nil {
		// AWS documents dynamodb:ListStreams as a permission of the mapping. It
		// cannot be limited to one stream.
		for _, stream := range b.streams() {
			statements = append(statements, allow(stream, "dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"))
		}
		statements = append(statements,
			allow(jsii.String("*"), "dynamodb:ListStreams"),
			allow(b.failures.BucketArn(), "s3:ListBucket"),
			allow(b.failureObjects(topology.GivenUpPrefix), "s3:PutObject"))
	}
	if f.Queue != nil {
		statements = append(statements,
			allow(b.queues[f.Name].QueueArn(), "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"))
	}
	if b.settings.tracing {
		// X-Ray actions have no resource to limit them to.
		statements = append(statements, allow(jsii.String("*"), "xray:PutTelemetryRecords", "xray:PutTraceSegments"))
	}
	return awsiam.NewRole(scope, jsii.String("Role"), &awsiam.RoleProps{
		AssumedBy:   awsiam.NewServicePrincipal(jsii.String("lambda.amazonaws.com"), nil),
		Description: jsii.String("What the function " + f.Name + " may do"),
		InlinePolicies: &map[string]awsiam.PolicyDocument{
			"topology": awsiam.NewPolicyDocument(&awsiam.PolicyDocumentProps{Statements: &statements}),
		},
	}), nil
}

// leadingKeys returns the patterns of partition keys with these prefixes.
func leadingKeys(prefixes []string) []any {
	patterns := make([]any, len(prefixes))
	for i, prefix := range prefixes {
		patterns[i] = prefix + "*"
	}
	return patterns
}

func allow(arn *string, actions ...string) awsiam.PolicyStatement {
	return awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Actions:   jsii.Strings(actions...),
		Resources: &[]*string{arn},
	})
}

// value returns the value of an environment variable.
func (b *builder) value(reference topology.Reference) (*string, error) {
	switch reference {
	case topology.TableName:
		return b.table.TableName(), nil
	case topology.EventBusName:
		return b.bus.EventBusName(), nil
	case topology.FailureBucketName:
		return b.failures.BucketName(), nil
	case topology.EraseAfterDays:
		return jsii.String(strconv.Itoa(b.settings.eraseAfterDays)), nil
	case topology.PublicURL:
		return jsii.String(b.settings.origin()), nil
	case topology.OriginSecretHashes:
		return &b.settings.originSecretHashes, nil
	case topology.SingleSignOn:
		return jsii.String(b.settings.signOn.String()), nil
	}
	if queue := b.deadLetters[reference.Of]; reference.IsDeadLetterQueueURL() && queue != nil {
		return queue.QueueUrl(), nil
	}
	return nil, fmt.Errorf("the stack has no value %q %s", reference.Kind, reference.Of)
}

func (b *builder) arn(resource topology.Resource) (*string, error) {
	switch resource {
	case topology.TheTable:
		return b.table.TableArn(), nil
	case topology.TheIndex:
		return jsii.String(*b.table.TableArn() + "/index/" + b.system.Table.Index.Name), nil
	case topology.TheBus:
		return b.bus.EventBusArn(), nil
	case topology.TheFailureBucket:
		return b.failures.BucketArn(), nil
	case topology.TheClientSecret:
		return &b.settings.signOn.ClientSecretARN, nil
	}
	if resource.IsFailureObjects() {
		return b.failureObjects(resource.Of), nil
	}
	if queue := b.deadLetters[resource.Of]; resource.IsDeadLetterQueue() && queue != nil {
		return queue.QueueArn(), nil
	}
	return nil, fmt.Errorf("the stack has no resource %q %s", resource.Kind, resource.Of)
}

// failureObjects is the ARN of the objects in the failure bucket whose keys begin
// with the prefix.
func (b *builder) failureObjects(prefix string) *string {
	return jsii.String(*b.failures.BucketArn() + "/" + prefix + "*")
}

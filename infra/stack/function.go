package stack

import (
	"fmt"
	"os"
	"path/filepath"

	"dsync/infra/topology"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
)

// binaries finds the folder of each function's binary. The provided.al2023
// runtime starts the file that is named bootstrap.
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

// drawFunction draws a function and all that belongs to it alone.
func (d *drawing) drawFunction(f topology.Function, folder string) error {
	scope := d.scope(f.Name)
	logs := awslogs.NewLogGroup(scope, jsii.String("Logs"), &awslogs.LogGroupProps{
		Retention:     d.settings.logRetention,
		RemovalPolicy: d.settings.removal(),
	})
	role, err := d.role(scope, f, logs)
	if err != nil {
		return err
	}
	environment := make(map[string]*string, len(f.Environment))
	for name, reference := range f.Environment {
		if environment[name], err = d.value(reference); err != nil {
			return fmt.Errorf("function %s: %w", f.Name, err)
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
		// A line for each start and report costs more than the function's own.
		SystemLogLevelV2: awslambda.SystemLogLevel_WARN,
	}
	// A stream has one batch a shard at a time, which is limit enough.
	if len(f.Routes) > 0 && d.settings.reservedConcurrency > 0 {
		props.ReservedConcurrentExecutions = jsii.Number(d.settings.reservedConcurrency)
	}
	function := awslambda.NewFunction(scope, jsii.String("Function"), props)
	d.functions[f.Name] = function
	if d.settings.tracing {
		// The library would attach a policy beside the role, too.
		function.Node().DefaultChild().(awslambda.CfnFunction).SetTracingConfig(&awslambda.CfnFunction_TracingConfigProperty{Mode: jsii.String("Active")})
	}

	switch {
	case f.Stream != nil:
		if err := d.drawConsumer(f, function); err != nil {
			return fmt.Errorf("function %s: %w", f.Name, err)
		}
	case f.Output != "":
		d.drawOperated(f, function)
	}
	if len(f.Routes) > 0 {
		d.drawRoutes(scope, f.Routes, function)
	}
	return nil
}

// drawOperated draws what a function needs that an operator invokes. One who
// asks for no answer gets no retry: what these functions do is not for doing
// twice, an hour later.
func (d *drawing) drawOperated(f topology.Function, function awslambda.Function) {
	awslambda.NewCfnEventInvokeConfig(d.scope(f.Name), jsii.String("Asynchronous"), &awslambda.CfnEventInvokeConfigProps{
		FunctionName:             function.FunctionName(),
		Qualifier:                jsii.String("$LATEST"),
		MaximumRetryAttempts:     jsii.Number(0),
		MaximumEventAgeInSeconds: jsii.Number(60), // the least
	})
	d.output(f.Output, f.Description, function.FunctionName())
}

// role lets the function do what its grants say, write to its own log group,
// and read the stream if it consumes it. The policy is part of the role, so
// nothing that needs the role can be created before its permissions are.
func (d *drawing) role(scope constructs.Construct, f topology.Function, logs awslogs.LogGroup) (awsiam.Role, error) {
	// A log group's ARN ends in ":*", which is its streams.
	statements := []awsiam.PolicyStatement{allow(logs.LogGroupArn(), "logs:CreateLogStream", "logs:PutLogEvents")}
	for _, grant := range f.Grants {
		arn, err := d.arn(grant.Resource)
		if err != nil {
			return nil, fmt.Errorf("function %s: %w", f.Name, err)
		}
		statements = append(statements, allow(arn, grant.Actions...))
	}
	if f.Stream != nil {
		// dynamodb:ListStreams cannot be limited to a stream and is not
		// needed by a mapping that names its stream.
		statements = append(statements,
			allow(d.table.TableStreamArn(), "dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"),
			allow(d.deadLetters[f.Name].QueueArn(), "sqs:SendMessage"))
	}
	if d.settings.tracing {
		// X-Ray has no resource that these could be limited to.
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

func allow(arn *string, actions ...string) awsiam.PolicyStatement {
	return awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Actions:   jsii.Strings(actions...),
		Resources: &[]*string{arn},
	})
}

// value is what an environment variable with that reference holds.
func (d *drawing) value(reference topology.Reference) (*string, error) {
	switch reference {
	case topology.TableName:
		return d.table.TableName(), nil
	case topology.EventBusName:
		return d.bus.EventBusName(), nil
	}
	if queue := d.deadLetters[reference.Of]; reference.IsDeadLetterQueueURL() && queue != nil {
		return queue.QueueUrl(), nil
	}
	return nil, fmt.Errorf("the stack has no value %q %s", reference.Kind, reference.Of)
}

func (d *drawing) arn(resource topology.Resource) (*string, error) {
	switch resource {
	case topology.TheTable:
		return d.table.TableArn(), nil
	case topology.TheIndex:
		return jsii.String(*d.table.TableArn() + "/index/" + d.system.Table.Index.Name), nil
	case topology.TheBus:
		return d.bus.EventBusArn(), nil
	}
	if queue := d.deadLetters[resource.Of]; resource.IsDeadLetterQueue() && queue != nil {
		return queue.QueueArn(), nil
	}
	return nil, fmt.Errorf("the stack has no resource %q %s", resource.Kind, resource.Of)
}

package stack

import (
	"fmt"
	"os"
	"path/filepath"

	"dsync/infra/topology"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsapigatewayv2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
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
func (d *drawing) drawFunction(f topology.Function, folder string, api awsapigatewayv2.CfnApi) error {
	scope := constructs.NewConstruct(d.stack, jsii.String(title(f.Name)))
	logs := awslogs.NewLogGroup(scope, jsii.String("Logs"), &awslogs.LogGroupProps{
		Retention:     logRetention,
		RemovalPolicy: d.settings.removal(),
	})
	var deadLetters awssqs.Queue
	if f.Stream != nil {
		deadLetters = d.deadLetters(scope, f.Name)
	}
	role, err := d.role(scope, f, logs, deadLetters)
	if err != nil {
		return err
	}
	environment := make(map[string]*string, len(f.Environment))
	for name, reference := range f.Environment {
		if environment[name], err = d.value(reference); err != nil {
			return fmt.Errorf("function %s: %w", f.Name, err)
		}
	}

	function := awslambda.NewFunction(scope, jsii.String("Function"), &awslambda.FunctionProps{
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
	})

	if f.Stream != nil {
		if err := d.drawConsumer(scope, *f.Stream, function, deadLetters); err != nil {
			return fmt.Errorf("function %s: %w", f.Name, err)
		}
	}
	if len(f.Routes) > 0 {
		d.drawRoutes(scope, f.Routes, function, api)
	}
	return nil
}

// role lets the function do what its grants say, write to its own log group,
// and read the stream if it consumes it. The policy is part of the role, so
// nothing that needs the role can be created before its permissions are.
func (d *drawing) role(scope constructs.Construct, f topology.Function, logs awslogs.LogGroup, deadLetters awssqs.Queue) (awsiam.Role, error) {
	// A log group's ARN ends in ":*", which is its streams.
	statements := []awsiam.PolicyStatement{allow(logs.LogGroupArn(), "logs:CreateLogStream", "logs:PutLogEvents")}
	for _, grant := range f.Grants {
		arn, err := d.arn(grant.Resource)
		if err != nil {
			return nil, fmt.Errorf("function %s: %w", f.Name, err)
		}
		statements = append(statements, allow(arn, grant.Actions...))
	}
	if deadLetters != nil {
		// dynamodb:ListStreams cannot be limited to a stream and is not
		// needed by a mapping that names its stream.
		statements = append(statements,
			allow(d.table.TableStreamArn(), "dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"),
			allow(deadLetters.QueueArn(), "sqs:SendMessage"))
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
	return nil, fmt.Errorf("the stack cannot tell the %q", reference)
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
	return nil, fmt.Errorf("the stack has no resource %q to grant", resource)
}

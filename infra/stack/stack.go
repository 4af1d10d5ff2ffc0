// Package stack builds the CloudFormation stack of dsync from infra/topology.
//
// The topology describes the system. This package adds what every deployment
// needs: for each function a role, a log group and its invoke permissions; for
// each consumer the permission to read the stream or its queue, and a place for
// what it gives up; for each rule a dead-letter queue; for each schedule a role;
// and alarms for all of them. The
// settings of an operator are in allSettings. The tests read the synthesized
// template back into a topology and compare the two, so neither contains
// anything that the other lacks.
//
// The same topology, settings and binaries give the same template, byte for
// byte.
package stack

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"dsync/events"
	"dsync/infra/topology"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsapigatewayv2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsdynamodb"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsscheduler"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
)

// Name is the name of the stack within the CDK app, and so of its template:
// cdk.out/DsyncStack.template.json.
const Name = "DsyncStack"

// streamReaders is the number of consumers of a DynamoDB stream: AWS throttles
// a shard that more than two processes poll.
const streamReaders = 2

// Props are the inputs of New.
type Props struct {
	// StackProps are passed on. StackName defaults to dsync-<stage>. Without Env, the
	// stack goes to the account and Region of the settings.
	awscdk.StackProps
	// Settings is the folder with the settings of each stage, <Settings>/<stage>.json.
	Settings string
	System   topology.System
	// Dist holds one folder per function with its arm64 binary in it,
	// <Dist>/<function>/bootstrap.
	Dist string
	// Schemas are those of the events on the bus.
	Schemas []events.Schema
}

// builder adds resources to a stack.
type builder struct {
	stack    awscdk.Stack
	settings settings
	system   topology.System

	key      awskms.IKey        // of the setting kmsKeyArn, or nil
	table    awsdynamodb.ITable // the table in use
	ownTable awsdynamodb.ITable // the table that the stack creates
	bus      awsevents.EventBus
	api      awsapigatewayv2.CfnApi
	stage    awsapigatewayv2.CfnStage
	// failures is the bucket for what event source mappings and the relay give up.
	failures  awss3.Bucket
	schedules awsscheduler.CfnScheduleGroup // nil if no function has one
	alarms    []awscloudwatch.CfnAlarm
	// By the name of the function or rule:
	scopes      map[string]constructs.Construct
	functions   map[string]awslambda.Function
	logs        map[string]awslogs.LogGroup                // of functions
	mappings    map[string]awslambda.CfnEventSourceMapping // from the stream of the table in use
	rules       map[string]awsevents.CfnRule
	deadLetters map[string]awssqs.Queue
	queues      map[string]awssqs.Queue // of functions that rules target
}

// New builds the stack of the system in scope, with the settings of the scope's
// context. It fails with a message for the operator: an unknown setting, a
// missing binary, or a topology that AWS cannot run.
func New(scope constructs.Construct, id string, props Props) (awscdk.Stack, error) {
	context, _ := unwrap(scope.Node().GetAllContext(nil)).(map[string]any)
	context, err := withFile(context, props.Settings)
	if err != nil {
		return nil, err
	}
	settings, err := readSettings(context, environmentOf(props.Env))
	if err != nil {
		return nil, err
	}
	if err := check(props.System); err != nil {
		return nil, err
	}
	if !settings.exampleRule {
		props.System = withoutEventLogs(props.System)
	}
	path, err := tenantPath(props.System)
	if err != nil {
		return nil, err
	}
	assets, err := binaries(props.Dist, props.System)
	if err != nil {
		return nil, err
	}

	if props.StackName == nil {
		props.StackName = jsii.String("dsync-" + settings.stage)
	}
	settings.apply(&props.StackProps)
	b := &builder{
		stack:       awscdk.NewStack(scope, &id, &props.StackProps),
		settings:    settings,
		system:      props.System,
		scopes:      map[string]constructs.Construct{},
		functions:   map[string]awslambda.Function{},
		logs:        map[string]awslogs.LogGroup{},
		mappings:    map[string]awslambda.CfnEventSourceMapping{},
		rules:       map[string]awsevents.CfnRule{},
		deadLetters: map[string]awssqs.Queue{},
		queues:      map[string]awssqs.Queue{},
	}
	if settings.key != "" {
		b.key = awskms.Key_FromKeyArn(b.stack, jsii.String("Key"), &settings.key)
	}
	b.addTable()
	b.addBus()
	endpoint := b.addAPI()
	// Functions refer to the bucket and the dead-letter queues, so these come first.
	b.addFailureBucket()
	for _, owner := range b.system.DeadLetterOwners() {
		b.addDeadLetters(owner)
	}
	for _, f := range b.system.Functions {
		if f.Queue != nil {
			b.addQueue(f)
		}
	}
	for _, f := range b.system.Functions {
		if err := b.addFunction(f, assets[f.Name]); err != nil {
			return nil, err
		}
	}
	for _, r := range b.system.Rules {
		if err := b.addRule(r); err != nil {
			return nil, err
		}
	}
	if settings.schemaRegistry {
		b.addSchemas(props.Schemas)
	}
	b.addAlarms()
	b.addDashboard()
	if settings.boundary != "" {
		awsiam.PermissionsBoundary_Of(b.stack).Apply(awsiam.ManagedPolicy_FromManagedPolicyArn(b.stack, jsii.String("Boundary"), &settings.boundary))
	}

	b.output("ApiEndpoint", "Where the HTTP API answers", endpoint)
	b.output("TenantUrlTemplate", "The Tenant URL of a directory, given its external key", jsii.String(*endpoint+path))
	b.output("EventBusName", "The bus that carries dsync events", b.bus.EventBusName())
	b.output("EventBusArn", "The same bus, for rules of other stacks", b.bus.EventBusArn())
	b.output("TableName", "The DynamoDB table", b.table.TableName())
	if f := b.byRole(topology.CreatesAPIKeys); f != nil {
		b.output("FirstApiKey", "Makes the first API key and prints it, once", jsii.String("aws lambda invoke --function-name "+*f.FunctionName()+
			` --cli-binary-format raw-in-base64-out --payload '{"name":"first","scope":"manage keys"}' first-key.json && cat first-key.json && rm first-key.json`))
	}
	return b.stack, nil
}

// environmentOf returns where a stack with that Env goes.
func environmentOf(env *awscdk.Environment) (of environment) {
	if env != nil && env.Account != nil {
		of.account = *env.Account
	}
	if env != nil && env.Region != nil {
		of.region = *env.Region
	}
	return of
}

// apply sets what belongs to the stack and not to its template. CloudFormation
// passes the tags of a stack on to its resources.
func (s settings) apply(props *awscdk.StackProps) {
	tags := map[string]*string{"dsync:stage": &s.stage}
	for key, value := range s.tags {
		tags[key] = &value
	}
	props.Tags = &tags
	props.TerminationProtection = &s.protectStack
	if props.Env == nil && s.account != "" && s.region != "" {
		props.Env = &awscdk.Environment{Account: &s.account, Region: &s.region}
	}
}

// byRole returns the function with that role, or nil.
func (b *builder) byRole(role topology.Role) awslambda.Function {
	f := b.system.ByRole(role)
	if f == nil {
		return nil
	}
	return b.functions[f.Name]
}

// scope returns the construct that contains the resources of one function or
// rule.
func (b *builder) scope(name string) constructs.Construct {
	if b.scopes[name] == nil {
		b.scopes[name] = constructs.NewConstruct(b.stack, jsii.String(topology.LogicalID(name)))
	}
	return b.scopes[name]
}

// check rejects a system that CloudFormation accepts but AWS cannot run.
func check(s topology.System) error {
	readers := streamConsumers(s)
	if len(readers) > streamReaders {
		return fmt.Errorf("%s read the table's stream, but a DynamoDB stream serves %d readers: let one function do the work of two",
			strings.Join(readers, ", "), streamReaders)
	}
	for _, f := range s.Functions {
		if c := f.Stream; c != nil && (c.Parallelization < 1 || c.Parallelization > 10) {
			return fmt.Errorf("function %s: a parallelization of %d: Lambda accepts 1 to 10", f.Name, c.Parallelization)
		}
		for _, schedule := range f.Schedules {
			if schedule.Rate < time.Minute || schedule.Rate%time.Minute != 0 {
				return fmt.Errorf("function %s: schedule %s has a rate of %v: EventBridge Scheduler takes whole minutes", f.Name, schedule.Name, schedule.Rate)
			}
			if !json.Valid([]byte(schedule.Payload)) {
				return fmt.Errorf("function %s: the payload of schedule %s is no JSON", f.Name, schedule.Name)
			}
		}
		q := f.Queue
		switch {
		case q == nil:
		case f.Stream != nil:
			return fmt.Errorf("function %s has a stream and a queue, but one dead-letter queue", f.Name)
		case q.BatchSize < 1 || q.BatchSize > 10 || q.MaxConcurrency < 2 || q.MaxConcurrency > 1000 || q.MaxReceives < 1:
			return fmt.Errorf("function %s: Lambda does not accept %+v", f.Name, *q)
		}
	}
	for _, role := range []topology.Role{topology.RelaysEvents, topology.RedrivesEvents, topology.RunsJobs} {
		if s.ByRole(role) == nil {
			return fmt.Errorf("no function %s, and the dashboard and the alarms show its metrics", role)
		}
	}
	return nil
}

// withoutEventLogs returns the system without the rules that write events to a
// log group.
func withoutEventLogs(s topology.System) topology.System {
	s.Rules = slices.DeleteFunc(slices.Clone(s.Rules), func(r topology.Rule) bool { return r.Target == topology.EventLog })
	return s
}

// tenantPath returns the common path of the SCIM routes, up to the external key.
func tenantPath(s topology.System) (string, error) {
	const key = "/{external_key}"
	for _, f := range s.Functions {
		for _, route := range f.Routes {
			if before, _, found := strings.Cut(route, key); found {
				_, path, _ := strings.Cut(before, " ")
				return path + key, nil
			}
		}
	}
	return "", fmt.Errorf("no route has %s in its path, so there is no Tenant URL", key)
}

func (b *builder) output(id, description string, value *string) {
	awscdk.NewCfnOutput(b.stack, &id, &awscdk.CfnOutputProps{Description: &description, Value: value})
}

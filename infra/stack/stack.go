// Package stack draws the CloudFormation stack of dsync from infra/topology.
//
// The topology says what there is; this package adds only what every
// rendering owes by itself, alike for all: to a function its role, its log
// group and its invoker, to a stream consumer the right to read the stream
// and a dead-letter queue, to a rule's target a dead-letter queue, to each of
// them its alarms. What an operator may choose is in allSettings. The tests
// read the synthesized template back into a topology and compare the two, so
// neither side can hold anything that the other does not.
//
// The same topology, settings and binaries give the same template, byte for
// byte.
package stack

import (
	"fmt"
	"strings"

	"dsync/events"
	"dsync/infra/topology"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsapigatewayv2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsdynamodb"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
)

// Name is the name of the stack within the CDK app, and so of its template:
// cdk.out/DsyncStack.template.json.
const Name = "DsyncStack"

// streamReaders is how many consumers may read a DynamoDB stream: AWS
// throttles a shard that more than two processes poll.
const streamReaders = 2

// Props is what New draws, and from what.
type Props struct {
	// StackProps are passed on. StackName defaults to dsync-<stage>.
	awscdk.StackProps
	System topology.System
	// Dist holds one folder per function with its arm64 binary in it,
	// <Dist>/<function>/bootstrap.
	Dist string
	// Schemas are those of the events on the bus.
	Schemas []events.Schema
}

// drawing is a stack in the making.
type drawing struct {
	stack    awscdk.Stack
	settings settings
	system   topology.System

	table awsdynamodb.ITable
	bus   awsevents.EventBus
	api   awsapigatewayv2.CfnApi
	// By the name of the function or rule:
	scopes      map[string]constructs.Construct
	functions   map[string]awslambda.Function
	rules       map[string]awsevents.CfnRule
	deadLetters map[string]awssqs.Queue
}

// New draws the system in a stack below scope, with the settings of scope's
// context. An error is a sentence for the operator: a setting that is not
// known, a binary that was not built, a topology that AWS cannot run.
func New(scope constructs.Construct, id string, props Props) (awscdk.Stack, error) {
	context, _ := plain(scope.Node().GetAllContext(nil)).(map[string]any)
	region := ""
	if props.Env != nil && props.Env.Region != nil {
		region = *props.Env.Region
	}
	settings, err := readSettings(context, region)
	if err != nil {
		return nil, err
	}
	if err := check(props.System); err != nil {
		return nil, err
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
		props.StackName = jsii.String("dsync-" + string(settings.stage))
	}
	d := &drawing{
		stack:       awscdk.NewStack(scope, &id, &props.StackProps),
		settings:    settings,
		system:      props.System,
		scopes:      map[string]constructs.Construct{},
		functions:   map[string]awslambda.Function{},
		rules:       map[string]awsevents.CfnRule{},
		deadLetters: map[string]awssqs.Queue{},
	}
	d.drawTable()
	d.drawBus()
	endpoint := d.drawAPI()
	// Functions may be told of each other's dead letters, so these come first.
	for _, owner := range deadLetterOwners(d.system) {
		d.drawDeadLetters(owner)
	}
	for _, f := range d.system.Functions {
		if err := d.drawFunction(f, assets[f.Name]); err != nil {
			return nil, err
		}
	}
	for _, r := range d.system.Rules {
		if err := d.drawRule(r); err != nil {
			return nil, err
		}
	}
	if settings.schemaRegistry {
		d.drawSchemas(props.Schemas)
	}
	d.drawAlarms()
	d.drawDashboard()

	d.output("ApiEndpoint", "Where the HTTP API answers", endpoint)
	d.output("TenantUrlTemplate", "The Tenant URL of a directory, given its external key", jsii.String(*endpoint+path))
	d.output("EventBusName", "The bus that carries dsync events", d.bus.EventBusName())
	d.output("EventBusArn", "The same bus, for rules of other stacks", d.bus.EventBusArn())
	d.output("TableName", "The DynamoDB table", d.table.TableName())
	if f := d.byRole(topology.CreatesAPIKeys); f != nil {
		d.output("FirstApiKey", "Makes the first API key and prints it, once", jsii.String("aws lambda invoke --function-name "+*f.FunctionName()+
			` --cli-binary-format raw-in-base64-out --payload '{"name":"first","scope":"manage"}' /dev/stdout`))
	}
	return d.stack, nil
}

// byRole returns the drawn function with that role, or nil.
func (d *drawing) byRole(role topology.Role) awslambda.Function {
	f := d.system.ByRole(role)
	if f == nil {
		return nil
	}
	return d.functions[f.Name]
}

// scope holds all that belongs to one function or rule alone.
func (d *drawing) scope(name string) constructs.Construct {
	if d.scopes[name] == nil {
		d.scopes[name] = constructs.NewConstruct(d.stack, jsii.String(title(name)))
	}
	return d.scopes[name]
}

// check refuses a system that CloudFormation would take and AWS would not run.
func check(s topology.System) error {
	readers := streamConsumers(s)
	if len(readers) > streamReaders {
		return fmt.Errorf("%s read the table's stream, but a DynamoDB stream serves %d readers: let one of them do the work of two",
			strings.Join(readers, ", "), streamReaders)
	}
	for _, role := range []topology.Role{topology.RelaysEvents, topology.RedrivesEvents} {
		if s.ByRole(role) == nil {
			return fmt.Errorf("no function %s, and the dashboard shows its metrics", role)
		}
	}
	return nil
}

// tenantPath is the path that all SCIM routes share, up to the directory's key.
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
	return "", fmt.Errorf("no route has %s in its path, so there is no Tenant URL to tell", key)
}

func (d *drawing) output(id, description string, value *string) {
	awscdk.NewCfnOutput(d.stack, &id, &awscdk.CfnOutputProps{Description: &description, Value: value})
}

// title turns a name of the topology ("every-event") into one that
// CloudFormation takes as an id ("EveryEvent").
func title(name string) string {
	var id strings.Builder
	for word := range strings.SplitSeq(name, "-") {
		if word != "" {
			id.WriteString(strings.ToUpper(word[:1]) + word[1:])
		}
	}
	return id.String()
}

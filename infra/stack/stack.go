// Package stack draws the CloudFormation stack of dsync from infra/topology.
//
// The topology says what there is; this package adds only what every
// rendering owes by itself, alike for all: to a function its role, its log
// group and its invoker, to a stream consumer the right to read the stream
// and a dead-letter queue, to a rule's target a dead-letter queue. The tests
// read the synthesized template back into a topology and compare the two, so
// neither side can hold anything that the other does not.
//
// The same topology, settings and binaries give the same template, byte for
// byte.
package stack

import (
	"fmt"
	"strings"

	"dsync/infra/topology"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsdynamodb"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
)

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
}

// drawing is a stack in the making.
type drawing struct {
	stack    awscdk.Stack
	settings settings
	system   topology.System
	table    awsdynamodb.Table
	bus      awsevents.EventBus
}

// New draws the system in a stack below scope, with the settings of scope's
// context. An error is a sentence for the operator: a setting that is not
// known, a binary that was not built, a topology that AWS cannot run.
func New(scope constructs.Construct, id string, props Props) (awscdk.Stack, error) {
	settings, err := readSettings(scope)
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
		stack:    awscdk.NewStack(scope, &id, &props.StackProps),
		settings: settings,
		system:   props.System,
	}
	d.drawTable()
	d.drawBus()
	api := d.drawAPI()
	for _, f := range d.system.Functions {
		if err := d.drawFunction(f, assets[f.Name], api); err != nil {
			return nil, err
		}
	}
	for _, r := range d.system.Rules {
		if err := d.drawRule(r); err != nil {
			return nil, err
		}
	}

	endpoint := api.AttrApiEndpoint()
	d.output("ApiEndpoint", "Where the HTTP API answers", endpoint)
	d.output("TenantUrlTemplate", "The Tenant URL of a directory, given its external key", jsii.String(*endpoint+path))
	d.output("EventBusName", "The bus that carries dsync events", d.bus.EventBusName())
	d.output("EventBusArn", "The same bus, for rules of other stacks", d.bus.EventBusArn())
	d.output("TableName", "The DynamoDB table", d.table.TableName())
	return d.stack, nil
}

// check refuses a system that CloudFormation would take and AWS would not run.
func check(s topology.System) error {
	var readers []string
	for _, f := range s.Functions {
		if f.Stream != nil {
			readers = append(readers, f.Name)
		}
	}
	if len(readers) > streamReaders {
		return fmt.Errorf("%s read the table's stream, but a DynamoDB stream serves %d readers: let one of them do the work of two",
			strings.Join(readers, ", "), streamReaders)
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

package stack

import (
	"dsync/events"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/aws-cdk-go/awscdk/v2/awseventschemas"
	"github.com/aws/jsii-runtime-go"
)

// drawBus draws the bus. Its name is part of what the team's own rules are
// written against, so it is chosen here and does not change with the stack.
func (d *drawing) drawBus() {
	d.bus = awsevents.NewEventBus(d.stack, jsii.String("Bus"), &awsevents.EventBusProps{
		EventBusName: jsii.String(d.system.Bus.Name + "-" + string(d.settings.stage)),
		Description:  jsii.String("Events of dsync"),
	})
	if len(d.settings.busAccounts) > 0 {
		principals := make([]any, len(d.settings.busAccounts))
		for i, account := range d.settings.busAccounts {
			principals[i] = d.stack.FormatArn(&awscdk.ArnComponents{
				Service: jsii.String("iam"), Region: jsii.String(""), Account: jsii.String(account), Resource: jsii.String("root"),
			})
		}
		d.letOthersSubscribe("Accounts", map[string]any{"AWS": principals}, nil)
	}
	if d.settings.busOrganization != "" {
		d.letOthersSubscribe("Organization", "*", map[string]any{"aws:PrincipalOrgID": d.settings.busOrganization})
	}
	if d.settings.archiveDays > 0 {
		archive := awsevents.NewCfnArchive(d.stack, jsii.String("Archive"), &awsevents.CfnArchiveProps{
			SourceArn:     d.bus.EventBusArn(),
			Description:   jsii.String("Events of dsync, for replay"),
			EventPattern:  map[string]any{"source": []any{d.system.Bus.Source}},
			RetentionDays: jsii.Number(d.settings.archiveDays),
		})
		archive.ApplyRemovalPolicy(d.settings.removal(), nil)
	}
}

// ruleActions is what another account needs to keep rules on the bus. Putting
// events is not among them: what the bus carries is what dsync says.
var ruleActions = []any{
	"events:PutRule", "events:DeleteRule", "events:DescribeRule", "events:EnableRule", "events:DisableRule",
	"events:PutTargets", "events:RemoveTargets", "events:ListTargetsByRule",
	"events:TagResource", "events:UntagResource", "events:ListTagsForResource",
}

// letOthersSubscribe lets principals keep rules on the bus that they made
// themselves. Rules have no names yet when this is granted, so the resource
// is every rule of this bus, and of no other.
func (d *drawing) letOthersSubscribe(id string, principals any, only map[string]any) {
	condition := map[string]any{
		// Not there while a rule is being made.
		"StringEqualsIfExists": map[string]any{"events:creatorAccount": "${aws:PrincipalAccount}"},
	}
	if only != nil {
		condition["StringEquals"] = only
	}
	awsevents.NewCfnEventBusPolicy(d.stack, jsii.String("Subscribers"+id), &awsevents.CfnEventBusPolicyProps{
		EventBusName: d.bus.EventBusName(),
		StatementId:  jsii.String("RulesOf" + id),
		Statement: map[string]any{
			"Effect":    "Allow",
			"Principal": principals,
			"Action":    ruleActions,
			"Resource": d.stack.FormatArn(&awscdk.ArnComponents{
				Service:      jsii.String("events"),
				Resource:     jsii.String("rule"),
				ResourceName: jsii.String(*d.bus.EventBusName() + "/*"),
			}),
			"Condition": condition,
		},
	})
}

// drawSchemas draws the registry that consumers take their types from.
func (d *drawing) drawSchemas(schemas []events.Schema) {
	registry := awseventschemas.NewCfnRegistry(d.stack, jsii.String("Schemas"), &awseventschemas.CfnRegistryProps{
		RegistryName: jsii.String(d.system.Bus.Name + "-" + string(d.settings.stage)),
		Description:  jsii.String("Events of dsync"),
	})
	for _, schema := range schemas {
		awseventschemas.NewCfnSchema(d.stack, jsii.String("Schema "+schema.Name), &awseventschemas.CfnSchemaProps{
			RegistryName: registry.AttrRegistryName(),
			// The form of names that EventBridge gives to what it discovers.
			SchemaName:  jsii.String(d.system.Bus.Source + "@" + schema.Name),
			Description: &schema.Description,
			Type:        jsii.String("JSONSchemaDraft4"),
			Content:     &schema.Content,
		})
	}
}

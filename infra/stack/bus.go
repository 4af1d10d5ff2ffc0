package stack

import (
	"dsync/events"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/aws-cdk-go/awscdk/v2/awseventschemas"
	"github.com/aws/jsii-runtime-go"
)

// addBus adds the bus. Rules of the team refer to its name, so the name is fixed
// and does not depend on the stack.
func (b *builder) addBus() {
	b.bus = awsevents.NewEventBus(b.stack, jsii.String("Bus"), &awsevents.EventBusProps{
		EventBusName: jsii.String(b.system.Bus.Name + "-" + b.settings.stage),
		Description:  jsii.String("Events of dsync"),
	})
	if len(b.settings.busAccounts) > 0 {
		principals := make([]any, len(b.settings.busAccounts))
		for i, account := range b.settings.busAccounts {
			principals[i] = b.stack.FormatArn(&awscdk.ArnComponents{
				Service: jsii.String("iam"), Region: jsii.String(""), Account: jsii.String(account), Resource: jsii.String("root"),
			})
		}
		b.allowRules("Accounts", map[string]any{"AWS": principals}, nil)
	}
	if b.settings.busOrganization != "" {
		b.allowRules("Organization", "*", map[string]any{"aws:PrincipalOrgID": b.settings.busOrganization})
	}
	if b.settings.archiveDays > 0 {
		archive := awsevents.NewCfnArchive(b.stack, jsii.String("Archive"), &awsevents.CfnArchiveProps{
			SourceArn:     b.bus.EventBusArn(),
			Description:   jsii.String("Events of dsync, for replay"),
			EventPattern:  map[string]any{"source": []any{b.system.Bus.Source}},
			RetentionDays: jsii.Number(b.settings.archiveDays),
		})
		archive.ApplyRemovalPolicy(b.settings.removal(), nil)
	}
}

// ruleActions are the actions with which another account manages its rules on
// the bus. events:PutEvents is not among them: only dsync puts events.
var ruleActions = []any{
	"events:PutRule", "events:DeleteRule", "events:DescribeRule", "events:EnableRule", "events:DisableRule",
	"events:PutTargets", "events:RemoveTargets", "events:ListTargetsByRule",
	"events:TagResource", "events:UntagResource", "events:ListTagsForResource",
}

// letOthersSubscribe lets principals manage the rules on the bus that they
// created. The rules do not exist yet, so the resource is every rule of the bus.
func (b *builder) allowRules(id string, principals any, only map[string]any) {
	condition := map[string]any{
		// Absent while a rule is created.
		"StringEqualsIfExists": map[string]any{"events:creatorAccount": "${aws:PrincipalAccount}"},
	}
	if only != nil {
		condition["StringEquals"] = only
	}
	awsevents.NewCfnEventBusPolicy(b.stack, jsii.String("Subscribers"+id), &awsevents.CfnEventBusPolicyProps{
		EventBusName: b.bus.EventBusName(),
		// Statement IDs are unique in an account and Region, not on a bus.
		StatementId: jsii.String(*b.stack.StackName() + "-RulesOf" + id),
		Statement: map[string]any{
			"Effect":    "Allow",
			"Principal": principals,
			"Action":    ruleActions,
			"Resource": b.stack.FormatArn(&awscdk.ArnComponents{
				Service:      jsii.String("events"),
				Resource:     jsii.String("rule"),
				ResourceName: jsii.String(*b.bus.EventBusName() + "/*"),
			}),
			"Condition": condition,
		},
	})
}

// addSchemas adds the schema registry for consumers.
func (b *builder) addSchemas(schemas []events.Schema) {
	registry := awseventschemas.NewCfnRegistry(b.stack, jsii.String("Schemas"), &awseventschemas.CfnRegistryProps{
		RegistryName: jsii.String(b.system.Bus.Name + "-" + b.settings.stage),
		Description:  jsii.String("Events of dsync"),
	})
	for _, schema := range schemas {
		awseventschemas.NewCfnSchema(b.stack, jsii.String("Schema "+schema.Name), &awseventschemas.CfnSchemaProps{
			RegistryName: registry.AttrRegistryName(),
			// The format of names that EventBridge gives to discovered schemas.
			SchemaName:  jsii.String(b.system.Bus.Source + "@" + schema.Name),
			Description: &schema.Description,
			Type:        jsii.String("JSONSchemaDraft4"),
			Content:     &schema.Content,
		})
	}
}

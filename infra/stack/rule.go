package stack

import (
	"fmt"

	"dsync/infra/topology"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
)

// drawRule draws a rule on the bus with its target. Events that EventBridge
// cannot deliver go to the rule's dead-letter queue.
func (d *drawing) drawRule(r topology.Rule) error {
	if r.Target != topology.EventLog {
		return d.drawFunctionRule(r)
	}
	scope, deadLetters := d.scope(r.Name), d.deadLetters[r.Name]
	logs := awslogs.NewLogGroup(scope, jsii.String("Log"), &awslogs.LogGroupProps{
		// EventBridge delivers to log groups below this prefix.
		LogGroupName: jsii.String("/aws/events/" + *d.stack.StackName() + "/" + r.Name),
		Retention:    d.settings.logRetention,
		// A copy of what the table holds, under a fixed name: kept, it would
		// stand in the way of the next stack of this name.
		RemovalPolicy: awscdk.RemovalPolicy_DESTROY,
	})
	// The rule is drawn by hand because the construct of the library writes
	// the log group's policy through a Lambda function with rights of its own.
	rule := awsevents.NewCfnRule(scope, jsii.String("Rule"), &awsevents.CfnRuleProps{
		Name:         &r.Name,
		Description:  &r.Description,
		EventBusName: d.bus.EventBusName(),
		EventPattern: r.Pattern,
		Targets: []any{&awsevents.CfnRule_TargetProperty{
			Id: jsii.String("Log"),
			// A target is named without the ":*" of the log group's ARN.
			Arn: d.stack.FormatArn(&awscdk.ArnComponents{
				Service:      jsii.String("logs"),
				Resource:     jsii.String("log-group"),
				ResourceName: logs.LogGroupName(),
				ArnFormat:    awscdk.ArnFormat_COLON_RESOURCE_NAME,
			}),
			DeadLetterConfig: &awsevents.CfnRule_DeadLetterConfigProperty{Arn: deadLetters.QueueArn()},
		}},
	})
	d.rules[r.Name] = rule
	d.letRuleDeliver(scope, rule, logs, deadLetters)
	return nil
}

// drawFunctionRule draws a rule that invokes a function.
func (d *drawing) drawFunctionRule(r topology.Rule) error {
	function := d.functions[r.Target.Function]
	if function == nil {
		return fmt.Errorf("rule %s: there is no function %q", r.Name, r.Target.Function)
	}
	scope, deadLetters := d.scope(r.Name), d.deadLetters[r.Name]
	rule := awsevents.NewCfnRule(scope, jsii.String("Rule"), &awsevents.CfnRuleProps{
		Name:         &r.Name,
		Description:  &r.Description,
		EventBusName: d.bus.EventBusName(),
		EventPattern: r.Pattern,
		Targets: []any{&awsevents.CfnRule_TargetProperty{
			Id:               jsii.String("Function"),
			Arn:              function.FunctionArn(),
			DeadLetterConfig: &awsevents.CfnRule_DeadLetterConfigProperty{Arn: deadLetters.QueueArn()},
		}},
	})
	d.rules[r.Name] = rule
	d.letRuleSend(rule, deadLetters)
	awslambda.NewCfnPermission(scope, jsii.String("Invoke"), &awslambda.CfnPermissionProps{
		Action:       jsii.String("lambda:InvokeFunction"),
		FunctionName: function.FunctionArn(),
		Principal:    jsii.String("events.amazonaws.com"),
		SourceArn:    rule.AttrArn(),
	})
	return nil
}

// letRuleSend lets the rule send messages to its dead-letter queue.
func (d *drawing) letRuleSend(rule awsevents.CfnRule, deadLetters awssqs.Queue) {
	deadLetters.AddToResourcePolicy(awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Principals: &[]awsiam.IPrincipal{awsiam.NewServicePrincipal(jsii.String("events.amazonaws.com"), nil)},
		Actions:    jsii.Strings("sqs:SendMessage"),
		Resources:  &[]*string{deadLetters.QueueArn()},
		Conditions: &map[string]any{"ArnEquals": map[string]any{"aws:SourceArn": rule.AttrArn()}},
	}))
}

// letRuleDeliver writes the two resource policies that a rule needs:
// EventBridge takes no role for log groups or for dead-letter queues.
func (d *drawing) letRuleDeliver(scope constructs.Construct, rule awsevents.CfnRule, logs awslogs.LogGroup, deadLetters awssqs.Queue) {
	events := awsiam.NewServicePrincipal(jsii.String("events.amazonaws.com"), nil)
	fromRule := &map[string]any{"ArnEquals": map[string]any{"aws:SourceArn": rule.AttrArn()}}
	d.letRuleSend(rule, deadLetters)

	writers := &[]awsiam.IPrincipal{events, awsiam.NewServicePrincipal(jsii.String("delivery.logs.amazonaws.com"), nil)}
	awslogs.NewResourcePolicy(scope, jsii.String("LogPolicy"), &awslogs.ResourcePolicyProps{
		// Left to the library, the name would be the same for each stage.
		ResourcePolicyName: jsii.String(*d.stack.StackName() + "-" + *rule.Name()),
		PolicyStatements: &[]awsiam.PolicyStatement{
			// Streams are created in no rule's name, so only writing to them
			// can be limited to this rule.
			awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
				Principals: writers,
				Actions:    jsii.Strings("logs:CreateLogStream"),
				Resources:  &[]*string{logs.LogGroupArn()},
			}),
			awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
				Principals: writers,
				Actions:    jsii.Strings("logs:PutLogEvents"),
				Resources:  &[]*string{logs.LogGroupArn()},
				Conditions: fromRule,
			}),
		},
	})
}

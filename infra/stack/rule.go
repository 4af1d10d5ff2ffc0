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

// addRule adds a rule on the bus with its target. Events that EventBridge
// cannot deliver go to the rule's dead-letter queue.
func (b *builder) addRule(r topology.Rule) error {
	if r.Target != topology.EventLog {
		return b.addFunctionRule(r)
	}
	scope, deadLetters := b.scope(r.Name), b.deadLetters[r.Name]
	logs := awslogs.NewLogGroup(scope, jsii.String("Log"), &awslogs.LogGroupProps{
		// EventBridge delivers only to log groups with this prefix.
		LogGroupName: jsii.String("/aws/events/" + *b.stack.StackName() + "/" + r.Name),
		Retention:    b.settings.logRetention,
		// The log group is a copy of data in the table and has a fixed name. If
		// retained, it would block the next stack with this name.
		RemovalPolicy: awscdk.RemovalPolicy_DESTROY,
	})
	// The L2 construct writes the log group's policy through a Lambda function
	// with permissions of its own, so this is the L1 construct.
	rule := awsevents.NewCfnRule(scope, jsii.String("Rule"), &awsevents.CfnRuleProps{
		Name:         &r.Name,
		Description:  &r.Description,
		EventBusName: b.bus.EventBusName(),
		EventPattern: r.Pattern,
		Targets: []any{&awsevents.CfnRule_TargetProperty{
			Id: jsii.String("Log"),
			// The ARN of a target lacks the ":*" of the log group's ARN.
			Arn: b.stack.FormatArn(&awscdk.ArnComponents{
				Service:      jsii.String("logs"),
				Resource:     jsii.String("log-group"),
				ResourceName: logs.LogGroupName(),
				ArnFormat:    awscdk.ArnFormat_COLON_RESOURCE_NAME,
			}),
			DeadLetterConfig: &awsevents.CfnRule_DeadLetterConfigProperty{Arn: deadLetters.QueueArn()},
		}},
	})
	b.rules[r.Name] = rule
	b.letRuleDeliver(scope, rule, logs, deadLetters)
	return nil
}

// addFunctionRule adds a rule that invokes a function.
func (b *builder) addFunctionRule(r topology.Rule) error {
	function := b.functions[r.Target.Function]
	if function == nil {
		return fmt.Errorf("rule %s: there is no function %q", r.Name, r.Target.Function)
	}
	scope, deadLetters := b.scope(r.Name), b.deadLetters[r.Name]
	rule := awsevents.NewCfnRule(scope, jsii.String("Rule"), &awsevents.CfnRuleProps{
		Name:         &r.Name,
		Description:  &r.Description,
		EventBusName: b.bus.EventBusName(),
		EventPattern: r.Pattern,
		Targets: []any{&awsevents.CfnRule_TargetProperty{
			Id:               jsii.String("Function"),
			Arn:              function.FunctionArn(),
			DeadLetterConfig: &awsevents.CfnRule_DeadLetterConfigProperty{Arn: deadLetters.QueueArn()},
		}},
	})
	b.rules[r.Name] = rule
	b.letRuleSend(rule, deadLetters)
	awslambda.NewCfnPermission(scope, jsii.String("Invoke"), &awslambda.CfnPermissionProps{
		Action:       jsii.String("lambda:InvokeFunction"),
		FunctionName: function.FunctionArn(),
		Principal:    jsii.String("events.amazonaws.com"),
		SourceArn:    rule.AttrArn(),
	})
	return nil
}

// letRuleSend lets the rule send messages to its dead-letter queue.
func (b *builder) letRuleSend(rule awsevents.CfnRule, deadLetters awssqs.Queue) {
	deadLetters.AddToResourcePolicy(awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Principals: &[]awsiam.IPrincipal{awsiam.NewServicePrincipal(jsii.String("events.amazonaws.com"), nil)},
		Actions:    jsii.Strings("sqs:SendMessage"),
		Resources:  &[]*string{deadLetters.QueueArn()},
		Conditions: &map[string]any{"ArnEquals": map[string]any{"aws:SourceArn": rule.AttrArn()}},
	}))
}

// letRuleDeliver adds the two resource policies that a rule needs: EventBridge
// uses no role for log groups and dead-letter queues.
func (b *builder) letRuleDeliver(scope constructs.Construct, rule awsevents.CfnRule, logs awslogs.LogGroup, deadLetters awssqs.Queue) {
	events := awsiam.NewServicePrincipal(jsii.String("events.amazonaws.com"), nil)
	fromRule := &map[string]any{"ArnEquals": map[string]any{"aws:SourceArn": rule.AttrArn()}}
	b.letRuleSend(rule, deadLetters)

	writers := &[]awsiam.IPrincipal{events, awsiam.NewServicePrincipal(jsii.String("delivery.logs.amazonaws.com"), nil)}
	awslogs.NewResourcePolicy(scope, jsii.String("LogPolicy"), &awslogs.ResourcePolicyProps{
		// The default name would be the same for every stage.
		ResourcePolicyName: jsii.String(*b.stack.StackName() + "-" + *rule.Name()),
		PolicyStatements: &[]awsiam.PolicyStatement{
			// CreateLogStream calls carry no rule, so only PutLogEvents can be
			// limited to this rule.
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

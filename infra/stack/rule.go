package stack

import (
	"fmt"

	"dsync/infra/topology"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
)

// addRule adds a rule on the bus with its target, a log group or the queue of a
// function. Events that EventBridge cannot deliver go to the rule's dead-letter
// queue.
func (b *builder) addRule(r topology.Rule) error {
	scope := b.scope(r.Name)
	if r.Target == topology.EventLog {
		logs := b.addEventLog(scope, r)
		rule := b.newRule(scope, r, awsevents.CfnRule_TargetProperty{
			Id: jsii.String("Log"),
			// The ARN of a target lacks the ":*" of the log group's ARN.
			Arn: b.stack.FormatArn(&awscdk.ArnComponents{
				Service:      jsii.String("logs"),
				Resource:     jsii.String("log-group"),
				ResourceName: logs.LogGroupName(),
				ArnFormat:    awscdk.ArnFormat_COLON_RESOURCE_NAME,
			}),
		})
		b.allowWriting(scope, rule, logs)
		return nil
	}
	queue := b.queues[r.Target.Function]
	if queue == nil {
		return fmt.Errorf("rule %s: there is no function %q with a queue", r.Name, r.Target.Function)
	}
	rule := b.newRule(scope, r, awsevents.CfnRule_TargetProperty{Id: jsii.String("Queue"), Arn: queue.QueueArn()})
	allowSending(rule, queue)
	return nil
}

// newRule adds a rule with one target. It uses the L1 construct because the L2
// construct writes a log group's policy through a Lambda function with
// permissions of its own.
func (b *builder) newRule(scope constructs.Construct, r topology.Rule, target awsevents.CfnRule_TargetProperty) awsevents.CfnRule {
	deadLetters := b.deadLetters[r.Name]
	target.DeadLetterConfig = &awsevents.CfnRule_DeadLetterConfigProperty{Arn: deadLetters.QueueArn()}
	rule := awsevents.NewCfnRule(scope, jsii.String("Rule"), &awsevents.CfnRuleProps{
		Name:         &r.Name,
		Description:  &r.Description,
		EventBusName: b.bus.EventBusName(),
		EventPattern: r.Pattern,
		Targets:      []any{&target},
	})
	b.rules[r.Name] = rule
	allowSending(rule, deadLetters)
	return rule
}

func (b *builder) addEventLog(scope constructs.Construct, r topology.Rule) awslogs.LogGroup {
	return awslogs.NewLogGroup(scope, jsii.String("Log"), &awslogs.LogGroupProps{
		// EventBridge delivers only to log groups with this prefix.
		LogGroupName:  jsii.String("/aws/events/" + *b.stack.StackName() + "/" + r.Name),
		Retention:     b.settings.logRetention,
		EncryptionKey: b.key,
		// The log group is a copy of data in the table and has a fixed name. If
		// retained, it would block the next stack with this name.
		RemovalPolicy: awscdk.RemovalPolicy_DESTROY,
	})
}

// allowSending adds the resource policy with which the rule, and no other,
// sends messages to the queue: EventBridge uses no role for queues.
func allowSending(rule awsevents.CfnRule, queue awssqs.Queue) {
	queue.AddToResourcePolicy(awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Principals: &[]awsiam.IPrincipal{awsiam.NewServicePrincipal(jsii.String("events.amazonaws.com"), nil)},
		Actions:    jsii.Strings("sqs:SendMessage"),
		Resources:  &[]*string{queue.QueueArn()},
		Conditions: &map[string]any{"ArnEquals": map[string]any{"aws:SourceArn": rule.AttrArn()}},
	}))
}

// allowWriting adds the resource policy with which the rule writes to its log
// group: EventBridge uses no role for log groups.
func (b *builder) allowWriting(scope constructs.Construct, rule awsevents.CfnRule, logs awslogs.LogGroup) {
	writers := &[]awsiam.IPrincipal{
		awsiam.NewServicePrincipal(jsii.String("events.amazonaws.com"), nil),
		awsiam.NewServicePrincipal(jsii.String("delivery.logs.amazonaws.com"), nil),
	}
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
				Conditions: &map[string]any{"ArnEquals": map[string]any{"aws:SourceArn": rule.AttrArn()}},
			}),
		},
	})
}

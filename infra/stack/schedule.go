package stack

import (
	"fmt"

	"dsync/infra/topology"

	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsscheduler"
	"github.com/aws/jsii-runtime-go"
)

// addSchedules adds the schedules of a function, and a role with which
// EventBridge Scheduler invokes this function and no other. The group of the
// schedules is that of the stack: EventBridge Scheduler names it as the source
// when it assumes the role.
//
// An invocation that fails is not repeated and goes to no dead-letter queue: the
// next one does the same work.
func (b *builder) addSchedules(f topology.Function, function awslambda.Function) {
	scope := b.scope(f.Name)
	if b.schedules == nil {
		b.schedules = awsscheduler.NewCfnScheduleGroup(b.stack, jsii.String("Schedules"), &awsscheduler.CfnScheduleGroupProps{
			Name: b.stack.StackName(),
		})
	}
	role := awsiam.NewRole(scope, jsii.String("SchedulerRole"), &awsiam.RoleProps{
		AssumedBy: awsiam.NewServicePrincipal(jsii.String("scheduler.amazonaws.com"), &awsiam.ServicePrincipalOpts{
			Conditions: &map[string]any{"StringEquals": map[string]any{
				"aws:SourceAccount": b.stack.Account(), "aws:SourceArn": b.schedules.AttrArn(),
			}},
		}),
		Description: jsii.String("The schedules of the function " + f.Name),
		InlinePolicies: &map[string]awsiam.PolicyDocument{
			"invoke": awsiam.NewPolicyDocument(&awsiam.PolicyDocumentProps{
				Statements: &[]awsiam.PolicyStatement{allow(function.FunctionArn(), "lambda:InvokeFunction")},
			}),
		},
	})
	for _, s := range f.Schedules {
		awsscheduler.NewCfnSchedule(scope, jsii.String("Schedule "+s.Name), &awsscheduler.CfnScheduleProps{
			Description:        &s.Description,
			GroupName:          b.schedules.Ref(),
			ScheduleExpression: jsii.String(rate(s)),
			FlexibleTimeWindow: &awsscheduler.CfnSchedule_FlexibleTimeWindowProperty{Mode: jsii.String("OFF")},
			Target: &awsscheduler.CfnSchedule_TargetProperty{
				Arn:         function.FunctionArn(),
				RoleArn:     role.RoleArn(),
				Input:       &s.Payload,
				RetryPolicy: &awsscheduler.CfnSchedule_RetryPolicyProperty{MaximumRetryAttempts: jsii.Number(0)},
			},
		})
	}
}

// rate returns the schedule expression of a schedule.
func rate(s topology.Schedule) string {
	if n := int(s.Rate.Minutes()); n != 1 {
		return fmt.Sprintf("rate(%d minutes)", n)
	}
	return "rate(1 minute)"
}

package stack

import (
	"cmp"
	"fmt"
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
)

// addAlarms adds the alarms, and their topic if alarmEmail is set. Without a topic,
// the alarms change their state and send nothing.
func (b *builder) addAlarms() {
	var actions *[]any
	switch {
	case b.settings.alarmTopic != "":
		actions = &[]any{b.settings.alarmTopic}
	case b.settings.alarmEmail != "":
		actions = &[]any{b.addTopic()}
	}
	for _, k := range alarmTypes {
		for _, owner := range k.owners(b.system) {
			b.addAlarm(k, owner, actions)
		}
	}
}

func (b *builder) addAlarm(k alarmType, owner string, actions *[]any) {
	scope := constructs.Construct(b.stack)
	if owner != "" {
		scope = b.scope(owner)
	}
	props := &awscloudwatch.CfnAlarmProps{
		AlarmName:          jsii.String(*b.stack.StackName() + "-" + alarmName(k, owner)),
		AlarmDescription:   jsii.String(k.description + " See docs/operations.md, " + k.name + "."),
		ComparisonOperator: jsii.String("GreaterThanThreshold"),
		Threshold:          jsii.Number(k.threshold),
		EvaluationPeriods:  jsii.Number(k.periods),
		DatapointsToAlarm:  jsii.Number(k.datapoints),
		TreatMissingData:   jsii.String(cmp.Or(k.withoutData, "notBreaching")),
		AlarmActions:       actions,
		OkActions:          actions,
	}
	all := k.metrics(b, owner)
	calculate := expressions[k.name]
	if calculate == nil && len(all) > 1 {
		calculate = added
	}
	if calculate != nil {
		props.Metrics = queries(calculate(len(all)), all, k.statistic, k.period)
	} else {
		one := all[0]
		props.Namespace, props.MetricName, props.Dimensions = &one.namespace, &one.name, one.properties()
		props.Period = jsii.Number(k.period.Seconds())
		if k.statistic[0] == 'p' {
			props.ExtendedStatistic = &k.statistic
			// Otherwise CloudWatch ignores periods with few values.
			props.EvaluateLowSampleCountPercentile = jsii.String("evaluate")
		} else {
			props.Statistic = &k.statistic
		}
	}
	b.alarms = append(b.alarms, awscloudwatch.NewCfnAlarm(scope, jsii.String("Alarm "+k.name), props))
}

// queries returns the expressions, of which the first is the value, and the series
// m1, m2, … that they refer to.
func queries(expressions []expression, all []series, statistic string, period time.Duration) []any {
	var queries []any
	for i, e := range expressions {
		queries = append(queries, &awscloudwatch.CfnAlarm_MetricDataQueryProperty{Id: &e.id, Expression: &e.text, ReturnData: i == 0})
	}
	for i, s := range all {
		queries = append(queries, &awscloudwatch.CfnAlarm_MetricDataQueryProperty{
			Id: jsii.String(fmt.Sprintf("m%d", i+1)),
			MetricStat: &awscloudwatch.CfnAlarm_MetricStatProperty{
				Metric: &awscloudwatch.CfnAlarm_MetricProperty{Namespace: &s.namespace, MetricName: &s.name, Dimensions: s.properties()},
				Period: jsii.Number(period.Seconds()),
				Stat:   &statistic,
			},
			ReturnData: false,
		})
	}
	return queries
}

func (s series) properties() []any {
	var all []any
	for i := 0; i < len(s.dimensions); i += 2 {
		all = append(all, &awscloudwatch.CfnAlarm_DimensionProperty{Name: s.dimensions[i], Value: s.dimensions[i+1]})
	}
	return all
}

// addTopic adds a topic with a subscription of the address alarmEmail and returns
// its ARN. The topic is not encrypted at rest: CloudWatch cannot publish to a topic
// with the AWS managed key of SNS, and alarm names are not secret.
func (b *builder) addTopic() *string {
	topic := awssns.NewCfnTopic(b.stack, jsii.String("Alarms"), &awssns.CfnTopicProps{
		DisplayName: jsii.String("Alarms of " + *b.stack.StackName()),
	})
	awssns.NewCfnSubscription(b.stack, jsii.String("AlarmsByEmail"), &awssns.CfnSubscriptionProps{
		TopicArn: topic.Ref(),
		Protocol: jsii.String("email"),
		Endpoint: &b.settings.alarmEmail,
	})
	awssns.NewCfnTopicPolicy(b.stack, jsii.String("AlarmsPolicy"), &awssns.CfnTopicPolicyProps{
		Topics: &[]*string{topic.Ref()},
		PolicyDocument: map[string]any{
			"Version": "2012-10-17",
			"Statement": []any{
				map[string]any{
					"Effect":    "Allow",
					"Principal": map[string]any{"Service": "cloudwatch.amazonaws.com"},
					"Action":    "sns:Publish",
					"Resource":  topic.Ref(),
					"Condition": map[string]any{"StringEquals": map[string]any{"aws:SourceAccount": b.stack.Account()}},
				},
				map[string]any{
					"Effect":    "Deny",
					"Principal": "*",
					"Action":    "sns:Publish",
					"Resource":  topic.Ref(),
					"Condition": map[string]any{"Bool": map[string]any{"aws:SecureTransport": "false"}},
				},
			},
		},
	})
	b.output("AlarmTopicArn", "The topic that alarms go to", topic.Ref())
	return topic.Ref()
}

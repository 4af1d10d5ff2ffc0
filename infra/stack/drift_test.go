package stack

import (
	"strings"
	"testing"

	"dsync/infra/topology"
)

// The checks can fail: each row changes the template in one way that is wrong on
// AWS, and expects a complaint.
func TestDriftIsNoticed(t *testing.T) {
	for _, row := range []struct {
		name  string
		drift func(d draft)
		want  string
	}{
		{"function gone", func(d draft) { d.remove("UsersFunction") }, "leads to no function"},
		{"function more", func(d draft) { d.copy("UsersFunction", "Other") }, `Name:`},
		{"binary of another function", func(d draft) {
			d.set("GroupsFunction", d.get("UsersFunction").get("Code"), "Code")
		}, `"users"`},
		{"memory", func(d draft) { d.set("UsersFunction", 128, "MemorySize") }, "MemoryMiB"},
		{"timeout", func(d draft) { d.set("UsersFunction", 30, "Timeout") }, "Timeout"},
		{"architecture", func(d draft) { d.set("UsersFunction", list("x86_64"), "Architectures") }, "x86_64"},
		{"log format", func(d draft) { d.set("UsersFunction", "Text", "LoggingConfig", "LogFormat") }, "Text"},
		{"tracing", func(d draft) { d.set("UsersFunction", map[string]any{"Mode": "Active"}, "TracingConfig") }, "TracingConfig"},
		{"shared log group", func(d draft) {
			d.set("UsersFunction", d.get("GroupsFunction").get("LoggingConfig", "LogGroup"), "LoggingConfig", "LogGroup")
		}, "belongs to"},
		{"variable gone", func(d draft) { d.set("RelayFunction", nil, "Environment", "Variables", "EVENT_BUS_NAME") }, "EVENT_BUS_NAME"},
		{"variable more", func(d draft) { d.set("UsersFunction", "1", "Environment", "Variables", "DEBUG") }, "DEBUG holds 1"},
		{"variable with another value", func(d draft) {
			d.set("UsersFunction", d.get("RelayFunction").get("Environment", "Variables", "EVENT_BUS_NAME"), "Environment", "Variables", "TABLE_NAME")
		}, "TABLE_NAME"},

		{"grant gone", func(d draft) { d.set("UsersRole", nil, "Policies") }, "Grants"},
		{"action more", func(d draft) { d.statement("RelayRole", 1)["Action"] = list("dynamodb:PutItem") }, "dynamodb:PutItem"},
		{"relay writes anything", func(d draft) {
			delete(d.statement("RelayRole", d.numbered("RelayRole", "dynamodb:PutItem")), "Condition")
		}, "Partitions"},
		{"relay writes tokens", func(d draft) {
			d.statement("RelayRole", d.numbered("RelayRole", "dynamodb:PutItem"))["Condition"] = map[string]any{
				"ForAllValues:StringLike": map[string]any{"dynamodb:LeadingKeys": []any{"L#*", "T#*"}}}
		}, "Partitions"},
		{"relay writes all keys", func(d draft) {
			d.statement("RelayRole", d.numbered("RelayRole", "dynamodb:PutItem"))["Condition"] = map[string]any{
				"ForAllValues:StringLike": map[string]any{"dynamodb:LeadingKeys": "*"}}
		}, "is not the statement of a grant"},
		{"wild action", func(d draft) { d.statement("UsersRole", 1)["Action"] = "dynamodb:*" }, "wildcard"},
		{"wild resource", func(d draft) { d.statement("UsersRole", 1)["Resource"] = "*" }, "wildcard"},
		{"every index", func(d draft) {
			d.statement("UsersRole", 2)["Resource"].(map[string]any)["Fn::Join"].([]any)[1].([]any)[1] = "/index/*"
		}, "wildcard"},
		{"permission in reverse", func(d draft) {
			delete(d.statement("UsersRole", 1), "Action")
			d.statement("UsersRole", 1)["NotAction"] = "s3:*"
		}, "NotAction"},
		{"conditional grant", func(d draft) {
			d.statement("UsersRole", 1)["Condition"] = map[string]any{"Bool": map[string]any{"aws:SecureTransport": "true"}}
		}, "is not the statement of a grant"},
		{"every log group", func(d draft) { d.statement("UsersRole", 0)["Resource"] = "arn:aws:logs:::*" }, "beyond its grants"},
		{"every stream", func(d draft) {
			d.statement("UsersRole", 0)["Action"] = append(list(d.statement("UsersRole", 0)["Action"]), "dynamodb:ListStreams")
		}, "dynamodb:ListStreams"},
		{"streams not listed", func(d draft) {
			d.statement("RelayRole", d.numbered("RelayRole", "dynamodb:ListStreams"))["Action"] = "dynamodb:DescribeStream"
		}, "dynamodb:ListStreams"},
		{"every object", func(d draft) {
			d.statement("RelayRole", d.numbered("RelayRole", "s3:PutObject"))["Resource"] = "arn:aws:s3:::*/parked/*"
		}, "wildcard"},
		{"parked anywhere", func(d draft) {
			d.statement("RelayRole", d.numbered("RelayRole", "s3:PutObject"))["Resource"].(map[string]any)["Fn::Join"].([]any)[1].([]any)[1] = "/*"
		}, "Grants"},
		{"given up anywhere", func(d draft) {
			d.statement("JobsRole", d.numbered("JobsRole", "s3:PutObject"))["Resource"].(map[string]any)["Fn::Join"].([]any)[1].([]any)[1] = "/*"
		}, "aws/lambda/*"},
		{"managed policy", func(d draft) { d.set("UsersRole", list("arn:aws:iam::aws:policy/Admin"), "ManagedPolicyArns") }, "ManagedPolicyArns"},
		{"policy beside the role", func(d draft) { d.add("Extra", "AWS::IAM::Policy") }, "not in the topology"},
		{"role for everyone", func(d draft) {
			walk(list(d.get("UsersRole").get("AssumeRolePolicyDocument", "Statement"))[0]).(map[string]any)["Principal"] = "*"
		}, "who may take the role"},
		{"borrowed role", func(d draft) { d.set("UsersFunction", d.get("GroupsFunction").get("Role"), "Role") }, "belongs to"},

		{"route gone", func(d draft) { d.remove("UsersRouteANYscimv20externalkeyUsersproxy") }, "{proxy+}"},
		{"route more", func(d draft) { d.copy("DiscoveryRoute", "Other") }, "$default"},
		{"route key", func(d draft) { d.set("DiscoveryRoute", "GET /", "RouteKey") }, "GET /"},
		{"route to another function", func(d draft) {
			d.set("DiscoveryRoute", d.get("UsersRoute").get("Target"), "Target")
		}, "Routes"},
		{"route to nowhere", func(d draft) { d.set("DiscoveryRoute", "integrations/none", "Target") }, "leads to no integration"},
		{"route with an authorizer", func(d draft) { d.set("DiscoveryRoute", "AWS_IAM", "AuthorizationType") }, "AWS_IAM"},
		{"authorizer", func(d draft) { d.add("Extra", "AWS::ApiGatewayV2::Authorizer") }, "not in the topology"},
		{"payload", func(d draft) { d.set("UsersIntegration", "1.0", "PayloadFormatVersion") }, "1.0"},
		{"invoker gone", func(d draft) { d.remove("UsersInvoker") }, "may call it: false"},
		{"invoker is everyone", func(d draft) { d.set("UsersInvoker", "*", "Principal") }, "Principal"},
		{"invoker of the relay", func(d draft) {
			d.set("UsersInvoker", d.get("RelayStream").get("FunctionName"), "FunctionName")
		}, "relay has 0 routes"},
		{"stage", func(d draft) { d.set("Stage", "prod", "StageName") }, "StageName"},
		{"access log with the query", func(d draft) {
			d.set("Stage", `{"q":"$context.queryString"}`, "AccessLogSettings", "Format")
		}, "has the query"},
		{"access log in text", func(d draft) { d.set("Stage", "$context.path", "AccessLogSettings", "Format") }, "not JSON"},

		{"consumer gone", func(d draft) { d.remove("RelayStream") }, "Stream:"},
		{"consumer more", func(d draft) { d.copy("RelayStream", "Other") }, "is its second"},
		{"batch size", func(d draft) { d.set("RelayStream", 1000, "BatchSize") }, "BatchSize"},
		{"retries", func(d draft) { d.set("JobsStream", -1, "MaximumRetryAttempts") }, "RetryAttempts"},
		{"gives up too soon", func(d draft) { d.set("RelayStream", 10, "MaximumRetryAttempts") }, "RetryAttempts"},
		{"age", func(d draft) { d.set("RelayStream", 60, "MaximumRecordAgeInSeconds") }, "MaximumAge"},
		{"bisect", func(d draft) { d.set("RelayStream", false, "BisectBatchOnFunctionError") }, "BisectBatch"},
		{"position", func(d draft) { d.set("RelayStream", "LATEST", "StartingPosition") }, "LATEST"},
		{"parallel", func(d draft) { d.set("RelayStream", 1, "ParallelizationFactor") }, "Parallelization"},
		{"mapping without metrics", func(d draft) { d.set("RelayStream", nil, "MetricsConfig") }, "MetricsConfig"},
		{"whole batches", func(d draft) { d.set("RelayStream", nil, "FunctionResponseTypes") }, "ReportBatchItemFailures"},
		{"window", func(d draft) { d.set("RelayStream", 5, "MaximumBatchingWindowInSeconds") }, "BatchingWindow"},
		{"prefix gone", func(d draft) { d.filter("RelayStream", strings.NewReplacer(`,{"prefix":"M#"}`, "")) }, "M#"},
		{"prefix more", func(d draft) {
			d.filter("RelayStream", strings.NewReplacer(`{"prefix":"M#"}`, `{"prefix":"M#"},{"prefix":"L#"}`))
		}, "L#"},
		{"event name", func(d draft) { d.filter("RelayStream", strings.NewReplacer(`"INSERT",`, "")) }, "INSERT"},
		{"key of the filter", func(d draft) { d.filter("RelayStream", strings.NewReplacer(`"sk"`, `"pk"`)) }, "Key:"},
		{"filter on more", func(d draft) {
			d.filter("RelayStream", strings.NewReplacer(`{"dynamodb"`, `{"userIdentity":[null],"dynamodb"`))
		}, "userIdentity"},
		{"filter gone", func(d draft) { d.set("RelayStream", nil, "FilterCriteria") }, "0 filters"},
		{"failures lost", func(d draft) { d.set("RelayStream", nil, "DestinationConfig") }, "no failure destination"},
		{"failures without payload", func(d draft) {
			d.set("RelayStream", map[string]any{"Fn::GetAtt": []any{d.find("RelayDeadLetters"), "Arn"}}, "DestinationConfig", "OnFailure", "Destination")
		}, "gets no payload"},
		{"failure bucket gone", func(d draft) { d.remove("Failures") }, "0 of AWS::S3::Bucket"},
		{"failure bucket more", func(d draft) { d.copy("Failures", "Other") }, "2 of AWS::S3::Bucket"},
		{"public failures", func(d draft) { d.set("Failures", false, "PublicAccessBlockConfiguration", "BlockPublicPolicy") }, "public access is not blocked"},
		{"failures in the clear", func(d draft) { d.set("Failures", nil, "BucketEncryption") }, "not encrypted"},
		{"failures for ever", func(d draft) { d.set("Failures", nil, "LifecycleConfiguration") }, "ExpirationInDays"},
		{"failures without TLS", func(d draft) { d.remove("FailuresPolicy") }, "without TLS"},
		{"failures for everyone", func(d draft) { d.allowAll("FailuresPolicy") }, "wildcard"},
		{"other failures", func(d draft) {
			d.set("RelayFunction", "other", "Environment", "Variables", "FAILURE_BUCKET_NAME")
		}, "FAILURE_BUCKET_NAME holds other"},

		{"schedule gone", func(d draft) { d.remove("JobsSchedulesweep") }, "Schedules"},
		{"schedule more", func(d draft) { d.copy("JobsSchedulesweep", "Other") }, "Schedules"},
		{"schedule rate", func(d draft) { d.set("JobsSchedulesweep", "rate(1 hour)", "ScheduleExpression") }, "runs at rate(1 hour)"},
		{"schedule payload", func(d draft) { d.set("JobsSchedulesweep", "{}", "Target", "Input") }, "Payload"},
		{"schedule of another function", func(d draft) {
			d.set("JobsSchedulesweep", d.get("RelayStream").get("FunctionName"), "Target", "Arn")
		}, "relay"},
		{"schedule switched off", func(d draft) { d.set("JobsSchedulesweep", "DISABLED", "State") }, "DISABLED"},
		{"schedule at some time", func(d draft) { d.set("JobsSchedulesweep", "FLEXIBLE", "FlexibleTimeWindow", "Mode") }, "FLEXIBLE"},
		{"schedule that piles up", func(d draft) { d.set("JobsSchedulesweep", nil, "Target", "RetryPolicy") }, "is retried"},
		{"schedules invoke more", func(d draft) {
			d.statement("JobsSchedulerRole", 0)["Resource"] = d.get("RelayStream").get("FunctionName")
		}, "what the schedules of jobs may do"},
		{"schedules of others", func(d draft) {
			delete(list(d.get("JobsSchedulerRole").get("AssumeRolePolicyDocument", "Statement"))[0].(map[string]any), "Condition")
		}, "who may take the role of its schedules"},
		{"loop", func(d draft) { d.set("JobsFunction", nil, "RecursiveLoop") }, "Recursive"},
		{"loop of another", func(d draft) { d.set("RelayFunction", "Allow", "RecursiveLoop") }, "Recursive"},
		{"sweep repeated", func(d draft) { d.remove("JobsAsynchronous") }, "jobs: an operator or a schedule invokes it: true"},

		{"partition key", func(d draft) { d.key("Table", 0, "other") }, "PartitionKey"},
		{"key that is a number", func(d draft) {
			list(d.get("Table").get("AttributeDefinitions"))[0].(map[string]any)["AttributeType"] = "N"
		}, "not a string"},
		{"index key", func(d draft) { d.index()["KeySchema"] = list(d.index()["KeySchema"])[:1] }, "SortKey"},
		{"index with all attributes", func(d draft) { d.index()["Projection"] = map[string]any{"ProjectionType": "ALL"} }, "keys-only"},
		{"index gone", func(d draft) { d.set("Table", nil, "GlobalSecondaryIndexes") }, "Index"},
		{"index more", func(d draft) {
			d.set("Table", append(list(d.get("Table").get("GlobalSecondaryIndexes")), d.index()), "GlobalSecondaryIndexes")
		}, "more than one"},
		{"stream view", func(d draft) { d.set("Table", "NEW_IMAGE", "StreamSpecification", "StreamViewType") }, "NEW_IMAGE"},
		{"expiry off", func(d draft) { d.set("Table", false, "TimeToLiveSpecification", "Enabled") }, "TTLAttribute"},
		{"recovery off", func(d draft) { d.set("Table", nil, "PointInTimeRecoverySpecification") }, "point-in-time"},
		{"provisioned", func(d draft) { d.set("Table", "PROVISIONED", "BillingMode") }, "on demand"},
		{"table more", func(d draft) { d.copy("Table", "Other") }, "2 of AWS::DynamoDB::Table"},

		{"bus name", func(d draft) { d.set("Bus", "default", "Name") }, "default"},
		{"bus more", func(d draft) { d.copy("Bus", "Other") }, "2 of AWS::Events::EventBus"},
		{"rule gone", func(d draft) { d.remove("EveryEventRule") }, "Rules"},
		{"rule more", func(d draft) { d.copy("EveryEventRule", "Other") }, "Rules"},
		{"rule pattern", func(d draft) { d.set("EveryEventRule", list("other"), "EventPattern", "source") }, "other"},
		{"rule on another bus", func(d draft) { d.set("EveryEventRule", "default", "EventBusName") }, "EventBusName"},
		{"rule switched off", func(d draft) { d.set("EveryEventRule", "DISABLED", "State") }, "DISABLED"},
		{"deliveries lost", func(d draft) {
			delete(list(d.get("EveryEventRule").get("Targets"))[0].(map[string]any), "DeadLetterConfig")
		}, "no failure destination"},
		{"rule may not log", func(d draft) { d.remove("EveryEventLogPolicy") }, "may not write"},
		{"log group out of reach", func(d draft) { d.set("EveryEventLog", "/dsync", "LogGroupName") }, "does not deliver"},

		{"queue in the clear", func(d draft) { d.set("RelayDeadLetters", nil, "SqsManagedSseEnabled") }, "not encrypted"},
		{"queue without TLS", func(d draft) { d.remove("RelayDeadLettersPolicy") }, "without TLS"},
		{"queue that forgets", func(d draft) { d.set("RelayDeadLetters", 345600, "MessageRetentionPeriod") }, "14 days"},
		{"queue for everyone", func(d draft) { d.allowAll("RelayDeadLettersPolicy") }, "take messages from others"},
		{"rule's queue for everyone", func(d draft) { d.allowAll("EveryEventDeadLettersPolicy") }, "who may send"},
		{"queue more", func(d draft) { d.copy("RelayDeadLetters", "Other") }, "not in the topology"},
		{"logs for ever", func(d draft) { d.set("UsersLogs", nil, "RetentionInDays") }, "kept for ever"},
	} {
		t.Run(row.name, func(t *testing.T) { expectComplaint(t, synthesized.dev, nil, row.drift, row.want) })
	}
}

func expectComplaint(t *testing.T, document []byte, context map[string]any, drift func(d draft), want string) {
	t.Helper()
	expectComplaintIn(t, topology.Dsync(), document, context, drift, want)
}

func expectComplaintIn(t *testing.T, system topology.System, document []byte, context map[string]any, drift func(d draft), want string) {
	t.Helper()
	drifted := read(t, document)
	drift(draft{t, drifted})
	found := strings.Join(complaints(drifted, system, settingsOf(t, context)), "\n")
	if !strings.Contains(found, want) {
		t.Errorf("complaints do not say %q:\n%s", want, found)
	}
}

// The other direction: the template lacks something of the topology.
func TestTopologyAheadIsNoticed(t *testing.T) {
	ahead := topology.Dsync()
	ahead.Functions = append(ahead.Functions, topology.Function{Name: "another"})
	ahead.Rules = append(ahead.Rules, topology.Rule{Name: "unheard"})
	found := strings.Join(complaints(read(t, synthesized.dev), ahead, settingsOf(t, nil)), "\n")
	for _, want := range []string{"another", "unheard"} {
		if !strings.Contains(found, want) {
			t.Errorf("complaints do not say %q:\n%s", want, found)
		}
	}
}

package stack

import "testing"

// The same for resources that depend on settings. The rows change the template
// with all settings.
func TestDriftOfSettingsIsNoticed(t *testing.T) {
	allow := func(d draft, policy string) map[string]any {
		return d.get(policy).get("Statement").(map[string]any)
	}
	metric := func(d draft, alarm string, n int) map[string]any {
		return walk(list(d.get(alarm).get("Metrics"))[n], "MetricStat", "Metric").(map[string]any)
	}
	for _, row := range []struct {
		name  string
		drift func(d draft)
		want  string
	}{
		{"table unprotected", func(d draft) { d.set("Table", false, "DeletionProtectionEnabled") }, "retain"},
		{"recovery shorter", func(d draft) {
			d.set("Table", 1, "PointInTimeRecoverySpecification", "RecoveryPeriodInDays")
		}, "recoveryDays"},
		{"one log shorter", func(d draft) { d.set("UsersLogs", 1, "RetentionInDays") }, "logs are kept for"},
		{"reserved for one", func(d draft) { d.set("UsersFunction", 1, "ReservedConcurrentExecutions") }, "concurrent executions"},
		{"reserved for none", func(d draft) { d.set("UsersFunction", nil, "ReservedConcurrentExecutions") }, "concurrent executions"},
		{"reserved for the relay", func(d draft) { d.set("RelayFunction", 1, "ReservedConcurrentExecutions") }, "concurrent executions"},
		{"reserved for what needs none", func(d draft) { d.set("RedriveFunction", 1, "ReservedConcurrentExecutions") }, "serves no requests"},
		{"no throttles of routes", func(d draft) { d.set("Stage", nil, "RouteSettings") }, "Throttle"},
		{"a throttle of one route", func(d draft) { d.set("Stage", 1, "RouteSettings", "ANY /events", "ThrottlingRateLimit") }, "the throttles of"},
		{"one function untraced", func(d draft) { d.set("UsersFunction", nil, "TracingConfig") }, "TracingConfig differs"},
		{"more than tracing", func(d draft) { d.statement("UsersRole", 3)["Action"] = "xray:GetTraceSummaries" }, "xray:GetTraceSummaries"},
		{"erasure later", func(d draft) { d.set("JobsFunction", "30", "Environment", "Variables", "ERASE_AFTER_DAYS") }, "eraseAfterDays"},
		{"erasure without a number", func(d draft) {
			d.set("JobsFunction", "soon", "Environment", "Variables", "ERASE_AFTER_DAYS")
		}, "ERASE_AFTER_DAYS holds soon"},
		{"no throttle", func(d draft) { d.set("Stage", nil, "DefaultRouteSettings") }, "ThrottlingRateLimit"},

		{"another way in", func(d draft) { d.set("HttpApi", false, "DisableExecuteApiEndpoint") }, "disableEndpoint"},
		{"another public URL", func(d draft) {
			for _, f := range []string{"UsersFunction", "GroupsFunction", "DiscoveryFunction", "ApiFunction", "ConsoleFunction", "SetupFunction"} {
				d.set(f, "https://other.example.com", "Environment", "Variables", "PUBLIC_URL")
			}
		}, "publicURL"},
		{"one function with another public URL", func(d draft) {
			d.set("UsersFunction", "https://other.example.com", "Environment", "Variables", "PUBLIC_URL")
		}, "different values of the public URL"},
		{"one function without the origin secret", func(d draft) {
			d.set("ApiFunction", nil, "Environment", "Variables", "ORIGIN_SECRET_HASHES")
		}, "different values of the hashes of origin secrets"},
		{"one queue with another key", func(d draft) { d.set("RelayDeadLetters", "alias/aws/sqs", "KmsMasterKeyId") }, "different keys"},
		{"one log without the key", func(d draft) { d.set("UsersLogs", nil, "KmsKeyId") }, "different keys"},
		{"table without the key", func(d draft) { d.set("Table", nil, "SSESpecification") }, "different keys"},
		{"one role without the boundary", func(d draft) { d.set("UsersRole", nil, "PermissionsBoundary") }, "different boundaries"},
		{"IPv4 alone", func(d draft) { d.set("HttpApi", nil, "IpAddressType") }, "dualStack"},
		{"domain", func(d draft) { d.set("Domain", "other.example.com", "DomainName") }, "domainName"},
		{"old TLS", func(d draft) {
			list(d.get("Domain").get("DomainNameConfigurations"))[0].(map[string]any)["SecurityPolicy"] = "TLS_1_0"
		}, "the domain: AWS::ApiGatewayV2::DomainName"},
		{"domain without its API", func(d draft) { d.remove("DomainMapping") }, "0 of AWS::ApiGatewayV2::ApiMapping"},

		{"bus open to all", func(d draft) { allow(d, "SubscribersAccounts")["Principal"] = "*" }, "wildcard"},
		{"bus open to one more", func(d draft) {
			allow(d, "SubscribersAccounts")["Principal"] = map[string]any{"AWS": "arn:aws:iam::999900001111:user/x"}
		}, "the bus is open to"},
		{"organization forgotten", func(d draft) {
			delete(allow(d, "SubscribersOrganization")["Condition"].(map[string]any), "StringEquals")
		}, "wildcard"},
		{"rules of others", func(d draft) {
			delete(allow(d, "SubscribersAccounts")["Condition"].(map[string]any), "StringEqualsIfExists")
		}, "wildcard"},
		{"events of others", func(d draft) {
			s := allow(d, "SubscribersAccounts")
			s["Action"] = append(list(s["Action"]), "events:PutEvents")
		}, "events:PutEvents"},
		{"rules of every bus", func(d draft) { allow(d, "SubscribersAccounts")["Resource"] = "arn:aws:events:::rule/*" }, "wildcard"},
		{"archive of everything", func(d draft) { d.set("Archive", nil, "EventPattern") }, "EventPattern"},
		{"archive shorter", func(d draft) { d.set("Archive", 1, "RetentionDays") }, "archiveDays"},

		{"schema gone", func(d draft) { d.remove("Schemadsyncusercreated") }, "dsync@dsync.user.created"},
		{"schema of another draft", func(d draft) { d.set("Schemadsyncusercreated", "OpenApi3", "Type") }, "OpenApi3"},
		{"schema that is not ours", func(d draft) { d.set("Schemadsyncusercreated", "{}", "Content") }, "schema registry"},
		{"registry gone", func(d draft) { d.remove("Schemas") }, "not in the topology"},

		{"topic for everyone", func(d draft) {
			walk(list(d.get("AlarmsPolicy").get("PolicyDocument", "Statement"))[0]).(map[string]any)["Principal"] = "*"
		}, "who may publish"},
		{"topic without TLS", func(d draft) {
			d.set("AlarmsPolicy", list(d.get("AlarmsPolicy").get("PolicyDocument", "Statement"))[:1], "PolicyDocument", "Statement")
		}, "who may publish"},
		{"topic that nobody hears", func(d draft) { d.remove("AlarmsByEmail") }, "0 of AWS::SNS::Subscription"},
		{"alarm without a topic", func(d draft) { d.set("UsersAlarmerrors", nil, "AlarmActions") }, "users-errors goes to"},
		{"alarm that never ends", func(d draft) { d.set("UsersAlarmerrors", nil, "OKActions") }, "users-errors goes to"},

		{"alarm gone", func(d draft) { d.remove("UsersAlarmerrors") }, "alarm users-errors is not in the template"},
		{"alarm more", func(d draft) { d.copy("UsersAlarmerrors", "Other") }, "twice in the template"},
		{"alarm of nothing", func(d draft) { d.set("UsersAlarmerrors", "dsync-dev-other", "AlarmName") }, "alarm other is not in the inventory"},
		{"threshold", func(d draft) { d.set("RelayAlarmiteratorage", 1e6, "Threshold") }, "Threshold"},
		{"periods", func(d draft) { d.set("RelayAlarmiteratorage", 9, "EvaluationPeriods") }, "Of:"},
		{"comparison", func(d draft) { d.set("RelayAlarmiteratorage", "LessThanThreshold", "ComparisonOperator") }, "LessThanThreshold"},
		{"alarm of silence", func(d draft) { d.set("RelayAlarmiteratorage", "breaching", "TreatMissingData") }, "breaching"},
		{"alarm on another function", func(d draft) {
			d.set("RelayAlarmiteratorage", d.get("JobsAlarmiteratorage").get("Dimensions"), "Dimensions")
		}, `belongs to "jobs", not to "relay"`},
		{"alarm on another queue", func(d draft) {
			d.set("RelayAlarmdeadletters", d.get("EveryEventAlarmdeadletters").get("Dimensions"), "Dimensions")
		}, `belongs to "every-event", not to "relay"`},
		{"alarm on another mapping", func(d draft) {
			d.set("RelayAlarmgivenup", d.get("JobsAlarmgivenup").get("Dimensions"), "Dimensions")
		}, `belongs to "jobs", not to "relay"`},
		{"jobs of the relay", func(d draft) {
			d.set("Alarmoldestjob", d.get("Alarmeventsparked").get("Dimensions"), "Dimensions")
		}, `belongs to "relay", not to ""`},
		{"expression", func(d draft) {
			list(d.get("Alarmrelaystopped").get("Metrics"))[0].(map[string]any)["Expression"] = "written"
		}, "alarm relay-stopped"},
		{"other value", func(d draft) {
			list(d.get("Alarmrelaystopped").get("Metrics"))[1].(map[string]any)["ReturnData"] = true
		}, "alarm relay-stopped"},
		{"percentile of many alone", func(d draft) { d.set("Alarmhttplatency", "ignore", "EvaluateLowSampleCountPercentile") }, "ignore"},
		{"silence is good", func(d draft) { d.set("RelayAlarmnotpolling", "notBreaching", "TreatMissingData") }, "notBreaching"},
		{"metric without data", func(d draft) { d.set("RelayAlarmiteratorage", nil, "Dimensions") }, "has no data"},
		{"rule of the default bus", func(d draft) {
			m := metric(d, "EveryEventAlarmfaileddeliveries", 1)
			m["Dimensions"] = list(m["Dimensions"])[1:]
		}, "has no data"},
		{"operation that nobody calls", func(d draft) {
			m := metric(d, "Alarmtableerrors", 1)
			list(m["Dimensions"])[1].(map[string]any)["Value"] = "Scan"
		}, "no function may call it"},
		{"metric that nobody writes", func(d draft) { d.set("Alarmrelaylag", "RelayLags", "MetricName") }, "has no data"},
		{"no way to the runbook", func(d draft) { d.set("UsersAlarmerrors", "Trouble.", "AlarmDescription") }, "runbook"},

		{"operator's call repeated", func(d draft) { d.set("ApikeyAsynchronous", 2, "MaximumRetryAttempts") }, "MaximumRetryAttempts"},
		{"operator's call unsettled", func(d draft) { d.remove("ApikeyAsynchronous") }, "apikey: an operator or a schedule invokes it: true"},
	} {
		t.Run(row.name, func(t *testing.T) { expectComplaint(t, synthesized.full, everything, row.drift, row.want) })
	}
}

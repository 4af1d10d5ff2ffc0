package stack

import (
	"dsync/internal/sso"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/google/go-cmp/cmp"
)

var exactly = cmp.AllowUnexported(settings{})

func TestDefaults(t *testing.T) {
	want := settings{
		stage:          dev,
		logRetention:   awslogs.RetentionDays_ONE_MONTH,
		recoveryDays:   35,
		eraseAfterDays: 30,
		exampleRule:    true,
		schemaRegistry: true,
	}
	if diff := cmp.Diff(want, settingsOf(t, nil), exactly); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	// A key with a null value, which cdk.json may contain, is not set.
	if diff := cmp.Diff(want, settingsOf(t, map[string]any{"stage": nil}), exactly); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestSettings(t *testing.T) {
	want := settings{
		stage:               dev,
		protectStack:        true,
		tags:                map[string]string{"team": "identity", "cost-center": "1234"},
		boundary:            boundary,
		key:                 keyOfTeam,
		dualStack:           true,
		retain:              true,
		logRetention:        awslogs.RetentionDays_THREE_MONTHS,
		reservedConcurrency: 25,
		streamConcurrency:   8,
		tracing:             true,
		recoveryDays:        7,
		archiveDays:         30,
		eraseAfterDays:      7,
		signOn: sso.Settings{
			Issuer: "https://login.example.com/tenant/v2.0", ClientID: "0oa1b2c3", ClientSecretARN: "arn:aws:secretsmanager:us-east-1:111122223333:secret:dsync/console-a1B2c3",
			RoleClaim: "groups", Roles: "admin=IT,viewer=Everyone",
		},
		exampleRule:        true,
		schemaRegistry:     true,
		busAccounts:        []string{"222233334444", "333344445555"},
		busOrganization:    "o-a1b2c3d4e5",
		alarmEmail:         "operations@example.com",
		domainName:         "scim.example.com",
		certificate:        "arn:aws:acm:us-east-1:111122223333:certificate/0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0",
		disableEndpoint:    true,
		publicURL:          "https://directory.example.com",
		originSecretHashes: originHash,
	}
	if diff := cmp.Diff(want, settingsOf(t, everything), exactly); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	// It contains every setting except those that remove resources.
	for _, setting := range allSettings {
		if _, set := everything[setting.key]; !set && !slices.Contains([]string{"account", "region", "alarmTopic", "tableStreamArn"}, setting.key) {
			t.Errorf("%s is not tried", setting.key)
		}
	}
}

func TestHowValuesAreWritten(t *testing.T) {
	for _, row := range []struct {
		name    string
		context map[string]any
		check   func(s settings) bool
	}{
		{"number in cdk.json", map[string]any{"archiveDays": 30.0}, func(s settings) bool { return s.archiveDays == 30 }},
		{"number on the command line", map[string]any{"archiveDays": "30"}, func(s settings) bool { return s.archiveDays == 30 }},
		{"true in cdk.json", map[string]any{"tracing": true}, func(s settings) bool { return s.tracing }},
		{"on", map[string]any{"tracing": "on"}, func(s settings) bool { return s.tracing }},
		{"false in cdk.json", map[string]any{"schemaRegistry": false}, func(s settings) bool { return !s.schemaRegistry }},
		{"off", map[string]any{"schemaRegistry": "off"}, func(s settings) bool { return !s.schemaRegistry }},
		{"list in cdk.json", map[string]any{"busPolicyAccounts": []any{"333344445555", "222233334444"}},
			func(s settings) bool { return strings.Join(s.busAccounts, " ") == "222233334444 333344445555" }},
		{"list with blanks and an account twice", map[string]any{"busPolicyAccounts": "222233334444, 222233334444"},
			func(s settings) bool { return strings.Join(s.busAccounts, " ") == "222233334444" }},
		{"prod retains and is protected", production, func(s settings) bool { return s.production && s.retain && s.protectStack }},
		{"prod that does not retain", with(production, "removal", "destroy"), func(s settings) bool { return s.stage == "prod" && !s.retain }},
		{"prod that may be deleted", with(production, "terminationProtection", "off"), func(s settings) bool { return !s.protectStack }},
		{"another stage is for production", with(production, "stage", "eu-west"), func(s settings) bool { return s.production && s.retain && !s.exampleRule }},
		{"another stage is like dev", map[string]any{"stage": "staging", "production": "off"}, func(s settings) bool { return !s.retain && !s.protectStack && s.exampleRule }},
		{"dev for production", map[string]any{"production": true, "alarmEmail": "ops@example.com"}, func(s settings) bool { return s.stage == dev && s.retain && s.protectStack }},
		{"stage of one letter", map[string]any{"stage": "b", "production": "off"}, func(s settings) bool { return s.stage == "b" }},
		{"tags", map[string]any{"tags": "team=identity,Cost Center=a=b,empty="}, func(s settings) bool {
			return maps.Equal(s.tags, map[string]string{"team": "identity", "Cost Center": "a=b", "empty": ""})
		}},
		{"dev that does", map[string]any{"removal": "retain"}, func(s settings) bool { return s.stage == dev && s.retain }},
		{"a domain closes the other way in", map[string]any{"domainName": "scim.example.com", "certificateArn": certificate},
			func(s settings) bool { return s.disableEndpoint && s.origin() == "https://scim.example.com" }},
		{"a domain beside the other way in", map[string]any{"domainName": "scim.example.com", "certificateArn": certificate, "disableExecuteApiEndpoint": false},
			func(s settings) bool { return !s.disableEndpoint }},
		{"a CDN in front of the endpoint", map[string]any{"publicUrl": "https://scim.example.com"},
			func(s settings) bool { return !s.disableEndpoint && s.origin() == "https://scim.example.com" }},
		{"a CDN in front of the domain", map[string]any{"publicUrl": "https://scim.example.com", "domainName": "origin.example.com", "certificateArn": certificate},
			func(s settings) bool { return s.disableEndpoint && s.origin() == "https://scim.example.com" }},
		{"nothing in front", nil, func(s settings) bool { return !s.disableEndpoint && s.origin() == "" }},
		{"an origin secret that is replaced", map[string]any{"publicUrl": "https://scim.example.com", "originSecretHash": originHash + "," + originHash},
			func(s settings) bool { return len(s.originSecretHashes) == 129 }},
		{"no archive", map[string]any{"archiveDays": "0"}, func(s settings) bool { return s.archiveDays == 0 }},
		{"prod without the example rule", production, func(s settings) bool { return !s.exampleRule }},
		{"prod with it", with(production, "exampleRule", "on"), func(s settings) bool { return s.exampleRule }},
		{"dev without it", map[string]any{"exampleRule": false}, func(s settings) bool { return !s.exampleRule }},
		{"erasure at once", map[string]any{"eraseAfterDays": 0.0}, func(s settings) bool { return s.eraseAfterDays == 0 }},
		{"erasure with the log", map[string]any{"eraseAfterDays": "90"}, func(s settings) bool { return s.eraseAfterDays == 90 }},
		{"an existing topic", map[string]any{"alarmTopic": "arn:aws:sns:us-east-1:111122223333:pages"}, func(s settings) bool { return s.alarmTopic != "" }},
		{"a topic in China", map[string]any{"alarmTopic": "arn:aws-cn:sns:cn-north-1:111122223333:pages"}, func(s settings) bool { return s.alarmTopic != "" }},
	} {
		if s := settingsOf(t, row.context); !row.check(s) {
			t.Errorf("%s: %+v", row.name, s)
		}
	}
}

// Context keys of the CDK are not settings.
func TestKeysOfTheCDK(t *testing.T) {
	context := cdkContext()
	maps.Copy(context, map[string]any{
		"@aws-cdk/core:newStyleStackSynthesis":                                        true,
		"aws-cdk:enableDiffNoFail":                                                    true,
		"aws:cdk:version-reporting":                                                   false,
		"availability-zones:account=111122223333:region=us-east-1":                    []any{"us-east-1a"},
		"hosted-zone:account=111122223333:domainName=example.com:region=eu-central-1": map[string]any{"Id": "Z"},
	})
	if _, err := readSettings(context, environment{}); err != nil {
		t.Error(err)
	}
}

const certificate = "arn:aws:acm:us-east-1:111122223333:certificate/0f1e2d3c"

func TestWrongSettings(t *testing.T) {
	for _, row := range []struct {
		name    string
		context map[string]any
		want    []string
	}{
		{"stage without a name", map[string]any{"stage": ""}, []string{`stage ""`, "such as STAGE=staging"}},
		{"stage that is a number", map[string]any{"stage": 7.0}, []string{`stage "7"`, "such as STAGE=staging"}},
		{"stage that is an object", map[string]any{"stage": map[string]any{"a": 1.0}}, []string{`stage`, "give it as text"}},
		{"removal", map[string]any{"removal": "snapshot"}, []string{`removal "snapshot"`, "-c removal=retain", "-c removal=destroy"}},
		{"negative retention", map[string]any{"logRetentionDays": "-1"}, []string{`logRetentionDays "-1"`, "choose 1, 3, 5", "or 3653"}},
		{"retention that CloudWatch has not", map[string]any{"logRetentionDays": "31"}, []string{`"31"`, "30, 60"}},
		{"retention for ever", map[string]any{"logRetentionDays": "0"}, []string{`"0"`, "30, 60"}},
		{"retention in words", map[string]any{"logRetentionDays": "a month"}, []string{`"a month"`, "30, 60"}},
		{"no recovery", map[string]any{"pointInTimeRecoveryDays": "0"}, []string{`"0"`, "choose 1 to 35"}},
		{"recovery beyond what there is", map[string]any{"pointInTimeRecoveryDays": "36"}, []string{`"36"`, "choose 1 to 35"}},
		{"no concurrency", map[string]any{"reservedConcurrency": "0"}, []string{`"0"`, "would stop all requests", "choose 1 to 1000"}},
		{"negative concurrency", map[string]any{"reservedConcurrency": "-5"}, []string{`"-5"`, "choose 1 to 1000"}},
		{"too much concurrency", map[string]any{"reservedConcurrency": "1001"}, []string{`"1001"`, "choose 1 to 1000"}},
		{"half of one", map[string]any{"reservedConcurrency": 2.5}, []string{`"2.5"`, "choose 1 to 1000"}},
		{"too little for the stream", map[string]any{"streamConcurrency": "7"}, []string{`"7"`, "choose 8 to 1000"}},
		{"tracing", map[string]any{"tracing": "yes"}, []string{`tracing "yes"`, "choose on or off"}},
		{"schema registry", map[string]any{"schemaRegistry": "1"}, []string{`schemaRegistry "1"`, "choose on or off"}},
		{"example rule", map[string]any{"exampleRule": "prod"}, []string{`exampleRule "prod"`, "choose on or off"}},
		{"negative erasure", map[string]any{"eraseAfterDays": "-1"}, []string{`eraseAfterDays "-1"`, "choose 0 to 90"}},
		{"erasure after the log", map[string]any{"eraseAfterDays": "91"}, []string{`"91"`, "90 days at most", "choose 0 to 90"}},
		{"erasure in words", map[string]any{"eraseAfterDays": "never"}, []string{`"never"`, "choose 0 to 90"}},
		{"negative archive", map[string]any{"archiveDays": "-1"}, []string{`archiveDays "-1"`, "choose 0 to 3650"}},
		{"archive for ever", map[string]any{"archiveDays": "3651"}, []string{`"3651"`, "choose 0 to 3650"}},
		{"account", map[string]any{"busPolicyAccounts": "222233334444,12"}, []string{"busPolicyAccounts", "12-digit"}},
		{"accounts that are none", map[string]any{"busPolicyAccounts": ""}, []string{"busPolicyAccounts", "12-digit"}},
		{"everyone", map[string]any{"busPolicyAccounts": "*"}, []string{`"*"`, "12-digit"}},
		{"account with its zeros lost", map[string]any{"busPolicyAccounts": 12345678.0}, []string{`"12345678"`, "12-digit"}},
		{"organization", map[string]any{"busPolicyOrganization": "*"}, []string{`"*"`, "o-…"}},
		{"topic that is a name", map[string]any{"alarmTopic": "pages"}, []string{`"pages"`, "arn:aws:sns:"}},
		{"topic in another region", map[string]any{"alarmTopic": "arn:aws:sns:eu-west-1:111122223333:pages"}, []string{"eu-west-1", "us-east-1", "same region"}},
		{"address", map[string]any{"alarmEmail": "operations"}, []string{`"operations"`, "e-mail address"}},
		{"two ways for alarms", map[string]any{"alarmEmail": "a@example.com", "alarmTopic": "arn:aws:sns:us-east-1:111122223333:pages"}, []string{"alarmTopic and alarmEmail", "choose one"}},
		{"domain without certificate", map[string]any{"domainName": "scim.example.com"}, []string{"scim.example.com", "add -c certificateArn="}},
		{"certificate without domain", map[string]any{"certificateArn": certificate}, []string{"add -c domainName="}},
		{"certificate in another region", map[string]any{"domainName": "scim.example.com", "certificateArn": strings.Replace(certificate, "us-east-1", "eu-west-1", 1)}, []string{"eu-west-1", "us-east-1", "same region"}},
		{"certificate that is none", map[string]any{"domainName": "scim.example.com", "certificateArn": "*.example.com"}, []string{`"*.example.com"`, "arn:aws:acm:"}},
		{"domain that is a URL", map[string]any{"domainName": "https://scim.example.com", "certificateArn": certificate}, []string{`"https://scim.example.com"`, "such as scim.example.com"}},
		{"domain in capitals", map[string]any{"domainName": "SCIM.example.com", "certificateArn": certificate}, []string{"lower case"}},
		{"public URL without https", map[string]any{"publicUrl": "http://scim.example.com"}, []string{`"http://scim.example.com"`, "such as https://scim.example.com"}},
		{"public URL with a path", map[string]any{"publicUrl": "https://scim.example.com/"}, []string{"such as https://scim.example.com"}},
		{"public URL that is a domain", map[string]any{"publicUrl": "scim.example.com"}, []string{"such as https://scim.example.com"}},
		{"public URL with a port", map[string]any{"publicUrl": "https://scim.example.com:8443"}, []string{"such as https://scim.example.com"}},
		{"origin secret itself", map[string]any{"publicUrl": "https://scim.example.com", "originSecretHash": "my secret"}, []string{"SHA-256"}},
		{"hash in capitals", map[string]any{"publicUrl": "https://scim.example.com", "originSecretHash": strings.ToUpper(originHash)}, []string{"lower-case"}},
		{"three origin secrets", map[string]any{"publicUrl": "https://scim.example.com", "originSecretHash": originHash + "," + originHash + "," + originHash}, []string{"or two of them"}},
		{"origin secret and nothing in front", map[string]any{"originSecretHash": originHash}, []string{"add -c publicUrl="}},
		{"no way in", map[string]any{"disableExecuteApiEndpoint": "on"}, []string{"no other way in", "add -c domainName="}},
		{"no way in but the CDN's", map[string]any{"disableExecuteApiEndpoint": "on", "publicUrl": "https://scim.example.com"}, []string{"no other way in"}},
		{"issuer without https", map[string]any{"oidcIssuer": "http://localhost"}, []string{`"http://localhost"`, "such as https://"}},
		{"identity provider without a client", map[string]any{"oidcIssuer": "https://login.example.com"}, []string{"set oidcIssuer, oidcClientId and oidcClientSecretArn"}},
		{"roles and no identity provider", map[string]any{"oidcRoles": "admin=IT"}, []string{"set oidcIssuer"}},
		{"role that is none", map[string]any{"oidcRoles": "owner=IT"}, []string{`"owner=IT"`, "operator"}},
		{"secret itself", map[string]any{"oidcClientSecretArn": "hunter2"}, []string{"arn:aws:secretsmanager:"}},
		{"half open", map[string]any{"disableExecuteApiEndpoint": "yes"}, []string{`"yes"`, "choose on or off"}},
		{"restored table without its stream", map[string]any{"tableStreamArn": "arn:aws:dynamodb:us-east-1:111122223333:table/restored", "removal": "retain"}, []string{"/stream/<time>"}},
		{"restored table in another region", map[string]any{"tableStreamArn": strings.Replace(restoredStream, "us-east-1", "eu-west-1", 1), "removal": "retain"}, []string{"eu-west-1", "us-east-1"}},
		{"unknown key", map[string]any{"logRetention": "30"}, []string{`"logRetention" is not a setting`, "logRetentionDays"}},
		{"stage in capitals", map[string]any{"stage": "Prod"}, []string{`stage "Prod"`, "such as STAGE=staging"}},
		{"stage with a path", map[string]any{"stage": "../dev"}, []string{`stage "../dev"`}},
		{"stage that ends in a hyphen", map[string]any{"stage": "eu-"}, []string{`stage "eu-"`}},
		{"long stage", map[string]any{"stage": strings.Repeat("a", 21)}, []string{"1 to 20"}},
		{"alarms that nobody gets", map[string]any{"stage": "prod"}, []string{"alarmEmail", "alarmTopic", "infra/settings/prod.json"}},
		{"alarms of another stage that nobody gets", map[string]any{"stage": "eu-west"}, []string{"infra/settings/eu-west.json", "production to off"}},
		{"credentials of another account", map[string]any{"account": "999900001111"}, []string{"999900001111", "111122223333", "AWS_PROFILE"}},
		{"another Region", map[string]any{"region": "eu-west-1"}, []string{"belongs to eu-west-1", "AWS_REGION=eu-west-1"}},
		{"account that is none", map[string]any{"account": "prod"}, []string{"12-digit"}},
		{"Region that is none", map[string]any{"region": "Ireland"}, []string{"such as us-east-1"}},
		{"key in another Region", map[string]any{"kmsKeyArn": strings.Replace(keyOfTeam, "us-east-1", "eu-west-1", 1)}, []string{"kmsKeyArn", "eu-west-1"}},
		{"alias of a key", map[string]any{"kmsKeyArn": "alias/dsync"}, []string{"arn:aws:kms:"}},
		{"boundary without its ARN", map[string]any{"permissionsBoundary": "boundary"}, []string{"arn:aws:iam::"}},
		{"tag without a value", map[string]any{"tags": "team"}, []string{"key=value"}},
		{"tag that no service accepts", map[string]any{"tags": "team=<b>"}, []string{"key=value"}},
		{"tag of AWS", map[string]any{"tags": "AWS:x=y"}, []string{"AWS reserves"}},
		{"tag twice", map[string]any{"tags": "a=1,a=2"}, []string{"the tag a twice"}},
		{"settings of a stage in cdk.json", map[string]any{"prod": map[string]any{"archiveDays": 30.0}}, []string{`"prod"`, "infra/settings/prod.json"}},
		{"key in another case", map[string]any{"Stage": "prod"}, []string{`"Stage" is not a setting`, "stage"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			context := cdkContext()
			maps.Copy(context, row.context)
			_, err := readSettings(context, environment{"111122223333", "us-east-1"})
			if err == nil {
				t.Fatal("was not refused")
			}
			for _, want := range row.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not say %q", err, want)
				}
			}
		})
	}
}

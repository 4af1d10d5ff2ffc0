package stack

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"dsync/events"

	"github.com/google/go-cmp/cmp"
)

// ruleRights are the actions of another account on rules that it created.
var ruleRights = []string{
	"events:DeleteRule", "events:DescribeRule", "events:DisableRule", "events:EnableRule",
	"events:ListTagsForResource", "events:ListTargetsByRule", "events:PutRule", "events:PutTargets",
	"events:RemoveTargets", "events:TagResource", "events:UntagResource",
}

// readSharing reads which accounts may manage rules on the bus, and the archive.
func (r *reader) readSharing() {
	const ownRules = "StringEqualsIfExists events:creatorAccount"
	for _, id := range r.of("AWS::Events::EventBusPolicy") {
		policy := r.claim(id, "AWS::Events::EventBusPolicy", "the bus")
		r.expect("the bus", policy, map[string]any{"EventBusName": "${" + r.bus + "}"}, "StatementId", "Statement")
		all, err := statements(map[string]any{"Statement": policy.get("Statement")})
		if err != nil || len(all) != 1 {
			r.complain("%s: %d statements, %v", id, len(all), err)
			continue
		}
		s := all[0]
		if organization := s.Conditions["StringEquals aws:PrincipalOrgID"]; organization != "" && slices.Equal(s.Principals, []string{"*"}) {
			r.settings.busOrganization = organization
			delete(s.Conditions, "StringEquals aws:PrincipalOrgID")
		} else {
			for _, principal := range s.Principals {
				account, _ := strings.CutPrefix(principal, "arn:${AWS::Partition}:iam::")
				account, root := strings.CutSuffix(account, ":root")
				if !root || !accountID.MatchString(account) {
					r.complain("the bus is open to %s", principal)
				}
				r.settings.busAccounts = append(r.settings.busAccounts, account)
			}
		}
		want := statement{
			Effect: "Allow", Actions: ruleRights, Principals: s.Principals,
			Resources:  []string{"arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:rule/${" + r.bus + "}/*"},
			Conditions: map[string]string{ownRules: "${aws:PrincipalAccount}"},
		}
		if diff := cmp.Diff(want, s, inAnyOrder); diff != "" {
			r.complain("what others may do on the bus (-want +template):\n%s", diff)
		}
	}
	if len(r.of("AWS::Events::Archive")) > 0 {
		_, archive := r.only("AWS::Events::Archive")
		r.settings.archiveDays = archive.number("RetentionDays")
		r.expect("the archive", archive, map[string]any{
			"SourceArn": "${" + r.bus + ".Arn}", "EventPattern": `{"source":["dsync"]}`,
		}, "RetentionDays", "Description")
	}
}

// readSchemas compares the registry with the schemas of package events.
func (r *reader) readSchemas(bus string) {
	registries := r.of("AWS::EventSchemas::Registry")
	if len(registries) == 0 {
		return
	}
	r.settings.schemaRegistry = true
	id, registry := r.only("AWS::EventSchemas::Registry")
	r.expect("the schema registry", registry, map[string]any{"RegistryName": bus + "-" + r.settings.stage}, "Description")
	got := map[string]string{}
	for _, schema := range r.of("AWS::EventSchemas::Schema") {
		resource := r.claim(schema, "AWS::EventSchemas::Schema", "the schema registry")
		r.expect(schema, resource, map[string]any{
			"RegistryName": "${" + id + ".RegistryName}", "Type": "JSONSchemaDraft4",
		}, "SchemaName", "Content", "Description")
		got[resource.text("SchemaName")] = resource.text("Description") + resource.text("Content")
	}
	schemas, err := events.Schemas()
	if err != nil {
		r.complain("%v", err)
	}
	want := map[string]string{}
	for _, s := range schemas {
		want["dsync@"+s.Name] = s.Description + s.Content
	}
	if diff := cmp.Diff(want, got); diff != "" {
		r.complain("the schema registry (-events +template):\n%s", diff)
	}
}

// readLogRetention reads the log retention, which all log groups share.
func (r *reader) readLogRetention() {
	days := map[int]bool{}
	for _, id := range r.of("AWS::Logs::LogGroup") {
		days[r.Resources[id].number("RetentionInDays")] = true
	}
	if len(days) != 1 {
		r.complain("logs are kept for %v days", slices.Sorted(maps.Keys(days)))
		return
	}
	for n := range days {
		r.settings.logRetention = logRetentions[n]
	}
}

// readTopic reads the topic and its e-mail subscription.
func (r *reader) readTopic() {
	if len(r.of("AWS::SNS::Topic")) == 0 {
		return
	}
	id, topic := r.only("AWS::SNS::Topic")
	r.expect("the topic", topic, map[string]any{}, "DisplayName")
	_, subscription := r.only("AWS::SNS::Subscription")
	r.settings.alarmEmail = subscription.text("Endpoint")
	r.expect("the topic", subscription, map[string]any{"TopicArn": "${" + id + "}", "Protocol": "email"}, "Endpoint")
	_, policy := r.only("AWS::SNS::TopicPolicy")
	r.expect("the topic", policy, map[string]any{"Topics": fmt.Sprintf(`[{"Ref":%q}]`, id)}, "PolicyDocument")
	got, err := statements(policy.get("PolicyDocument"))
	topics := []string{"${" + id + "}"}
	if diff := cmp.Diff([]statement{
		{Effect: "Allow", Principals: []string{"cloudwatch.amazonaws.com"}, Actions: []string{"sns:Publish"}, Resources: topics,
			Conditions: map[string]string{"StringEquals aws:SourceAccount": "${AWS::AccountId}"}},
		{Effect: "Deny", Principals: []string{"*"}, Actions: []string{"sns:Publish"}, Resources: topics,
			Conditions: map[string]string{"Bool aws:SecureTransport": "false"}},
	}, got, inAnyOrder); diff != "" || err != nil {
		r.complain("who may publish to the topic: %v (-want +template):\n%s", err, diff)
	}
}

// readKey reads the KMS key, which encrypts all data at rest or none.
func (r *reader) readKey() {
	keys := map[string]bool{}
	for property, types := range map[string]string{
		"SSESpecification": "AWS::DynamoDB::Table", "KmsMasterKeyId": "AWS::SQS::Queue",
		"KmsKeyId": "AWS::Logs::LogGroup", "BucketEncryption": "AWS::S3::Bucket",
	} {
		for _, id := range r.of(types) {
			key := r.Resources[id].text(property)
			switch types {
			case "AWS::DynamoDB::Table":
				key = r.Resources[id].text(property, "KMSMasterKeyId")
				if want := map[bool]string{true: "KMS"}[key != ""]; r.Resources[id].text(property, "SSEType") != want {
					r.complain("%s: SSEType is not %q", id, want)
				}
			case "AWS::S3::Bucket":
				for _, rule := range list(r.Resources[id].get(property, "ServerSideEncryptionConfiguration")) {
					key = resolve(walk(rule, "ServerSideEncryptionByDefault", "KMSMasterKeyID"))
				}
			}
			keys[key] = true
		}
	}
	if len(keys) != 1 {
		r.complain("data at rest is encrypted with different keys: %v", slices.Sorted(maps.Keys(keys)))
	}
	for key := range keys {
		r.settings.key = key
	}
}

// readBoundary reads the permissions boundary, which all roles have or none.
func (r *reader) readBoundary() {
	boundaries := map[string]bool{}
	for _, id := range r.of("AWS::IAM::Role") {
		boundaries[r.Resources[id].text("PermissionsBoundary")] = true
	}
	if len(boundaries) != 1 {
		r.complain("the roles have different boundaries: %v", slices.Sorted(maps.Keys(boundaries)))
	}
	for boundary := range boundaries {
		r.settings.boundary = boundary
	}
}

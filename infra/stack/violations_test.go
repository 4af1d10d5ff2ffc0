package stack

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// violations checks rules that hold for every template, whatever the topology is.
// They apply to all resources of a type.
func violations(t template) []string {
	var found []string
	breach := func(format string, arguments ...any) { found = append(found, fmt.Sprintf(format, arguments...)) }

	for _, name := range slices.Sorted(maps.Keys(t.Resources)) {
		resource := t.Resources[name]
		for _, policy := range documents(resource.Properties) {
			all, err := statements(policy)
			if err != nil {
				breach("%s: %v", name, err)
			}
			for _, s := range all {
				if s.Effect != "Allow" {
					continue
				}
				// Grants name the index, and the ARN of a log group covers its
				// streams, so almost no statement needs a wildcard.
				if wildcardAllowed(s) {
					continue
				}
				for _, text := range slices.Concat(s.Actions, s.Resources, s.Principals) {
					if strings.Contains(text, "*") {
						breach("%s: wildcard %q in %+v", name, text, s)
					}
				}
			}
		}

		switch resource.Type {
		case "AWS::CloudWatch::Alarm":
			if n := len(readAlarm(resource).Measures); n > 10 {
				breach("%s has %d metrics: CloudWatch takes ten", name, n)
			}
		case "AWS::Lambda::EventSourceMapping":
			source := t.at(idIn(resource.text("EventSourceArn"), "Arn"))
			destination := t.at(idIn(resource.text("DestinationConfig", "OnFailure", "Destination"), "Arn"))
			if source.get("RedrivePolicy") == nil && destination == &missing {
				breach("%s has no failure destination", name)
			}
			if destination != &missing && destination.Type != "AWS::S3::Bucket" {
				breach("%s: the failure destination %s gets no payload", name, destination.Type)
			}
		case "AWS::S3::Bucket":
			if resource.get("BucketEncryption") == nil {
				breach("%s is not encrypted", name)
			}
			for _, block := range []string{"BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"} {
				if resource.get("PublicAccessBlockConfiguration", block) != true {
					breach("%s: public access is not blocked by %s", name, block)
				}
			}
			if !bucketRefusesPlainHTTP(t, name) {
				breach("%s can be used without TLS", name)
			}
		case "AWS::Events::Rule":
			for _, target := range list(resource.get("Targets")) {
				if idIn(resolve(walk(target, "DeadLetterConfig", "Arn")), "Arn") == "" {
					breach("%s has no failure destination", name)
				}
			}
		case "AWS::Logs::LogGroup":
			if resource.number("RetentionInDays") < 1 {
				breach("%s is kept for ever", name)
			}
		case "AWS::SQS::Queue":
			if resource.get("SqsManagedSseEnabled") != true && resource.text("KmsMasterKeyId") == "" {
				breach("%s is not encrypted", name)
			}
			if resource.number("MessageRetentionPeriod") != 14*24*60*60 {
				breach("%s does not keep messages for 14 days", name)
			}
			if !refusesPlainHTTP(t, name) {
				breach("%s can be used without TLS", name)
			}
		case "AWS::DynamoDB::Table":
			if resource.get("PointInTimeRecoverySpecification", "PointInTimeRecoveryEnabled") != true {
				breach("%s has no point-in-time recovery", name)
			}
			if resource.text("BillingMode") != "PAY_PER_REQUEST" {
				breach("%s is not on demand", name)
			}
		case "AWS::ApiGatewayV2::Stage":
			var line map[string]string
			format := resource.text("AccessLogSettings", "Format")
			if err := json.Unmarshal([]byte(format), &line); err != nil {
				breach("%s: the access log is not JSON: %v", name, err)
			}
			// The address that a request comes from is that of Entra, of the team, or of
			// an attacker. The others contain personal data and tokens.
			format = strings.ReplaceAll(format, "$context.identity.sourceIp", "")
			for _, private := range []string{"query", "authorizer", "header", "body", "identity"} {
				if strings.Contains(strings.ToLower(format), private) {
					breach("%s: the access log has the %s", name, private)
				}
			}
		}
	}
	return found
}

// wildcardAllowed reports whether a statement has a wildcard that AWS offers no
// way to avoid. docs/permissions.md lists these statements.
func wildcardAllowed(s statement) bool {
	switch strings.Join(s.Actions, " ") {
	case "xray:PutTelemetryRecords xray:PutTraceSegments":
		// X-Ray has no resources.
		return slices.Equal(s.Resources, []string{"*"})
	case "dynamodb:ListStreams":
		// It has no resources either.
		return slices.Equal(s.Resources, []string{"*"})
	case "s3:PutObject", "s3:GetObject s3:DeleteObject":
		// The names of objects do not exist yet: those of the bucket, or of a prefix.
		bucket, prefix, _ := strings.Cut(strings.Join(s.Resources, " "), "/")
		return idIn(bucket, "Arn") != "" && strings.Count(prefix, "*") == 1 && strings.HasSuffix(prefix, "*")
	}
	// The rules of other accounts do not exist yet: all rules of the bus, each for
	// the account that created it, in given accounts or one organization.
	everyone := slices.Equal(s.Principals, []string{"*"})
	return s.Conditions["StringEqualsIfExists events:creatorAccount"] == "${aws:PrincipalAccount}" &&
		slices.Equal(slices.Sorted(slices.Values(s.Actions)), ruleRights) &&
		len(s.Resources) == 1 && strings.HasSuffix(s.Resources[0], "}/*") && strings.Contains(s.Resources[0], ":rule/${") &&
		everyone == (s.Conditions["StringEquals aws:PrincipalOrgID"] != "")
}

// documents returns the policy documents in properties, at any depth.
func documents(value any) []any {
	var found []any
	switch v := value.(type) {
	case []any:
		for _, element := range v {
			found = append(found, documents(element)...)
		}
	case map[string]any:
		for name, element := range v {
			switch {
			case strings.HasSuffix(name, "PolicyDocument") || name == "ResourcePolicy":
				found = append(found, element)
			case name == "Statement": // of the policy of a bus
				found = append(found, map[string]any{"Statement": element})
			default:
				found = append(found, documents(element)...)
			}
		}
	}
	return found
}

func refusesPlainHTTP(t template, queue string) bool {
	return denies(t, "AWS::SQS::QueuePolicy", "sqs:*", "${"+queue+".Arn}")
}

func bucketRefusesPlainHTTP(t template, bucket string) bool {
	return denies(t, "AWS::S3::BucketPolicy", "s3:*", "${"+bucket+".Arn}", "${"+bucket+".Arn}/*")
}

// denies reports whether a policy denies everyone the actions on the resources
// without TLS.
func denies(t template, kind, actions string, resources ...string) bool {
	for _, policy := range t.of(kind) {
		all, err := statements(t.Resources[policy].get("PolicyDocument"))
		if err != nil {
			continue
		}
		for _, s := range all {
			if s.Effect == "Deny" && slices.Equal(s.Actions, []string{actions}) && slices.Equal(s.Principals, []string{"*"}) &&
				slices.Equal(s.Resources, resources) &&
				maps.Equal(s.Conditions, map[string]string{"Bool aws:SecureTransport": "false"}) {
				return true
			}
		}
	}
	return false
}

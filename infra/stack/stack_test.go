package stack

import (
	"bytes"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"dsync/infra/topology"

	"github.com/google/go-cmp/cmp"
)

// The template contains the topology and the settings, and nothing else.
func TestTemplateIsTheTopology(t *testing.T) {
	for _, row := range []struct {
		name     string
		document []byte
		context  map[string]any
	}{
		{"defaults", synthesized.dev, nil},
		{"prod", synthesized.prod, production},
		{"everything", synthesized.full, everything},
	} {
		t.Run(row.name, func(t *testing.T) {
			for _, complaint := range complaints(read(t, row.document), topology.Dsync(), settingsOf(t, row.context)) {
				t.Error(complaint)
			}
		})
	}
}

func TestSynthesisIsDeterministic(t *testing.T) {
	if !bytes.Equal(synthesized.dev, synthesized.again) {
		t.Error("two syntheses of the same system differ")
	}
}

// Events have personal data. Prod does not write them to CloudWatch Logs, unless it
// is told to.
func TestProdLogsNoEvents(t *testing.T) {
	for _, kind := range []string{"AWS::Events::Rule", "AWS::Logs::ResourcePolicy"} {
		if found := read(t, synthesized.prod).of(kind); len(found) > 0 {
			t.Errorf("prod has %v", found)
		}
	}
}

func TestDevGoesWithItsStack(t *testing.T) {
	for name, resource := range read(t, synthesized.dev).Resources {
		if resource.DeletionPolicy == "Retain" || resource.UpdateReplacePolicy == "Retain" || resource.get("DeletionProtectionEnabled") == true {
			t.Errorf("%s outlives its stack", name)
		}
	}
}

func TestProdKeepsWhatIsNowhereElse(t *testing.T) {
	for _, document := range [][]byte{synthesized.prod, synthesized.full} {
		keepsWhatIsNowhereElse(t, read(t, document))
	}
}

func keepsWhatIsNowhereElse(t *testing.T, prod template) {
	t.Helper()
	for name, resource := range prod.Resources {
		switch resource.Type {
		case "AWS::DynamoDB::Table", "AWS::S3::Bucket", "AWS::SQS::Queue", "AWS::Logs::LogGroup", "AWS::Events::Archive":
			if resource.get("LogGroupName") != nil {
				continue // a copy with a fixed name, which the next stack needs
			}
			if resource.DeletionPolicy != "Retain" || resource.UpdateReplacePolicy != "Retain" {
				t.Errorf("%s: DeletionPolicy %q, UpdateReplacePolicy %q", name, resource.DeletionPolicy, resource.UpdateReplacePolicy)
			}
		}
	}
	table := prod.Resources[prod.of("AWS::DynamoDB::Table")[0]]
	if table.get("DeletionProtectionEnabled") != true {
		t.Error("the table has no deletion protection")
	}
}

func TestOutputs(t *testing.T) {
	for _, row := range []struct {
		name     string
		document []byte
		more     map[string]string // in addition to the outputs of every stack
	}{
		{"defaults", synthesized.dev, map[string]string{
			"TenantUrlTemplate": "{api.ApiEndpoint}/scim/v2.0/{external_key}",
			"ApiEndpoint":       "{api.ApiEndpoint}",
		}},
		{"everything", synthesized.full, map[string]string{
			"TenantUrlTemplate": "https://directory.example.com/scim/v2.0/{external_key}",
			"ApiEndpoint":       "https://directory.example.com",
			"OriginEndpoint":    "https://scim.example.com",
			"DomainTarget":      "{domain.RegionalDomainName}",
			"DomainTargetZone":  "{domain.RegionalHostedZoneId}",
			"AlarmTopicArn":     "{topic}",
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			template := read(t, row.document)
			// By the prefix of the logical id, which ends in a hash.
			names := map[string]string{}
			for short, kind := range map[string]string{
				"api": "AWS::ApiGatewayV2::Api", "table": "AWS::DynamoDB::Table", "bus": "AWS::Events::EventBus",
				"failures": "AWS::S3::Bucket", "domain": "AWS::ApiGatewayV2::DomainName", "topic": "AWS::SNS::Topic",
			} {
				if ids := template.of(kind); len(ids) == 1 {
					names["${"+ids[0]+"}"], names["${"+ids[0]+"."] = "{"+short+"}", "{"+short+"."
				}
			}
			for _, kind := range []string{"AWS::SQS::Queue", "AWS::Lambda::Function"} {
				for _, id := range template.of(kind) {
					names["${"+id+"}"] = "{" + id[:len(id)-8] + "}"
				}
			}
			var pairs []string
			for from, to := range names {
				pairs = append(pairs, from, to)
			}
			got := map[string]string{}
			for name, output := range template.Outputs {
				got[name] = strings.NewReplacer(pairs...).Replace(resolve(output.Value))
			}
			want := map[string]string{
				"EventBusName":      "{bus}",
				"EventBusArn":       "{bus.Arn}",
				"TableName":         "{table}",
				"FailureBucketName": "{failures}",
				"FirstApiKey":       "aws lambda invoke --function-name {ApikeyFunction} --cli-binary-format raw-in-base64-out --payload '{\"name\":\"first\",\"scope\":\"manage keys\"}' first-key.json && cat first-key.json && rm first-key.json",
			}
			for _, owner := range topology.Dsync().DeadLetterOwners() {
				want[topology.LogicalID(owner)+"DeadLetterQueueUrl"] = "{" + topology.LogicalID(owner) + "DeadLetters}"
			}
			for _, f := range topology.Dsync().Functions {
				if f.Output != "" {
					want[f.Output] = "{" + topology.LogicalID(f.Name) + "Function}"
				}
			}
			maps.Copy(want, row.more)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	// Systems that New rejects.
	third, unknown, untold, aimless, closed, unmeasured, twice, wide := topology.Dsync(), topology.Dsync(), topology.Dsync(), topology.Dsync(), topology.Dsync(), topology.Dsync(), topology.Dsync(), topology.Dsync()
	serial, often, garbled := topology.Dsync(), topology.Dsync(), topology.Dsync()
	serial.Functions[3].Stream = &topology.StreamConsumer{BatchSize: 1, MaximumAge: time.Minute}
	often.Functions[0].Schedules = []topology.Schedule{{Name: "tick", Rate: 90 * time.Second, Payload: "{}"}}
	garbled.Functions[0].Schedules = []topology.Schedule{{Name: "tick", Rate: time.Minute, Payload: "{"}}
	third.Functions[0].Stream = &topology.StreamConsumer{BatchSize: 1, Parallelization: 1, MaximumAge: time.Minute}
	unknown.Functions[0].Grants = []topology.Grant{{Resource: topology.Resource{Kind: "bucket"}, Actions: []string{"s3:GetObject"}}}
	untold.Functions[0].Environment = map[string]topology.Reference{"BUCKET": {Kind: "bucket name"}}
	aimless.Rules[0].Target = topology.Target{Function: "nowhere"}
	twice.Functions[3].Queue = &topology.QueueConsumer{BatchSize: 10, MaxConcurrency: 2, MaxReceives: 1}
	apikey := slices.IndexFunc(wide.Functions, func(f topology.Function) bool { return f.Role == topology.CreatesAPIKeys })
	wide.Functions[apikey].Queue = &topology.QueueConsumer{BatchSize: 11, MaxConcurrency: 2, MaxReceives: 1}
	for i := range closed.Functions {
		closed.Functions[i].Routes = nil
	}
	for i, f := range unmeasured.Functions {
		if f.Role == topology.RedrivesEvents {
			unmeasured.Functions[i].Role = ""
		}
	}
	half := t.TempDir()
	build(half, "users")

	for _, row := range []struct {
		name   string
		stage  any
		system topology.System
		dist   string
		want   []string
	}{
		// TestWrongSettings has the other settings.
		{"wrong setting", "Staging", topology.Dsync(), dist, []string{`"Staging"`, "such as STAGE=staging"}},
		{"nothing built", "dev", topology.Dsync(), filepath.Join(half, "none"), []string{"bootstrap is missing", "run make build first"}},
		{"one of nine built", "dev", topology.Dsync(), half, []string{filepath.Join("groups", "bootstrap"), "run make build first"}},
		{"third reader of the stream", "dev", third, dist, []string{"users, relay, jobs"}},
		{"grant on an unknown resource", "dev", unknown, dist, []string{"users", `"bucket"`}},
		{"variable with an unknown value", "dev", untold, dist, []string{"users", `"bucket name"`}},
		{"rule without a target", "dev", aimless, dist, []string{"every-event", `"nowhere"`}},
		{"stream and queue", "dev", twice, dist, []string{"relay", "stream and a queue"}},
		{"batch too large", "dev", wide, dist, []string{"apikey", "BatchSize:11"}},
		{"no batch at a time", "dev", serial, dist, []string{"relay", "parallelization of 0"}},
		{"schedule of seconds", "dev", often, dist, []string{"users", "tick", "whole minutes"}},
		{"schedule with a payload that is no JSON", "dev", garbled, dist, []string{"users", "tick", "no JSON"}},
		{"no redrive", "dev", unmeasured, dist, []string{"no function redrive"}},
		{"no SCIM route", "dev", closed, dist, []string{"Tenant URL"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := New(app(t.TempDir(), map[string]any{"stage": row.stage}), "Test", Props{System: row.system, Dist: row.dist})
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

package stack

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"dsync/infra/topology"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"
)

// Synthesis costs a second or two each, so it is done once for the package.
var synthesized struct {
	dev, again, prod []byte
	binary           func(key string) string
}

// dist is a stand-in for what `make build` leaves: each binary holds its name.
var dist string

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	if _, err := exec.LookPath("node"); err != nil {
		fmt.Fprintln(os.Stderr, "the CDK runs on Node.js: install Node.js 18 or later and put node on the PATH")
		return 1
	}
	folder, err := os.MkdirTemp("", "dsync-stack")
	if err != nil {
		panic(err)
	}
	// The runtime of the CDK leaves its files in the temporary folder unless
	// jsii.Close is called; but Close, once the runtime is started, waits for
	// its process while a goroutine does so too, which is a data race. So the
	// runtime that was prepared on import is closed unstarted, and the next
	// one prepares itself in a folder that is removed here.
	jsii.Close()
	defer os.RemoveAll(folder)
	os.Setenv("TMPDIR", folder)
	// The runtime's notice about its own Node.js version would drown a failure.
	os.Setenv("JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION", "20")
	dist = filepath.Join(folder, "dist")
	for _, f := range topology.Dsync().Functions {
		build(dist, f.Name)
	}

	outdir := filepath.Join(folder, "dev")
	synthesized.dev = synthesize(outdir, "dev")
	synthesized.again = synthesize(filepath.Join(folder, "again"), "dev")
	synthesized.prod = synthesize(filepath.Join(folder, "prod"), "prod")
	synthesized.binary = func(key string) string {
		name, err := os.ReadFile(filepath.Join(outdir, "asset."+strings.TrimSuffix(key, ".zip"), "bootstrap"))
		if err != nil {
			return err.Error()
		}
		return string(name)
	}
	return m.Run()
}

func build(dist, function string) {
	folder := filepath.Join(dist, function)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		panic(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "bootstrap"), []byte(function), 0o755); err != nil {
		panic(err)
	}
}

// app is a CDK app with the context of cdk.json, as `npx cdk` would start it,
// and with the values given.
func app(outdir string, values map[string]any) awscdk.App {
	file, err := os.ReadFile("../../cdk.json")
	if err != nil {
		panic(err)
	}
	config := struct{ Context map[string]any }{Context: map[string]any{}}
	if err := json.Unmarshal(file, &config); err != nil {
		panic(err)
	}
	maps.Copy(config.Context, values)
	return awscdk.NewApp(&awscdk.AppProps{Outdir: &outdir, Context: &config.Context, AnalyticsReporting: jsii.Bool(false)})
}

func synthesize(outdir, stage string) []byte {
	app := app(outdir, map[string]any{"stage": stage})
	if _, err := New(app, "Test", Props{System: topology.Dsync(), Dist: dist}); err != nil {
		panic(err)
	}
	app.Synth(nil)
	document, err := os.ReadFile(filepath.Join(outdir, "Test.template.json"))
	if err != nil {
		panic(err)
	}
	return document
}

func read(t *testing.T, document []byte) template {
	t.Helper()
	parsed, err := parse(document)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

func TestTemplateIsTheTopology(t *testing.T) {
	for _, complaint := range complaints(read(t, synthesized.dev), topology.Dsync(), synthesized.binary) {
		t.Error(complaint)
	}
}

func TestSynthesisIsDeterministic(t *testing.T) {
	if !bytes.Equal(synthesized.dev, synthesized.again) {
		t.Error("two syntheses of the same system differ")
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
	prod := read(t, synthesized.prod)
	for name, resource := range prod.Resources {
		switch resource.Type {
		case "AWS::DynamoDB::Table", "AWS::SQS::Queue", "AWS::Logs::LogGroup":
			if resource.get("LogGroupName") != nil {
				continue // a copy, under a name that the next stack needs
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

// A resource under a chosen name exists once per account and region.
func TestStagesShareAnAccount(t *testing.T) {
	dev, prod := read(t, synthesized.dev), read(t, synthesized.prod)
	for name, resource := range dev.Resources {
		if resource.Type == "AWS::Events::Rule" {
			continue // its name is unique on its bus
		}
		for _, property := range []string{"Name", "LogGroupName", "PolicyName", "QueueName", "TableName", "FunctionName", "RoleName"} {
			chosen, ok := resource.get(property).(string)
			if ok && chosen == prod.Resources[name].text(property) {
				t.Errorf("%s: %s is %q in each stage", name, property, chosen)
			}
		}
	}
}

func TestOutputs(t *testing.T) {
	template := read(t, synthesized.dev)
	only := func(kind string) string { return template.of(kind)[0] }
	api, table, bus := only("AWS::ApiGatewayV2::Api"), only("AWS::DynamoDB::Table"), only("AWS::Events::EventBus")
	got := map[string]string{}
	for name, output := range template.Outputs {
		got[resolve(output.Value)] = name
	}
	want := map[string]string{
		"${" + api + ".ApiEndpoint}":                          "ApiEndpoint",
		"${" + api + ".ApiEndpoint}/scim/v2.0/{external_key}": "TenantUrlTemplate",
		"${" + bus + "}":                                      "EventBusName",
		"${" + bus + ".Arn}":                                  "EventBusArn",
		"${" + table + "}":                                    "TableName",
	}
	for _, queue := range template.of("AWS::SQS::Queue") {
		name, ok := strings.CutSuffix(got["${"+queue+"}"], "DeadLetterQueueUrl")
		if !ok || !strings.HasPrefix(queue, name) {
			t.Errorf("%s: its URL is in output %q", queue, got["${"+queue+"}"])
		}
		delete(got, "${"+queue+"}")
	}
	if !maps.Equal(got, want) {
		t.Errorf("outputs: %v, want %v", got, want)
	}
}

func TestRefusals(t *testing.T) {
	// The systems below ask for what no stack can draw.
	third, unknown, untold, aimless, closed := topology.Dsync(), topology.Dsync(), topology.Dsync(), topology.Dsync(), topology.Dsync()
	third.Functions[0].Stream = &topology.StreamConsumer{BatchSize: 1, MaximumAge: time.Minute}
	unknown.Functions[0].Grants = []topology.Grant{{Resource: "bucket", Actions: []string{"s3:GetObject"}}}
	untold.Functions[0].Environment = map[string]topology.Reference{"BUCKET": "bucket name"}
	aimless.Rules[0].Target = "nowhere"
	for i := range closed.Functions {
		closed.Functions[i].Routes = nil
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
		{"stage that is none", "staging", topology.Dsync(), dist, []string{`"staging"`, "-c stage=dev", "-c stage=prod"}},
		{"stage without a name", "", topology.Dsync(), dist, []string{"-c stage=dev"}},
		{"stage that is no name", 7.0, topology.Dsync(), dist, []string{`"7"`, "-c stage=dev"}},
		{"nothing built", "dev", topology.Dsync(), filepath.Join(half, "none"), []string{"bootstrap is missing", "run make build first"}},
		{"one of five built", "dev", topology.Dsync(), half, []string{filepath.Join("groups", "bootstrap"), "run make build first"}},
		{"third reader of the stream", "dev", third, dist, []string{"users, relay, jobs"}},
		{"grant on an unknown resource", "dev", unknown, dist, []string{"users", `"bucket"`}},
		{"variable with an unknown value", "dev", untold, dist, []string{"users", `"bucket name"`}},
		{"rule without a target", "dev", aimless, dist, []string{"every-event", `"nowhere"`}},
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

// A stage that is not chosen is dev: nobody protects a table by accident.
func TestStageDefaultsToDev(t *testing.T) {
	stack, err := New(app(t.TempDir(), nil), "Test", Props{System: topology.Dsync(), Dist: dist})
	if err != nil {
		t.Fatal(err)
	}
	if name := *stack.StackName(); name != "dsync-dev" {
		t.Errorf("the stack is named %s", name)
	}
}

func TestTitle(t *testing.T) {
	names := []string{"users", "every-event", "a--b", ""}
	var got []string
	for _, name := range names {
		got = append(got, title(name))
	}
	if want := []string{"Users", "EveryEvent", "AB", ""}; !slices.Equal(got, want) {
		t.Errorf("%q became %q, want %q", names, got, want)
	}
}

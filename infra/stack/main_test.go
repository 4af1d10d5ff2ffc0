package stack

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"dsync/events"
	"dsync/infra/topology"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"
)

// A synthesis takes one to two seconds, so the package does each one once.
var synthesized struct {
	dev, again []byte // the defaults, twice
	prod       []byte
	full       []byte // every setting that adds something
	other      []byte // the same, of another stage
	restored   []byte // on a table that was restored from a backup
	consumer   []byte // withConsumer
	folder     string // of dev
	binary     func(key string) string
}

// everything is the context of synthesized.full, with values as the command line
// and cdk.json have them. A template for one account and Region would not name them by
// reference: TestStackOfAStage has these settings.
var everything = map[string]any{
	"stage":                     "dev",
	"production":                "off",
	"terminationProtection":     "on",
	"tags":                      "team=identity, cost-center=1234",
	"permissionsBoundary":       boundary,
	"kmsKeyArn":                 keyOfTeam,
	"dualStack":                 "on",
	"removal":                   "retain",
	"logRetentionDays":          "90",
	"pointInTimeRecoveryDays":   7.0,
	"reservedConcurrency":       "25",
	"streamConcurrency":         "8",
	"tracing":                   true,
	"alarmEmail":                "operations@example.com",
	"domainName":                "scim.example.com",
	"certificateArn":            "arn:aws:acm:us-east-1:111122223333:certificate/0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0",
	"publicUrl":                 "https://directory.example.com",
	"originSecretHash":          originHash,
	"disableExecuteApiEndpoint": "on",
	"oidcIssuer":                "https://login.example.com/tenant/v2.0",
	"oidcClientId":              "0oa1b2c3",
	"oidcClientSecretArn":       "arn:aws:secretsmanager:us-east-1:111122223333:secret:dsync/console-a1B2c3",
	"oidcRoleClaim":             "groups",
	"oidcRoles":                 "admin=IT,viewer=Everyone",
	"busPolicyAccounts":         "222233334444,333344445555",
	"busPolicyOrganization":     "o-a1b2c3d4e5",
	"schemaRegistry":            "on",
	"exampleRule":               "on",
	"eraseAfterDays":            7.0,
	"archiveDays":               30.0,
}

// production is the least that a stage for production needs.
var production = map[string]any{"stage": "prod", "alarmTopic": pages}

// with returns a context with one more setting.
func with(context map[string]any, key string, value any) map[string]any {
	more := maps.Clone(context)
	more[key] = value
	return more
}

const (
	// originHash is the SHA-256 of the text "origin".
	originHash     = "181fdd46fc4a7246b9f4f1eba3129ba5d724011af5f10223b3589955d1df108a"
	pages          = "arn:aws:sns:us-east-1:111122223333:pages"
	boundary       = "arn:aws:iam::111122223333:policy/teams/boundary"
	keyOfTeam      = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
	restoredTable  = "arn:aws:dynamodb:us-east-1:111122223333:table/dsync-restored"
	restoredStream = restoredTable + "/stream/2026-05-04T12:00:00.123"
)

// dist replaces the output of `make build`. The content of each binary is the name
// of its function.
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
	// The CDK runtime leaves files in the temporary folder unless jsii.Close is
	// called. After the runtime has started, Close has a data race: it and a
	// goroutine both wait for the process. So this closes the runtime that was
	// prepared on import before it starts. The next runtime uses a folder that is
	// removed here.
	jsii.Close()
	defer os.RemoveAll(folder)
	os.Setenv("TMPDIR", folder)
	// Silence the notice of the CDK runtime about its Node.js version.
	os.Setenv("JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION", "20")
	dist = filepath.Join(folder, "dist")
	for _, f := range topology.Dsync().Functions {
		build(dist, f.Name)
	}
	build(dist, consumer)

	synthesized.folder = filepath.Join(folder, "dev")
	synthesized.dev = synthesize(synthesized.folder, nil)
	synthesized.again = synthesize(filepath.Join(folder, "again"), nil)
	synthesized.prod = synthesize(filepath.Join(folder, "prod"), production)
	synthesized.full = synthesize(filepath.Join(folder, "full"), everything)
	synthesized.other = synthesize(filepath.Join(folder, "other"), with(everything, "stage", "staging"))
	synthesized.restored = synthesize(filepath.Join(folder, "restored"), with(production, "tableStreamArn", restoredStream))
	synthesized.consumer = synthesizeSystem(filepath.Join(folder, "consumer"), withConsumer(), nil)
	synthesized.binary = func(key string) string {
		name, err := os.ReadFile(filepath.Join(folder, "consumer", "asset."+strings.TrimSuffix(key, ".zip"), "bootstrap"))
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

// app returns a CDK app with the context of cdk.json and of the CDK CLI, and with
// the given values.
func app(outdir string, values map[string]any) awscdk.App {
	context := cdkContext()
	maps.Copy(context, values)
	return awscdk.NewApp(&awscdk.AppProps{Outdir: &outdir, Context: &context, AnalyticsReporting: jsii.Bool(false)})
}

func cdkContext() map[string]any {
	file, err := os.ReadFile("../../cdk.json")
	if err != nil {
		panic(err)
	}
	config := struct{ Context map[string]any }{Context: map[string]any{}}
	if err := json.Unmarshal(file, &config); err != nil {
		panic(err)
	}
	// The defaults of the CLI.
	maps.Copy(config.Context, map[string]any{
		"aws:cdk:enable-path-metadata":  true,
		"aws:cdk:enable-asset-metadata": true,
	})
	return config.Context
}

func synthesize(outdir string, values map[string]any) []byte {
	return synthesizeSystem(outdir, topology.Dsync(), values)
}

func synthesizeSystem(outdir string, system topology.System, values map[string]any) []byte {
	app := app(outdir, values)
	schemas, err := events.Schemas()
	if err != nil {
		panic(err)
	}
	if _, err := New(app, Name, Props{System: system, Dist: dist, Schemas: schemas}); err != nil {
		panic(err)
	}
	app.Synth(nil)
	document, err := os.ReadFile(filepath.Join(outdir, Name+".template.json"))
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

// settingsOf returns the settings of a context.
func settingsOf(t *testing.T, values map[string]any) settings {
	t.Helper()
	s, err := readSettings(values, environment{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

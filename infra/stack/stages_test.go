package stack

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"dsync/infra/topology"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"
	"github.com/google/go-cmp/cmp"
)

// The file of a stage has settings for that stage alone. The context, which has the
// command line, takes precedence.
func TestSettingsFiles(t *testing.T) {
	folder := t.TempDir()
	write := func(name, content string) {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("prod.json", `{"alarmEmail": "ops@example.com", "archiveDays": 30, "busPolicyAccounts": ["222233334444"]}`)
	write("dev.json", `{"archiveDays": 7}`)
	write("outside.json", `{"archiveDays": 1}`)
	read := func(context map[string]any) (settings, error) {
		merged, err := withFile(context, filepath.Join(folder))
		if err != nil {
			return settings{}, err
		}
		return readSettings(merged, environment{})
	}
	for _, row := range []struct {
		name    string
		context map[string]any
		days    int
	}{
		{"the default stage", nil, 7},
		{"prod", map[string]any{"stage": "prod"}, 30},
		{"the command line", map[string]any{"stage": "prod", "archiveDays": "3"}, 3},
		{"no file", map[string]any{"stage": "staging", "production": "off"}, 0},
	} {
		if s, err := read(row.context); err != nil || s.archiveDays != row.days {
			t.Errorf("%s: %d days, %v, want %d", row.name, s.archiveDays, err, row.days)
		}
	}
	for name, row := range map[string]struct{ content, want string }{
		"an unknown key":    {`{"archivedays": 1}`, `broken.json: "archivedays" is not a setting`},
		"another stage":     {`{"stage": "prod"}`, "broken.json: its name is that of the stage"},
		"a list":            {`[]`, "broken.json is no JSON object"},
		"a comment":         {"// none\n{}", "broken.json is no JSON object"},
		"a setting by name": {`{"prod": {"archiveDays": 1}}`, "broken.json"},
	} {
		write("broken.json", row.content)
		if _, err := read(map[string]any{"stage": "broken"}); err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: %v, want %q", name, err, row.want)
		}
	}
	// A name that is no stage opens no file.
	if _, err := read(map[string]any{"stage": "../outside"}); err == nil || !strings.Contains(err.Error(), `stage "../outside"`) {
		t.Errorf("a path as a stage: %v", err)
	}
}

// The example is valid.
func TestExampleOfSettings(t *testing.T) {
	document, err := os.ReadFile("../settings/prod.example.json")
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "prod.json"), document, 0o644); err != nil {
		t.Fatal(err)
	}
	context, err := withFile(map[string]any{"stage": "prod"}, folder)
	if err != nil {
		t.Fatal(err)
	}
	if s := settingsOf(t, context); s.domainName == "" || s.alarmEmail == "" || s.account == "" {
		t.Errorf("the example sets %+v", s)
	}
}

// What is not in the template: where the stack goes, its tags and its protection.
func TestStackOfAStage(t *testing.T) {
	for _, row := range []struct {
		name      string
		context   map[string]any
		env       *awscdk.Environment
		account   string // that the stack goes to; "" for any
		protected bool
		tags      map[string]string
	}{
		{"dev", nil, nil, "", false, map[string]string{"dsync:stage": "dev"}},
		{"prod", production, nil, "", true, map[string]string{"dsync:stage": "prod"}},
		{"everything", everything, nil, "", true, map[string]string{"dsync:stage": "dev", "team": "identity", "cost-center": "1234"}},
		{"an account and a Region", with(with(production, "account", "111122223333"), "region", "us-east-1"), nil, "111122223333", true, map[string]string{"dsync:stage": "prod"}},
		{"credentials", production, &awscdk.Environment{Account: jsii.String("999900001111"), Region: jsii.String("us-east-1")}, "999900001111", true, map[string]string{"dsync:stage": "prod"}},
		{"an account without a Region", with(production, "account", "111122223333"), nil, "", true, map[string]string{"dsync:stage": "prod"}},
	} {
		stack, err := New(app(t.TempDir(), row.context), "Test", Props{System: topology.Dsync(), Dist: dist, StackProps: awscdk.StackProps{Env: row.env}})
		if err != nil {
			t.Errorf("%s: %v", row.name, err)
			continue
		}
		account := *stack.Account()
		if *awscdk.Token_IsUnresolved(stack.Account()) {
			account = ""
		}
		tags := map[string]string{}
		for key, value := range *stack.Tags().TagValues() {
			tags[key] = *value
		}
		if diff := cmp.Diff(row.tags, tags); diff != "" {
			t.Errorf("%s: tags (-want +got):\n%s", row.name, diff)
		}
		if account != row.account || *stack.TerminationProtection() != row.protected {
			t.Errorf("%s: goes to %q, protected %v", row.name, account, *stack.TerminationProtection())
		}
	}
}

// scoped are names that are unique within something else, which has a name of its
// own in each stage.
var scoped = map[string]bool{
	"AWS::Events::Rule Name":                   true, // on its bus
	"AWS::EventSchemas::Schema SchemaName":     true, // in its registry
	"AWS::ApiGatewayV2::Stage StageName":       true, // of its API
	"AWS::ApiGatewayV2::DomainName DomainName": true, // chosen by the operator
	"AWS::ApiGatewayV2::ApiMapping DomainName": true,
	"AWS::CloudWatch::Alarm MetricName":        true, // names no resource
	"AWS::DynamoDB::Table TimeToLive":          true,
}

// Two stages can be in one account and Region. A physical name exists once per
// account and Region; so do the id of a statement of a bus and the name of an export.
func TestStagesShareAnAccount(t *testing.T) {
	one, other := read(t, synthesized.full), read(t, synthesized.other)
	names := regexp.MustCompile(`(^|[a-z])Name$|^StatementId$`)
	compared := 0
	for id, resource := range one.Resources {
		for property, value := range resource.Properties {
			text, literal := value.(string)
			if !literal || !names.MatchString(property) || scoped[resource.Type+" "+property] {
				continue
			}
			compared++
			if text == other.at(id).text(property) {
				t.Errorf("%s (%s): %s is %q in each stage", id, resource.Type, property, text)
			}
		}
	}
	// The bus, its two policies, the registry, the API, the dashboard and the alarms at least.
	if compared < 20 {
		t.Errorf("%d names were compared", compared)
	}
	exports := map[string]bool{}
	for _, output := range one.Outputs {
		exports[resolve(walk(output.Export, "Name"))] = output.Export != nil
	}
	for id, output := range other.Outputs {
		if exports[resolve(walk(output.Export, "Name"))] {
			t.Errorf("both stages export %s", id)
		}
	}
	if maps.Equal(one.Outputs["TableName"].Value.(map[string]any), map[string]any{}) {
		t.Error("no outputs were compared")
	}
}

package stack

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"dsync/internal/api"

	"github.com/google/go-cmp/cmp"
)

func TestSettingsOfThePage(t *testing.T) {
	var documented, there []string
	for _, row := range rows(section(t, document(t, "deploy.md"), "## Settings")) {
		documented = append(documented, strings.Join(row, " | "))
	}
	for _, s := range allSettings {
		there = append(there, fmt.Sprintf("`%s` | %s | %s", s.key, s.defaultText, s.description))
	}
	if diff := cmp.Diff(documented, there); diff != "" {
		t.Errorf("-docs/deploy.md +allSettings:\n%s", diff)
	}
}

// The settings in the example and in the commands on the page are valid.
func TestExamplesOfThePage(t *testing.T) {
	text := document(t, "deploy.md")
	_, example, _ := strings.Cut(text, "```json\n")
	example, _, _ = strings.Cut(example, "```")
	var context map[string]any
	if err := json.Unmarshal([]byte(strings.ReplaceAll(example, "/…", "/0f1e2d3c")), &context); err != nil {
		t.Fatal(err)
	}
	context["stage"] = "prod"
	if s := settingsOf(t, context); s.domainName == "" || s.alarmEmail == "" {
		t.Errorf("the example sets %+v", s)
	}
	for _, match := range regexp.MustCompile(`-c (\w+)=(\w+)`).FindAllStringSubmatch(text, -1) {
		settingsOf(t, map[string]any{match[1]: match[2]})
	}
}

// The command that creates the first API key has all required parameters.
func TestFirstAPIKey(t *testing.T) {
	line := resolve(read(t, synthesized.dev).Outputs["FirstApiKey"].Value)
	_, payload, _ := strings.Cut(line, "--payload '")
	payload, _, _ = strings.Cut(payload, "'")
	var given map[string]string
	if err := json.Unmarshal([]byte(payload), &given); err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, route := range api.Routes() {
		if route.Method != "POST" || route.Pattern != "/api_keys" {
			continue
		}
		for _, field := range route.Body {
			known[field.Name] = true
			if field.Required && given[field.Name] == "" {
				t.Errorf("the first key has no %s", field.Name)
			}
		}
	}
	for name := range given {
		if !known[name] {
			t.Errorf("a key has no %s", name)
		}
	}
	if len(known) == 0 {
		t.Error("there is no way to make a key")
	}
}

// docs/cost.md counts the metrics that the alarms of the stack watch.
func TestAlarmsOnTheBill(t *testing.T) {
	template := read(t, synthesized.prod)
	watched := 0
	for _, id := range template.of("AWS::CloudWatch::Alarm") {
		watched += len(readAlarm(template.Resources[id]).Measures)
	}
	if want := fmt.Sprintf("| CloudWatch alarms | %d metrics that they watch |", watched); !strings.Contains(document(t, "cost.md"), want) {
		t.Errorf("docs/cost.md does not say %q: change alarmMetrics in infra/cmd/cost, and go run ./infra/cmd/cost", want)
	}
}

package stack

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"dsync/infra/topology"
)

// sam local finds a function's binary through the metadata of the template,
// and the template through samconfig.toml.
func TestSamFindsTheBinaries(t *testing.T) {
	var synthesis struct {
		Resources map[string]struct {
			Type     string
			Metadata map[string]any
		}
	}
	if err := json.Unmarshal(synthesized.dev, &synthesis); err != nil {
		t.Fatal(err)
	}
	functions := 0
	for id, resource := range synthesis.Resources {
		if resource.Type != "AWS::Lambda::Function" {
			continue
		}
		functions++
		path, _ := resource.Metadata["aws:asset:path"].(string)
		name, err := os.ReadFile(filepath.Join(synthesized.folder, path, "bootstrap"))
		if path == "" || err != nil || !strings.HasPrefix(id, topology.LogicalID(string(name))) {
			t.Errorf("%s: aws:asset:path %q leads to %q, %v", id, path, name, err)
		}
		if property := resource.Metadata["aws:asset:property"]; property != "Code" {
			t.Errorf("%s: the asset is its %v", id, property)
		}
	}
	if functions == 0 {
		t.Error("the template has no function")
	}

	// The commands on the page.
	page := document(t, "deploy.md")
	commands := regexp.MustCompile(`sam local invoke (\w+) -e (\S+)`).FindAllStringSubmatch(page, -1)
	for _, command := range commands {
		if synthesis.Resources[command[1]].Type != "AWS::Lambda::Function" {
			t.Errorf("%s is no function of the template", command[1])
		}
		if _, err := os.Stat("../../" + command[2]); err != nil {
			t.Error(err)
		}
	}
	if len(commands) == 0 {
		t.Error("docs/deploy.md shows no sam local invoke")
	}

	file, err := os.Open("../../samconfig.toml")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	section, templates := "", map[string]string{}
	for lines := bufio.NewScanner(file); lines.Scan(); {
		line := strings.TrimSpace(lines.Text())
		if strings.HasPrefix(line, "[") {
			section = strings.Trim(line, "[]")
		}
		if value, found := strings.CutPrefix(line, "template_file = "); found {
			templates[section] = strings.Trim(value, `"`)
		}
	}
	for _, command := range []string{"local_start_api", "local_invoke", "validate"} {
		if got, want := templates["default."+command+".parameters"], "cdk.out/"+Name+".template.json"; got != want {
			t.Errorf("sam %s reads %q, the CDK writes %q", command, got, want)
		}
	}
}

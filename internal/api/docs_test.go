package api_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"dsync/internal/api"
	"dsync/internal/settings"

	"github.com/google/go-cmp/cmp"
)

// docs/api.md has the routes with their scopes, the settings with their
// defaults, the codes of refusals, and names of tests and files that are there.
func TestManual(t *testing.T) {
	b, err := os.ReadFile("../../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	manual := string(b)

	routes := map[string]string{}
	for _, r := range api.Routes() {
		scope := r.Scope
		if scope == api.Public {
			scope = "none"
		}
		routes[r.Method+" "+strings.ReplaceAll(r.Pattern, "+}", "}")] = scope
	}
	told := map[string]string{}
	for _, m := range regexp.MustCompile("(?m)^\\| `([A-Z]+ /[^`]*)` \\| (\\w+) \\|").FindAllStringSubmatch(manual, -1) {
		told[m[1]] = m[2]
	}
	if diff := cmp.Diff(routes, told); diff != "" {
		t.Errorf("routes (-), docs/api.md (+):\n%s", diff)
	}

	documented, byDefault := map[string]string{}, tree{}
	encoded, err := json.Marshal(settings.Default(settings.Entra))
	if err != nil {
		t.Fatal(err)
	}
	numbers := json.NewDecoder(bytes.NewReader(encoded))
	numbers.UseNumber()
	if err := numbers.Decode(&byDefault); err != nil {
		t.Fatal(err)
	}
	for name, v := range byDefault {
		if documented[name] = fmt.Sprintf("`%v`", v); name == "attribute_mapping" {
			documented[name] = "the predefined attributes of WorkOS"
		} else if s, ok := v.(string); ok {
			documented[name] = fmt.Sprintf("`%q`", s)
		}
	}
	told = map[string]string{}
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z]+_[a-z_]+)` \\| ([^|]+) \\|").FindAllStringSubmatch(manual, -1) {
		told[m[1]] = m[2]
	}
	if diff := cmp.Diff(documented, told); diff != "" {
		t.Errorf("settings (-), docs/api.md (+):\n%s", diff)
	}

	for _, m := range regexp.MustCompile(`\]\(([^)#]+)`).FindAllStringSubmatch(manual, -1) {
		if _, err := os.Stat(filepath.Join("../../docs", m[1])); err != nil {
			t.Error(err)
		}
	}
	names := regexp.MustCompile("`(\\w+)\\.(Test\\w+)`").FindAllStringSubmatch(manual, -1)
	if len(names) < 10 {
		t.Errorf("%d tests are named", len(names))
	}
	for _, m := range names {
		if !slices.Contains(tests(t, m[1]), m[2]) {
			t.Errorf("there is no %s.%s", m[1], m[2])
		}
	}
}

// tests are the tests of a package of internal.
func tests(t *testing.T, pkg string) (all []string) {
	t.Helper()
	files, err := filepath.Glob("../" + pkg + "/*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`(?m)^func (Test\w+)\(`).FindAllSubmatch(b, -1) {
			all = append(all, string(m[1]))
		}
	}
	return all
}

// The codes that docs/api.md tells of are those of the code.
func TestManualCodes(t *testing.T) {
	b, err := os.ReadFile("../../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	told := map[string]bool{}
	for _, line := range strings.Split(string(b), "\n") {
		if regexp.MustCompile(`^\| (4\d\d|413, 415) \|`).MatchString(line) {
			for _, m := range regexp.MustCompile("`([a-z]+_[a-z_]+)`").FindAllStringSubmatch(line, -1) {
				told[m[1]] = true
			}
		}
	}
	known := map[string]bool{}
	for _, folder := range []string{".", "../management"} {
		files, err := filepath.Glob(folder + "/*.go")
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			source, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range regexp.MustCompile(`(?:badRequest\(|conflict\(|fault\.New\(fault\.\w+, )"([a-z_]+)"`).FindAllSubmatch(source, -1) {
				known[string(m[1])] = true
			}
		}
	}
	delete(known, "entity_not_found") // told as a member of its body
	if diff := cmp.Diff(known, told); diff != "" {
		t.Errorf("code (-), docs/api.md (+):\n%s", diff)
	}
}

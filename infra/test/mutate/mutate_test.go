package mutate

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// Every mutant applies: its old text is in its file, once.
func TestMutantsApply(t *testing.T) {
	suites, err := Suites()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range suites {
		if len(s.Mutants) == 0 {
			t.Errorf("%s has no mutants", s.Name)
		}
		if want := strings.ReplaceAll(strings.TrimPrefix(strings.TrimPrefix(s.Package, "internal/"), "events/"), "/", "."); s.Name != want {
			t.Errorf("the mutants of %s are in %s.txt, want %s.txt", s.Package, s.Name, want)
		}
		for _, m := range s.Mutants {
			if _, _, err := s.Apply("../../..", m); err != nil {
				t.Error(err)
			}
		}
	}
}

const suite = `package: limits
flags: -v
fast: -run=Fast

# A comment.
mutant: one more
file: limits.go
- n <= 10
+ n <= 11

mutant: two lines
file: limits.go
- func Fits(n int) bool {
- 	return
+ func Fits(n int) bool {
+ 	return true ||
survives: why not
`

// A file of mutants is read as it is documented, and a wrong one is an error.
func TestParse(t *testing.T) {
	got, err := parse(suite)
	want := Suite{Package: "limits", Flags: []string{"-v"}, Fast: []string{"-run=Fast"}, Mutants: []Mutant{
		{Name: "one more", File: "limits.go", Old: "n <= 10", New: "n <= 11"},
		{Name: "two lines", File: "limits.go", Old: "func Fits(n int) bool {\n\treturn", New: "func Fits(n int) bool {\n\treturn true ||", Survives: "why not"},
	}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Error(err, diff)
	}
	const mutant = "\n\nmutant: m\nfile: f.go\n- a\n+ b\n"
	for name, text := range map[string]string{
		"no package":      "fast: -run=x" + mutant,
		"no name":         "package: p\n\nfile: f.go\n- a\n+ b\n",
		"no old text":     "package: p\n\nmutant: m\nfile: f.go\n+ b\n",
		"no change":       "package: p\n\nmutant: m\nfile: f.go\n- a\n+ a\n",
		"two reasons":     "package: p" + mutant + "equivalent: x\nsurvives: y\n",
		"a name twice":    "package: p" + mutant + mutant,
		"an unknown line": "package: p" + mutant + "reason: x\n",
	} {
		if s, err := parse(text); err == nil {
			t.Errorf("%s: %+v", name, s)
		}
	}
}

// module writes a module of one package, whose test looks at the limit only.
func module(t *testing.T) (root string) {
	t.Helper()
	root = t.TempDir()
	for name, text := range map[string]string{
		"go.mod":                "module example\n\ngo 1.26\n",
		"limits/limits.go":      "package limits\n\nfunc Fits(n int) bool {\n\treturn n <= 10\n}\n",
		"limits/limits_test.go": "package limits\n\nimport \"testing\"\n\nfunc TestFits(t *testing.T) {\n\tif !Fits(10) || Fits(11) {\n\t\tt.Error(\"limit\")\n\t}\n}\n",
	} {
		path := filepath.Join(root, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// A mutant that fails a test is killed, and the working tree stays as it is. One
// that does not apply or compile is an error, and so are tests that fail without a
// mutant.
func TestRun(t *testing.T) {
	root := module(t)
	s := Suite{Name: "limits", Package: "limits", Mutants: []Mutant{
		{Name: "killed", File: "limits.go", Old: "n <= 10", New: "n <= 11"},
		{Name: "survives", File: "limits.go", Old: "n <= 10", New: "n <= 10 && n > 0"},
		{Name: "does not compile", File: "limits.go", Old: "n <= 10", New: "m <= 10"},
		{Name: "does not apply", File: "limits.go", Old: "n >= 10", New: "n > 10"},
		{Name: "does not apply once", File: "limits.go", Old: "n", New: "m"},
		{Name: "is not run", File: "limits.go", Old: "n <= 10", New: "true"},
	}}
	c := Config{Root: root, Match: "^(killed|survives|does)", Timeout: time.Minute}
	var results []Result
	var got []string
	for r, err := range c.Run(t.Context(), s) {
		got = append(got, fmt.Sprintf("%s: killed %v by %q, failed %v", r.Mutant.Name, r.Killed, r.Test, err != nil))
		if err == nil {
			results = append(results, r)
		}
	}
	want := []string{
		`killed: killed true by "TestFits", failed false`,
		`survives: killed false by "", failed false`,
		`does not compile: killed false by "", failed true`,
		`does not apply: killed false by "", failed true`,
		`does not apply once: killed false by "", failed true`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if code, err := os.ReadFile(filepath.Join(root, "limits/limits.go")); err != nil || !strings.Contains(string(code), "n <= 10\n") {
		t.Errorf("the working tree has %s, %v", code, err)
	}
	var table strings.Builder
	if Summary(&table, results) || !strings.Contains(table.String(), "50 %") {
		t.Errorf("passed, or no table:\n%s", table.String())
	}
	results[1].Mutant.Equivalent = "why not"
	table.Reset()
	if !Summary(&table, results) || !strings.Contains(table.String(), "100 %") {
		t.Errorf("not passed, or no table:\n%s", table.String())
	}

	if err := os.WriteFile(filepath.Join(root, "limits/limits.go"), []byte("package limits\n\nfunc Fits(int) bool { return true }\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for r, err := range c.Run(t.Context(), s) {
		if err == nil || !strings.Contains(err.Error(), "without a mutant") {
			t.Errorf("%+v, %v", r, err)
		}
	}
}

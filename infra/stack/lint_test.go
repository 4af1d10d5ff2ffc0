package stack

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// `make lint` runs cfn-lint on the template with default settings. This test runs
// it on templates with other settings.
func TestLint(t *testing.T) {
	lint, err := exec.LookPath("cfn-lint")
	if err != nil {
		t.Skip("cfn-lint is not installed: the templates were not checked (pip install cfn-lint)")
	}
	// W3005: the CDK writes a DependsOn from each function to its role, which
	// is implied.
	arguments := []string{"--ignore-checks", "W3005", "--"}
	for name, document := range map[string][]byte{"full": synthesized.full, "restored": synthesized.restored} {
		file := filepath.Join(t.TempDir(), name+".template.json")
		if err := os.WriteFile(file, document, 0o644); err != nil {
			t.Fatal(err)
		}
		arguments = append(arguments, file)
	}
	if out, err := exec.Command(lint, arguments...).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

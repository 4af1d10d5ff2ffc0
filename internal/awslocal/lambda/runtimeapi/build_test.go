package runtimeapi

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// `make build` and Build use the same flags.
func TestBuildFlagsMatchTheMakefile(t *testing.T) {
	makefile, err := os.ReadFile("../../../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	words := []string{"CGO_ENABLED=0", "GOOS=linux", "GOARCH=arm64", "go", "build"}
	for _, flag := range buildFlags {
		if strings.Contains(flag, " ") {
			flag = "'" + flag + "'"
		}
		words = append(words, flag)
	}
	if want := "\nLAMBDA_BUILD := " + strings.Join(words, " ") + "\n"; !strings.Contains(string(makefile), want) {
		t.Errorf("the Makefile does not have the line%s", want)
	}
}

func TestBuildErrors(t *testing.T) {
	dir := t.TempDir()
	if err := Build(t.Context(), dir, "", "no-such-function"); err == nil || !strings.Contains(err.Error(), "functions/no-such-function") {
		t.Errorf("error %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) > 0 {
		t.Errorf("files remain: %v", left)
	}
	t.Setenv("PATH", "")
	if err := Build(t.Context(), dir, "", "users"); err == nil || !strings.Contains(err.Error(), exec.ErrNotFound.Error()) {
		t.Errorf("error %v", err)
	}
}

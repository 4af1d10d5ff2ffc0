package arch_test

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The limits of sizes. A package that exceeds its limit has more than one
// subject; a file that exceeds its limit has, too.
const (
	maxPackageLines = 2500 // lines of code, without comments and blank lines
	maxFileLines    = 400  // lines of text
)

// Packages and files stay small. Tests do not count.
func TestSizes(t *testing.T) {
	packages := map[string]int{}
	for _, file := range files(t, root, ".go") {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		lines := 0
		for scanner := bufio.NewScanner(bytes.NewReader(text)); scanner.Scan(); {
			lines++
			if line := strings.TrimSpace(scanner.Text()); line != "" && !strings.HasPrefix(line, "//") {
				packages[filepath.Dir(file)]++
			}
		}
		if lines > maxFileLines {
			t.Errorf("%s has %d lines", file, lines)
		}
	}
	if len(packages) < 40 {
		t.Fatalf("only %d packages were found", len(packages))
	}
	for folder, lines := range packages {
		if lines >= maxPackageLines {
			t.Errorf("%s has %d lines of code", folder, lines)
		}
	}
}

// maxTracked is the size of the largest file that is no binary: a picture of the docs.
const maxTracked = 1 << 20

// The top level has what the README names, and what tools demand. No build output is
// tracked.
func TestWhatIsTracked(t *testing.T) {
	out, err := exec.Command("git", "-C", root, "ls-files").Output()
	if err != nil {
		t.Skip("this is no clone with git:", err)
	}
	top := map[string]bool{
		".ci": true, ".gitignore": true, "LICENSE": true, "Makefile": true, "README.md": true, "cdk.json": true, "docs": true, "events": true,
		"functions": true, "go.mod": true, "go.sum": true, "infra": true, "internal": true, "package-lock.json": true, "package.json": true, "samconfig.toml": true,
	}
	tracked := strings.Fields(string(out))
	if len(tracked) < 100 {
		t.Fatalf("only %d files are tracked", len(tracked))
	}
	for _, name := range tracked {
		if first, _, _ := strings.Cut(name, "/"); !top[first] {
			t.Errorf("%s is at the top level", name)
		}
		if info, err := os.Stat(filepath.Join(root, name)); err == nil && info.Size() > maxTracked {
			t.Errorf("%s has %d bytes", name, info.Size())
		}
	}
}

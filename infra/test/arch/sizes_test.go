package arch_test

import (
	"bufio"
	"bytes"
	"os"
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

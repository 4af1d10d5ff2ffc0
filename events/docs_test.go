package events_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// docs/consuming.md names what is there: files, and every pattern.
func TestDocument(t *testing.T) {
	text := string(readFile(t, "../docs/consuming.md"))
	links := regexp.MustCompile(`\]\(([^)#]+)`).FindAllStringSubmatch(text, -1)
	if len(links) < 5 {
		t.Errorf("%d links", len(links))
	}
	for _, link := range links {
		if _, err := os.Stat(filepath.Join("../docs", link[1])); err != nil {
			t.Error(err)
		}
	}
	for _, pattern := range names(t, "patterns") {
		if !strings.Contains(text, "`"+pattern+".json`") {
			t.Errorf("the pattern %s is not told of", pattern)
		}
	}
	for _, name := range regexp.MustCompile("`([a-z-]+\\.json)`").FindAllStringSubmatch(text, -1) {
		if _, err := os.Stat(filepath.Join("patterns", name[1])); err != nil {
			t.Error(err)
		}
	}
}

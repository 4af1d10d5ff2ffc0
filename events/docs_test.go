package events_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"dsync/internal/dsync"
)

// The files and patterns that docs/consuming.md names exist, and it names every
// pattern.
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
			t.Errorf("the pattern %s is missing", pattern)
		}
	}
	for _, name := range regexp.MustCompile("`([a-z-]+\\.json)`").FindAllStringSubmatch(text, -1) {
		if _, err := os.Stat(filepath.Join("patterns", name[1])); err != nil {
			t.Error(err)
		}
	}
}

// The table of events in docs/consuming.md is the catalogue, with the
// descriptions of the schemas.
func TestDocumentListsTheCatalogue(t *testing.T) {
	var want []string
	for _, row := range dsync.Catalogue {
		var schema struct{ Description string }
		if err := json.Unmarshal(readFile(t, filepath.Join("schemas", row.Name+".json")), &schema); err != nil {
			t.Fatal(err)
		}
		var removes []string
		for _, subject := range row.Removes {
			removes = append(removes, string(subject))
		}
		line := "| `" + row.Name + "` | " + string(row.Subject) + " | " + strings.Join(removes, ", ") + " | " + schema.Description + " |"
		want = append(want, strings.ReplaceAll(line, "|  |", "| |"))
	}
	var got []string
	for line := range strings.Lines(string(readFile(t, "../docs/consuming.md"))) {
		if strings.HasPrefix(line, "| `dsync.") {
			got = append(got, strings.TrimSuffix(line, "\n"))
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("the table is\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// Every event that README.md and docs/ name exists.
func TestDocumentsNameRealEvents(t *testing.T) {
	files, err := filepath.Glob("../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, file := range append(files, "../README.md") {
		for _, name := range regexp.MustCompile("`(dsync\\.[a-z_.]+[a-z])`").FindAllStringSubmatch(string(readFile(t, file)), -1) {
			if found++; !slices.Contains(dsync.Names, name[1]) && !strings.HasSuffix(name[1], ".json") {
				t.Errorf("%s: there is no event %s", file, name[1])
			}
		}
	}
	if found < len(dsync.Names) {
		t.Errorf("%d names", found)
	}
}

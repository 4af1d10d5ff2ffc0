package arch_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// A citation of a section: "entra.md section 8", "entra.md 2.2", "workos.md
// sections 1.3 and 1.4", "entra.md 4, 15". A line break with a comment marker
// may stand between the words.
var (
	citation = regexp.MustCompile(`(entra|workos)\.md[\s/]*(?:sections?)?[\s/]*(\d+(?:\.\d+)?(?:(?:,| and| or)[\s/]+\d+(?:\.\d+)?)*)`)
	number   = regexp.MustCompile(`\d+(?:\.\d+)?`)
	// A quirk or decision: cited after the page's name, in a list of quirks of a
	// fixture, or in the name of a test row ("entra Q11: …", "D7").
	numbered = regexp.MustCompile(`(?:\bentra\.md|\bentra|"|,)[\s/]*((?:[QD]\d+[,\s"]*)+)`)
	rowID    = regexp.MustCompile(`[QD]\d+`)
	heading  = regexp.MustCompile(`(?m)^#{2,3} (\d+(?:\.\d+)?)\.? `)
	tableRow = regexp.MustCompile(`(?m)^\| ([QD]\d+) \|`)
)

// facts are the pages that are cited.
type facts struct {
	sections map[string]map[string]bool // page → numbers of its sections
	rows     map[string]bool            // Q and D
}

func readFacts(t *testing.T) facts {
	t.Helper()
	f := facts{map[string]map[string]bool{}, map[string]bool{}}
	for _, page := range []string{"entra", "workos"} {
		text, err := os.ReadFile(filepath.Join(root, "docs", page+".md"))
		if err != nil {
			t.Fatal(err)
		}
		f.sections[page] = map[string]bool{}
		for _, m := range heading.FindAllSubmatch(text, -1) {
			f.sections[page][string(m[1])] = true
		}
		for _, m := range tableRow.FindAllSubmatch(text, -1) {
			f.rows[string(m[1])] = true
		}
	}
	return f
}

// unresolved lists the citations of a text that lead nowhere, and counts all.
func (f facts) unresolved(text string) (missing []string, cited int) {
	for _, m := range citation.FindAllStringSubmatch(text, -1) {
		for _, n := range number.FindAllString(m[2], -1) {
			cited++
			if !f.sections[m[1]][n] {
				missing = append(missing, fmt.Sprintf("docs/%s.md has no section %s", m[1], n))
			}
		}
	}
	for _, m := range numbered.FindAllStringSubmatch(text, -1) {
		for _, row := range rowID.FindAllString(m[1], -1) {
			cited++
			if !f.rows[row] {
				missing = append(missing, "docs/entra.md has no row "+row)
			}
		}
	}
	return missing, cited
}

// Every citation of docs/entra.md and docs/workos.md resolves to a section or
// a row, in code, fixtures and documents.
func TestCitationsResolve(t *testing.T) {
	f := readFacts(t)
	cmd := exec.Command("git", "ls-files", "-co", "--exclude-standard", "*.go", "*.json", "*.md", "*.mjs", "Makefile")
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	total := 0
	for _, file := range bytes.Split(bytes.TrimSpace(out), []byte("\n")) {
		text, err := os.ReadFile(filepath.Join(root, string(file)))
		if os.IsNotExist(err) {
			continue // deleted in the work tree
		} else if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(string(file), "infra/test/arch/citations_test.go") {
			continue
		}
		missing, cited := f.unresolved(string(text))
		total += cited
		for _, m := range missing {
			t.Errorf("%s: %s", file, m)
		}
	}
	if total < 300 {
		t.Errorf("only %d citations were found", total)
	}
}

// The check notices a citation that leads nowhere.
func TestUnknownCitationsAreNoticed(t *testing.T) {
	f := readFacts(t)
	for _, text := range []string{"entra.md section 99", "entra.md\n// section 2.9", "workos.md sections 1.3 and 1.99", "entra.md 12", "(entra.md Q77)", `"quirks": ["Q1", "Q43"]`, "entra D31"} {
		if missing, _ := f.unresolved(text); len(missing) != 1 {
			t.Errorf("%q: %v", text, missing)
		}
	}
}

// The rows of docs/entra.md are those of the catalogue of tests.
func TestRowsAreInTheCatalogue(t *testing.T) {
	f := readFacts(t)
	held := map[string]bool{}
	for _, r := range catalogue {
		held[r.id] = true
		if !f.rows[r.id] {
			t.Errorf("docs/entra.md does not explain %s", r.id)
		}
	}
	for row := range f.rows {
		if !held[row] {
			t.Errorf("no test holds %s of docs/entra.md", row)
		}
	}
}

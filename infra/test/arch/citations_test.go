package arch_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// What a text can cite of docs/entra.md and docs/workos.md:
//   - a section: "entra.md section 8", "entra.md 2.2", "workos.md sections 1.3
//     and 1.4", "entra.md 4, 15". A line break with a comment marker may stand
//     between the words;
//   - a part of a section: "entra.md 2.2 U4", "entra.md 0, points 2 and 4",
//     "entra.md 2.2, example 5", "entra.md 1, AWS note";
//   - a quirk or a decision, wherever Q or D and a number form a word.
//
// "entra.md" with none of these is an error. A mention of docs/entra.md, the
// file, and a link in Markdown are not citations.
var (
	citation = regexp.MustCompile(`(docs/|\[|\]\()?\b(entra|workos)\.md((?:#[\w-]*)?)[\s/]*(?:(?:sections?)?[\s/]*(\d+(?:\.\d+)?(?:(?:,| and| or| to)[\s/]+\d+(?:\.\d+)?)*)((?: [UG]\d+|, points? \d+(?: and \d+)*|, example \d+|, AWS note)?)|([QD]\d+))?`)
	number   = regexp.MustCompile(`\d+(?:\.\d+)?`)
	rowID    = regexp.MustCompile(`\b[QD]\d{1,2}\b`)
	heading  = regexp.MustCompile(`^#{2,3} (\d+(?:\.\d+)?)\.? `)
	tableRow = regexp.MustCompile(`^\| (?:<a id="[qd]\d+"></a>)?([UGQD]\d+) \|`)
	point    = regexp.MustCompile(`^(\d+)\. `)
	example  = regexp.MustCompile(`^- \*\*Example (\d+):\*\*`)
	link     = regexp.MustCompile(`\]\((?:[\w./-]*?)((?:entra|workos)\.md)?#([\w-]+)\)`)
)

// facts are the pages that are cited.
type facts struct {
	sections map[string]bool // "entra 2.2"
	parts    map[string]bool // "entra 2.2 U4", "entra 0 point 5", "entra 2.2 example 1", "entra 1 AWS note"
	rows     map[string]bool // Q and D
}

func readFacts(t *testing.T) facts {
	t.Helper()
	f := facts{map[string]bool{}, map[string]bool{}, map[string]bool{}}
	for _, page := range []string{"entra", "workos"} {
		text, err := os.ReadFile(filepath.Join(root, "docs", page+".md"))
		if err != nil {
			t.Fatal(err)
		}
		section := ""
		add := func(to map[string]bool, key string) {
			if to[key] {
				t.Errorf("docs/%s.md: %q comes twice", page, key)
			}
			to[key] = true
		}
		for line := range strings.Lines(string(text)) {
			if m := heading.FindStringSubmatch(line); m != nil {
				section = page + " " + m[1]
				add(f.sections, section)
			}
			if m := tableRow.FindStringSubmatch(line); m != nil {
				if m[1][0] == 'Q' || m[1][0] == 'D' {
					add(f.rows, m[1])
				} else {
					add(f.parts, section+" "+m[1])
				}
			}
			if m := point.FindStringSubmatch(line); m != nil {
				add(f.parts, section+" point "+m[1])
			}
			if m := example.FindStringSubmatch(line); m != nil {
				add(f.parts, section+" example "+m[1])
			}
			if strings.HasPrefix(line, "**AWS note.**") {
				add(f.parts, section+" AWS note")
			}
		}
	}
	return f
}

// unresolved lists the citations of a text that lead nowhere, and counts all.
func (f facts) unresolved(text string) (missing []string, cited int) {
	for _, m := range citation.FindAllStringSubmatch(text, -1) {
		file, page, anchor, sections, part, row := m[1] != "", m[2], m[3] != "", m[4], m[5], m[6]
		numbers := number.FindAllString(sections, -1)
		cited += len(numbers)
		switch {
		case len(numbers) == 0 && row == "" && !file && !anchor:
			missing = append(missing, page+".md is cited without a section")
		case len(numbers) == 0:
			// The name of the file, or a row, which is looked up below.
		default:
			for _, n := range numbers {
				if !f.sections[page+" "+n] {
					missing = append(missing, fmt.Sprintf("docs/%s.md has no section %s", page, n))
				}
			}
			for _, p := range parts(part) {
				if p = page + " " + numbers[len(numbers)-1] + " " + p; !f.parts[p] {
					missing = append(missing, "there is no "+p)
				}
			}
		}
	}
	for _, row := range rowID.FindAllString(text, -1) {
		cited++
		if !f.rows[row] {
			missing = append(missing, "docs/entra.md has no row "+row)
		}
	}
	return missing, cited
}

// parts are the keys of what follows the number of a section in a citation.
func parts(text string) []string {
	text = strings.Trim(text, ", ")
	word, rest, _ := strings.Cut(text, " ")
	switch word {
	case "":
		return nil
	case "point", "points":
		var all []string
		for _, n := range number.FindAllString(rest, -1) {
			all = append(all, "point "+n)
		}
		return all
	}
	return []string{text}
}

// texts of the project that cite, by path.
func citing(t *testing.T) map[string]string {
	t.Helper()
	cmd := exec.Command("git", "ls-files", "-co", "--exclude-standard", "*.go", "*.json", "*.md", "*.mjs", "*.yaml", "Makefile")
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, file := range bytes.Fields(out) {
		path := string(file)
		if path == "package-lock.json" || path == "infra/test/arch/citations_test.go" {
			continue
		}
		text, err := os.ReadFile(filepath.Join(root, path))
		if os.IsNotExist(err) {
			continue // deleted in the work tree
		} else if err != nil {
			t.Fatal(err)
		}
		all[path] = string(text)
	}
	return all
}

// Every citation of docs/entra.md and docs/workos.md resolves to a section, a
// part of one or a row, in code, fixtures and documents.
func TestCitationsResolve(t *testing.T) {
	f := readFacts(t)
	total := 0
	for path, text := range citing(t) {
		missing, cited := f.unresolved(text)
		total += cited
		for _, m := range missing {
			t.Errorf("%s: %s", path, m)
		}
	}
	if total < 500 {
		t.Errorf("only %d citations were found", total)
	}
}

// The source of a fixture is a citation or a section of an RFC and nothing
// else. Its rows begin with a section and, in sections 2.2 and 2.3, with the
// number of a request.
func TestSourcesOfFixturesResolve(t *testing.T) {
	f := readFacts(t)
	for path, text := range citing(t) {
		if !strings.HasPrefix(path, "events/entra/") {
			continue
		}
		var fixture struct {
			Source string
			Rows   []string
		}
		if err := json.Unmarshal([]byte(text), &fixture); err != nil {
			t.Fatal(err)
		}
		for _, problem := range f.ofFixture(fixture.Source, fixture.Rows) {
			t.Errorf("%s: %s", path, problem)
		}
	}
}

var (
	rfcSection = regexp.MustCompile(`^RFC \d{4} \d+(\.\d+)*$`)
	rowPlace   = regexp.MustCompile(`^(\d+(?:\.\d+)?) ([UG]\d+)?`)
)

func (f facts) ofFixture(source string, rows []string) (problems []string) {
	if m := citation.FindString(source); !rfcSection.MatchString(source) && (m == "" || m != source) {
		problems = append(problems, fmt.Sprintf("the source %q is not a citation", source))
	}
	for _, row := range rows {
		if strings.HasPrefix(row, "Must: ") {
			continue
		}
		m := rowPlace.FindStringSubmatch(row)
		if m == nil || !f.sections["entra "+m[1]] || m[2] != "" && !f.parts["entra "+m[1]+" "+m[2]] {
			problems = append(problems, fmt.Sprintf("the row %q is nowhere in docs/entra.md", row))
		}
	}
	return problems
}

// Links within the two pages, and to their anchors, lead somewhere.
func TestAnchorsResolve(t *testing.T) {
	all := citing(t)
	anchors := map[string]bool{}
	for _, page := range []string{"entra", "workos"} {
		for line := range strings.Lines(all["docs/"+page+".md"]) {
			if title, ok := strings.CutPrefix(strings.TrimLeft(line, "#"), " "); ok && line[0] == '#' {
				plain := regexp.MustCompile(`[^\w\- ]`).ReplaceAllString(strings.ToLower(strings.TrimSpace(title)), "")
				anchors[page+".md#"+strings.ReplaceAll(plain, " ", "-")] = true
			}
			for _, m := range regexp.MustCompile(`<a id="([\w-]+)">`).FindAllStringSubmatch(line, -1) {
				anchors[page+".md#"+m[1]] = true
			}
		}
	}
	for path, text := range all {
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			page := m[1]
			if page == "" {
				page = filepath.Base(path)
			}
			if slices.Contains([]string{"entra.md", "workos.md"}, page) && !anchors[page+"#"+m[2]] {
				t.Errorf("%s: %s has no anchor %s", path, page, m[2])
			}
		}
	}
}

// The checks notice what leads nowhere.
func TestUnknownCitationsAreNoticed(t *testing.T) {
	f := readFacts(t)
	for _, text := range []string{
		"entra.md section 99", "entra.md\n// section 2.9", "workos.md sections 1.3 and 1.99", "entra.md 12", "(entra.md Q77)",
		`"quirks": ["Q1", "Q43"]`, "entra D31", "hostile Q99: x", "(Q0)", "entra.md says so", "entra.md 2.2 U7", "entra.md 2.2 G1",
		"entra.md 0, points 2 and 40", "entra.md 2.2, example 3", "entra.md 2, AWS note", "workos.md section 1.1 U1",
	} {
		if missing, _ := f.unresolved(text); len(missing) != 1 {
			t.Errorf("%q: %v", text, missing)
		}
	}
	for _, text := range []string{
		"entra.md section 2.2", "(entra.md\n\t// section 0, point 5)", "docs/entra.md", "[x](entra.md#q4)", "[entra.md](entra.md)", "workos.md sections 1.3 and 1.4",
		"entra.md 0, points 2 and 4", "entra.md 1, AWS note", "entra.md 2.2, example 5", "entra.md 2.3 G8", "entra.md Q1, Q42 and D30",
	} {
		if missing, _ := f.unresolved(text); len(missing) != 0 {
			t.Errorf("%q: %v", text, missing)
		}
	}
	for _, source := range []string{"", "entra.md 4, S20", "a page", "RFC 7644", "entra.md 8 and more"} {
		if len(f.ofFixture(source, nil)) != 1 {
			t.Errorf("the source %q passes", source)
		}
	}
	for _, row := range []string{"2.2 U7", "12 x", "x", "2.3 U1"} {
		if len(f.ofFixture("entra.md 8", []string{row})) != 1 {
			t.Errorf("the row %q passes", row)
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

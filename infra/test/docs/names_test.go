package docs

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const root = "../../.."

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// pages are the README and the pages of docs/, by path.
func pages(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil || len(files) < 8 {
		t.Fatal(len(files), err)
	}
	all := map[string]string{"README.md": read(t, "README.md")}
	for _, file := range files {
		path, err := filepath.Rel(root, file)
		if err != nil {
			t.Fatal(err)
		}
		all[path] = read(t, path)
	}
	return all
}

// block is a fenced block of a page.
type block struct{ language, text string }

var fence = regexp.MustCompile("(?ms)^ *```(\\w*)\n(.*?)^ *```$")

func blocks(page string) (all []block) {
	for _, match := range fence.FindAllStringSubmatch(page, -1) {
		all = append(all, block{match[1], match[2]})
	}
	return all
}

// invocations are the calls of make in a text, in blocks and in the line, without the
// word make: `make tail`, `PORT=9090 make run`.
func invocations(page string) (all []string) {
	call := regexp.MustCompile(`((?:\b[A-Z_]+=\S+ )*)make ([a-z][a-z-]*(?: [A-Z_]+=(?:'[^']*'|[^\s` + "`" + `;,()]+))*)`)
	code := func(text string) {
		for _, match := range call.FindAllStringSubmatch(text, -1) {
			all = append(all, match[1]+match[2])
		}
	}
	for _, b := range blocks(page) {
		code(b.text)
	}
	for _, match := range regexp.MustCompile("`([^`\n]+)`").FindAllStringSubmatch(fence.ReplaceAllString(page, ""), -1) {
		code(match[1])
	}
	return all
}

// tasks are those of the Makefile, with the variables that its help names.
func tasks(t *testing.T) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	for _, match := range regexp.MustCompile(`(?m)^([a-z-]+):.*?## (.*)$`).FindAllStringSubmatch(read(t, "Makefile"), -1) {
		all[match[1]] = regexp.MustCompile(`\b[A-Z]{2,}(_[A-Z]+)*\b`).FindAllString(match[2], -1)
	}
	if len(all) < 25 {
		t.Fatalf("only the tasks %q were found", slices.Collect(maps.Keys(all)))
	}
	return all
}

// Each task and each variable on the pages exists: a variable is one of the Makefile,
// or the code reads it from the environment. Each task of the Makefile that a user
// or an operator runs is on a page.
func TestTasks(t *testing.T) {
	known := tasks(t)
	source := read(t, "Makefile")
	out, err := exec.Command("git", "-C", root, "ls-files", "-co", "--exclude-standard", "infra/cmd", "infra/local", "internal/awslocal").Output()
	if err != nil {
		t.Fatal(err)
	}
	for file := range strings.Lines(string(out)) {
		if file = strings.TrimSpace(file); strings.HasSuffix(file, ".go") && !strings.HasSuffix(file, "_test.go") {
			source += read(t, file)
		}
	}
	used := map[string]bool{}
	for path, text := range pages(t) {
		for _, call := range invocations(text) {
			var task string
			for _, word := range strings.Fields(regexp.MustCompile(`'[^']*'`).ReplaceAllString(call, "x")) {
				name, _, variable := strings.Cut(word, "=")
				if !variable {
					task = word
				} else if !strings.HasPrefix(name, "AWS_") && !regexp.MustCompile(`[("]`+name+`[)"]|\$\$?\(?`+name+`\b|`+name+` +\?=`).MatchString(source) {
					t.Errorf("%s: make %s: nothing reads %s", path, call, name)
				}
			}
			used[task] = true
			if known[task] == nil && !strings.Contains(source, "\n"+task+": ## ") && !regexp.MustCompile(`(?m)^`+task+`:`).MatchString(source) {
				t.Errorf("%s: there is no task %s", path, task)
			}
		}
	}
	for task := range known {
		if !used[task] && !slices.Contains([]string{"clean", "fuzz", "lint", "help", "release", "screenshots"}, task) {
			t.Errorf("no page has make %s", task)
		}
	}
}

// Each block of commands is a script that a shell can read.
func TestBlocksAreScripts(t *testing.T) {
	n := 0
	for path, text := range pages(t) {
		for _, b := range blocks(text) {
			if b.language != "sh" {
				continue
			}
			n++
			cmd := exec.Command("sh", "-n")
			cmd.Stdin = strings.NewReader(b.text)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%s: %v %s\n%s", path, err, out, b.text)
			}
		}
	}
	if n < 10 {
		t.Errorf("only %d blocks were found", n)
	}
}

// Each file and page to which a page links exists, with its heading.
func TestLinks(t *testing.T) {
	all := pages(t)
	headings := func(page string) map[string]bool {
		found := map[string]bool{}
		for _, match := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(fence.ReplaceAllString(page, ""), -1) {
			plain := regexp.MustCompile("[^a-z0-9 _-]").ReplaceAllString(strings.ToLower(match[1]), "")
			found[strings.ReplaceAll(plain, " ", "-")] = true
		}
		for _, match := range regexp.MustCompile(`<a id="([^"]+)">`).FindAllStringSubmatch(page, -1) {
			found[match[1]] = true
		}
		return found
	}
	for path, text := range all {
		for _, match := range regexp.MustCompile(`\]\(([^)\s]+)\)`).FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
			to, heading, _ := strings.Cut(match[1], "#")
			if strings.Contains(to, "://") {
				continue
			}
			file := path
			if to != "" {
				file = filepath.Join(filepath.Dir(path), to)
			}
			if _, err := os.Stat(filepath.Join(root, file)); err != nil {
				t.Errorf("%s links to %s, which does not exist", path, match[1])
			} else if page, is := all[file]; is && heading != "" && !headings(page)[heading] {
				t.Errorf("%s links to %s, which has no such heading", path, match[1])
			}
		}
	}
}

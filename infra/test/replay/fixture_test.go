package replay

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"dsync/internal/settings"
)

const folder = "../../../events"

// providers are the folders with traffic, and the headers that each client sends
// beside those of Entra.
var providers = map[string]map[string]string{
	"entra":         nil,
	"okta":          {"User-Agent": "Okta SCIM Client 1.0.0"},
	"rauthy":        nil,
	"canaille":      nil,
	"nextcloud":     nil,
	"workos-bridge": nil,
}

// flag in a Tenant URL makes Entra speak its other PATCH dialect.
const flag = "aadOptscim062020"

type fixture struct {
	path string // below folder, without .json

	Name      string      `json:"name"`
	Source    string      `json:"source"`
	Rows      []string    `json:"rows"`
	Quirks    []string    `json:"quirks"`
	Dialect   string      `json:"dialect"`
	Directory directory   `json:"directory"`
	Given     []step      `json:"given"`
	Request   step        `json:"request"`
	Expect    expectation `json:"expect"`
	Then      []step      `json:"then"`
	Unchanged bool        `json:"unchanged"`
	Events    any         `json:"events"`
}

// provider is the folder of the file.
func (f fixture) provider() string {
	name, _, _ := strings.Cut(f.path, "/")
	return name
}

// directory is what the directory of the exchange is, if it is not Entra's with
// the default settings.
type directory struct {
	Type     string          `json:"type"`
	Settings settings.Change `json:"settings"`
}

// step is one request.
type step struct {
	Method     string            `json:"method"`
	Path       string            `json:"path"`
	Headers    map[string]string `json:"headers"`
	Body       json.RawMessage   `json:"body"`
	Raw        *string           `json:"raw"`
	PadTo      int               `json:"pad_to"`
	Save       map[string]string `json:"save"` // name → dotted path in the answer
	Expect     *expectation      `json:"expect"`
	Eventually bool              `json:"eventually"`
}

type expectation struct {
	Status  int               `json:"status"`
	Headers map[string]string `json:"headers"`
	Body    any               `json:"body"`
}

// fixtures reads all files, by path.
func fixtures(t *testing.T) []fixture {
	t.Helper()
	var all []fixture
	for _, provider := range slices.Sorted(maps.Keys(providers)) {
		of := fixturesOf(t, provider)
		if len(of) == 0 {
			t.Fatalf("there are no files in %s/%s", folder, provider)
		}
		all = append(all, of...)
	}
	return all
}

func fixturesOf(t *testing.T, provider string) []fixture {
	t.Helper()
	var all []fixture
	err := filepath.WalkDir(filepath.Join(folder, provider), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(folder, path)
		f := fixture{path: strings.TrimSuffix(filepath.ToSlash(relative), ".json")}
		d := json.NewDecoder(bytes.NewReader(text))
		d.DisallowUnknownFields()
		if err := d.Decode(&f); err != nil {
			t.Errorf("%s: %v", path, err)
		}
		all = append(all, f)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

var quirk = regexp.MustCompile(`^Q([1-9]|[1-3]\d|4[0-2])$`)

// A file that says less than the others proves less than it seems to.
func TestFilesAreComplete(t *testing.T) {
	names := map[string]string{}
	for _, f := range fixtures(t) {
		wrong := func(format string, args ...any) { t.Errorf(f.path+": "+format, args...) }
		if f.Name == "" || f.Source == "" || f.Request.Method == "" {
			wrong("name, source and request must be there")
		}
		if hasRows := f.provider() == "entra" || f.provider() == "okta"; hasRows != (len(f.Rows) > 0) {
			wrong("rows %q", f.Rows)
		}
		if f.provider() != "entra" && !strings.Contains(f.Source, "not recorded") {
			wrong("the source %q does not say that nothing was recorded", f.Source)
		}
		if other, ok := names[f.Name]; ok {
			wrong("has the name of %s", other)
		}
		names[f.Name] = f.path
		for _, q := range f.Quirks {
			if !quirk.MatchString(q) {
				wrong("quirk %q", q)
			}
		}
		if f.Dialect != "" && f.Dialect != "default" && f.Dialect != "flag" {
			wrong("dialect %q", f.Dialect)
		}
		if flagged := strings.Contains(f.Request.Path, flag); flagged && f.Dialect == "default" || !flagged && f.Dialect == "flag" {
			wrong("the dialect is %q, the path %s", f.Dialect, f.Request.Path)
		}
		if f.Request.Expect != nil || f.Request.Eventually {
			wrong("what is expected of the request stands beside it")
		}
		if f.Expect.Status == 0 || f.Events == nil {
			wrong("expect and events must be there")
		}
		if f.Expect.Status >= 400 && !f.Unchanged {
			wrong("a request that fails changes nothing: unchanged is missing")
		}
		if none, ok := f.Events.([]any); f.Unchanged && (!ok || len(none) > 0) {
			wrong("events of a request that changes nothing")
		}
		for _, s := range f.Then {
			if s.Expect == nil {
				wrong("a request in then expects nothing")
			}
		}
	}
}

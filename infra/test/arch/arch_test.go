package arch_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"dsync/infra/topology"
	"dsync/internal/relay"
)

const root = "../../.."

// pkg is what `go list` tells of a package.
type pkg struct {
	ImportPath string
	Dir        string
	GoFiles    []string
	Imports    []string
	Deps       []string
	// Of tests in the package and outside of it.
	TestImports, XTestImports []string
}

func list(t *testing.T, patterns ...string) []pkg {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list", "-json=ImportPath,Dir,GoFiles,Imports,Deps,TestImports,XTestImports"}, patterns...)...)
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var all []pkg
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

// forTests reports whether no function may link the package: it is an emulator
// of AWS or a harness for tests.
func forTests(p pkg) bool {
	return p.ImportPath == "dsync/internal/dsynctest" || p.ImportPath == "dsync/internal/scim/scimtest" || p.ImportPath == "dsync/internal/sso/ssotest" || strings.HasPrefix(p.ImportPath, "dsync/internal/awslocal/")
}

// The protocol and the events are pure: they reach no AWS package and no I/O.
func TestPurePackages(t *testing.T) {
	for _, p := range list(t, "./internal/fault", "./internal/scim/...", "./internal/dsync", "./internal/id") {
		for _, dep := range p.Deps {
			if strings.Contains(dep, "/aws/") {
				t.Errorf("%s reaches %s", p.ImportPath, dep)
			}
		}
		for _, imported := range p.Imports {
			switch imported {
			case "os", "net", "os/exec", "io/fs", "database/sql":
				t.Errorf("%s imports %s", p.ImportPath, imported)
			}
		}
	}
}

// place is an internal package and the internal packages that it may import.
type place struct {
	name    string
	imports []string
}

// below are the internal packages that each internal package may import. The
// order is from bottom to top: a package imports only packages before it, so
// there is no circle.
var below = []place{
	// What knows no other package of the system, or pure ones only.
	{"fault", nil},
	{"backoff", nil},
	{"cache", nil},
	{"id", nil},
	{"metric", nil},
	{"redact", nil},
	{"release", nil},
	{"gateway", []string{"metric"}},
	{"logline", nil},
	{"table/schema", nil},
	{"branding", []string{"fault"}},
	{"ratelimit", []string{"cache"}},
	// The SCIM protocol.
	{"scim", []string{"fault"}},
	{"scim/value", []string{"scim"}},
	{"scim/filter", []string{"fault", "scim", "scim/value"}},
	{"scim/resource", []string{"scim", "scim/value"}},
	{"scim/patch", []string{"fault", "scim", "scim/value", "scim/filter", "scim/resource"}},
	{"scim/query", []string{"scim", "scim/value", "scim/filter"}},
	{"scim/bulk", []string{"scim"}},
	{"scim/discovery", []string{"scim", "scim/bulk", "scim/query"}},
	{"dsync", []string{"fault", "id", "scim", "scim/filter", "scim/resource"}},
	// Storage.
	{"dynamo", []string{"backoff"}},
	{"table/count", nil},
	{"table/journal", nil},
	{"table", []string{"dynamo", "id", "scim", "table/count", "table/journal"}},
	{"table/stream", []string{"dynamo", "table", "table/journal"}},
	{"table/limit", []string{"dynamo", "ratelimit", "redact", "table"}},
	{"table/apikey", []string{"dynamo", "id", "table", "table/limit"}},
	{"table/audit", []string{"dynamo", "id", "table"}},
	{"table/signin", []string{"dynamo", "id", "table"}},
	{"table/setuplink", []string{"dynamo", "id", "table"}},
	{"table/idclaim", []string{"dynamo", "table"}},
	{"table/finding", []string{"dynamo", "id", "table"}},
	{"table/version", []string{"dynamo", "table"}},
	{"table/removal", []string{"dynamo", "table"}},
	{"table/carryover", []string{"backoff", "table", "table/schema"}},
	{"eventlog", []string{"cache", "id", "table", "table/count", "table/journal"}},
	// The domain. A session knows no management, and management no session.
	{"settings", []string{"fault", "dsync", "scim", "scim/resource", "table"}},
	{"credential", []string{"fault", "cache", "redact", "dsync", "scim", "settings", "table", "table/apikey"}},
	{"usage", []string{"fault", "cache", "id", "redact", "credential", "table", "table/finding", "table/limit"}},
	{"doctor", []string{"fault", "cache", "redact", "dsync", "id", "scim", "scim/resource", "credential", "settings", "table", "table/count", "table/finding", "usage"}},
	{"session", []string{"fault", "cache", "id", "dsync", "scim", "scim/filter", "scim/patch", "scim/query", "scim/resource", "credential", "doctor", "settings", "table", "table/count", "usage"}},
	{"owner", []string{"cache", "id", "table", "table/idclaim"}},
	{"management", []string{"branding", "owner", "fault", "cache", "id", "dsync", "scim", "scim/resource", "credential", "doctor", "eventlog", "settings", "table", "table/apikey", "table/audit", "table/count", "table/finding", "table/idclaim", "table/setuplink", "table/signin"}},
	{"onboarding", []string{"branding", "fault", "scim/resource", "credential", "management", "table", "table/setuplink"}},
	// Records go from the stream to the relay and the jobs.
	{"relay", []string{"backoff", "cache", "id", "metric", "redact", "dsync", "scim", "scim/resource", "eventlog", "table", "table/count", "table/journal", "table/stream", "table/version"}},
	{"jobs", []string{"metric", "redact", "id", "dsync", "scim", "scim/resource", "eventlog", "table", "table/count", "table/idclaim", "table/journal", "table/removal", "table/stream", "table/version"}},
	// Requests come in here. Only the Options name the table.
	{"provider", []string{"fault", "metric", "ratelimit", "redact", "gateway", "scim", "scim/bulk", "scim/discovery", "scim/patch", "scim/query", "scim/resource", "doctor", "session", "usage", "table", "table/limit"}},
	{"api", []string{"fault", "id", "doctor", "metric", "ratelimit", "redact", "release", "gateway", "dsync", "scim", "eventlog", "settings", "management", "table", "table/limit"}},
	// The sites for people.
	{"web", []string{"fault", "metric", "redact", "gateway", "scim"}},
	{"wording", []string{"scim", "doctor", "management", "usage"}},
	{"sso", nil},
	{"secret", nil},
	{"console", []string{"fault", "cache", "id", "doctor", "metric", "ratelimit", "redact", "sso", "credential", "dsync", "scim", "eventlog", "settings", "management", "table", "web", "wording"}},
	{"setup", []string{"fault", "ratelimit", "metric", "scim/resource", "credential", "doctor", "management", "onboarding", "table", "web", "wording"}},
	{"lambdaenv", []string{"gateway", "logline", "metric", "redact", "table", "table/version"}},
}

// Requests go down: provider or api, session or management, table. Records go
// from the relay and the jobs to the table. No package knows what is above it,
// and internal packages know nothing of infra. A package without an entry, such
// as that of a new function, is above all others: no package may import it.
func TestArrowsPointDown(t *testing.T) {
	allowed := map[string][]string{}
	for i, p := range below {
		for _, imported := range p.imports {
			if !slices.ContainsFunc(below[:i], func(b place) bool { return b.name == imported }) {
				t.Errorf("%s may import %s, which is not below it", p.name, imported)
			}
		}
		allowed[p.name] = p.imports
	}
	for _, p := range list(t, "./internal/...") {
		name := strings.TrimPrefix(p.ImportPath, "dsync/internal/")
		imports, known := allowed[name]
		for _, imported := range slices.Concat(p.Imports, p.TestImports, p.XTestImports) {
			if strings.HasPrefix(imported, "dsync/infra") || strings.HasPrefix(imported, "dsync/functions") {
				t.Errorf("internal/%s imports %s", name, imported)
			}
		}
		for _, imported := range p.Imports {
			other, ok := strings.CutPrefix(imported, "dsync/internal/")
			if !ok || forTests(p) {
				continue
			}
			if _, listed := allowed[other]; !listed && !forTests(pkg{ImportPath: imported}) {
				t.Errorf("internal/%s imports internal/%s, which has no entry in below", name, other)
			}
			if known && !slices.Contains(imports, other) {
				t.Errorf("internal/%s imports internal/%s", name, other)
			}
		}
	}
}

// The protocol and the domain know no HTTP: only the edges do.
func TestDomainKnowsNoHTTP(t *testing.T) {
	for _, name := range []string{"fault", "scim", "dsync", "settings", "credential", "usage", "session", "management"} {
		for _, p := range list(t, "./internal/"+name) {
			if slices.Contains(p.Imports, "net/http") {
				t.Errorf("%s imports net/http", p.ImportPath)
			}
		}
	}
}

// The edges reach the table through a session only: the file with the Options
// names it, and no other.
func TestEdgesKeepNoTable(t *testing.T) {
	for _, p := range list(t, "./internal/provider", "./internal/api", "./internal/console", "./internal/setup") {
		for _, file := range p.GoFiles {
			code, err := os.ReadFile(filepath.Join(p.Dir, file))
			if err != nil {
				t.Fatal(err)
			}
			if named := bytes.Contains(code, []byte(`"dsync/internal/table"`)); named != (file == "options.go") {
				t.Errorf("%s imports the table: %v", filepath.Join(p.ImportPath, file), named)
			}
		}
	}
}

// Keys of the table are built in the packages of the table only. Of the others,
// one reads and writes the items.
func TestOnlyTheTableKnowsKeys(t *testing.T) {
	for _, p := range list(t, "./internal/...") {
		if p.ImportPath == "dsync/internal/dynamo" || p.ImportPath == "dsync/internal/table" || strings.HasPrefix(p.ImportPath, "dsync/internal/table/") || forTests(p) {
			continue
		}
		for _, imported := range p.Imports {
			if imported == "github.com/aws/aws-sdk-go-v2/service/dynamodb/types" || strings.HasSuffix(imported, "/attributevalue") {
				t.Errorf("%s imports %s", p.ImportPath, imported)
			}
		}
	}
}

// Only functions and infra read the environment; what is internal gets it
// passed in.
func TestWhoReadsTheEnvironment(t *testing.T) {
	for _, p := range list(t, "./internal/...") {
		if forTests(p) {
			continue
		}
		for _, file := range p.GoFiles {
			code, err := os.ReadFile(filepath.Join(p.Dir, file))
			if err != nil {
				t.Fatal(err)
			}
			for _, call := range []string{"os.Getenv(", "os.LookupEnv(", "os.Environ(", "os.ExpandEnv("} {
				if bytes.Contains(code, []byte(call)) {
					t.Errorf("%s calls %s", filepath.Join(p.ImportPath, file), call)
				}
			}
		}
	}
}

// A function's main is wiring: at most 40 lines, and it knows no other.
func TestFunctions(t *testing.T) {
	var names []string
	for _, p := range list(t, "./functions/...") {
		names = append(names, filepath.Base(p.Dir))
		for _, imported := range p.Imports {
			if strings.HasPrefix(imported, "dsync/functions") || strings.HasPrefix(imported, "dsync/infra") {
				t.Errorf("%s imports %s", p.ImportPath, imported)
			}
		}
		for _, dep := range p.Deps {
			if forTests(pkg{ImportPath: dep}) {
				t.Errorf("%s links %s", p.ImportPath, dep)
			}
		}
		if len(p.GoFiles) != 1 {
			t.Errorf("%s is more than its main: %v", p.ImportPath, p.GoFiles)
		}
		code, err := os.ReadFile(filepath.Join(p.Dir, "main.go"))
		if err != nil {
			t.Fatal(err)
		}
		if n := bytes.Count(code, []byte("\n")); n > 40 {
			t.Errorf("%s/main.go has %d lines", p.ImportPath, n)
		}
	}
	var inTopology []string
	for _, f := range topology.Dsync().Functions {
		inTopology = append(inTopology, f.Name)
	}
	slices.Sort(inTopology)
	if !slices.Equal(names, inTopology) {
		t.Errorf("functions/ has %v, the topology %v", names, inTopology)
	}
}

// One machine and the functions need no CDK: it is neither downloaded nor
// compiled for them.
func TestNoCDKOutsideTheStack(t *testing.T) {
	for _, p := range list(t, "./functions/...", "./infra/local/...", "./infra/cmd/local", "./infra/cmd/demo", "./infra/cmd/operate", "./infra/cmd/chaos", "./internal/...", "./events/...") {
		for _, dep := range p.Deps {
			if strings.Contains(dep, "/aws-cdk-go/") || strings.Contains(dep, "/jsii-runtime-go") {
				t.Errorf("%s reaches %s", p.ImportPath, dep)
				break
			}
		}
	}
}

// Events come from where the rules look for them. (That table and topology
// name the same keys is seen by every test that uses the engine.)
func TestSource(t *testing.T) {
	if source := topology.Dsync().Bus.Source; source != relay.Source {
		t.Errorf("events come from %q, the topology says %q", relay.Source, source)
	}
}

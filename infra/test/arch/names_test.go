package arch_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"dsync/infra/topology"
)

// named lists the string literals outside infra/topology that equal the name
// of a function, by file, with the reason.
var named = map[string]string{
	"infra/local/system/registry.go": "the registry of handlers: a test holds it against the topology",
	"infra/cmd/demo/main.go":         "flags of the simulator: -users, -groups",
	"infra/cmd/cost/page.go":         "a column of the page: groups of a directory",
	"infra/cmd/operate/main.go":      "a command of the operator: redrive",
	"infra/test/chaos/campaign.go":   "a queue of the campaign",
	"infra/test/chaos/child.go":      "a file name of the campaign",
}

// Only the topology names functions. A test file may name one.
func TestOnlyTheTopologyNamesFunctions(t *testing.T) {
	names := map[string]bool{}
	for _, f := range topology.Dsync().Functions {
		names[f.Name] = true
	}
	used := map[string]bool{}
	for _, file := range files(t, filepath.Join(root, "infra"), ".go") {
		path, err := filepath.Rel(root, file)
		if err != nil {
			t.Fatal(err)
		}
		path = filepath.ToSlash(path)
		if strings.HasSuffix(path, "_test.go") || strings.HasPrefix(path, "infra/topology/") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			literal, ok := n.(*ast.BasicLit)
			if !ok || literal.Kind != token.STRING {
				return true
			}
			s, err := strconv.Unquote(literal.Value)
			if err != nil || !names[s] {
				return true
			}
			for _, exception := range []string{path, filepath.ToSlash(filepath.Dir(path))} {
				if named[exception] != "" {
					used[exception] = true
					return true
				}
			}
			t.Errorf("%s names the function %s: find it by its role", path, s)
			return true
		})
	}
	for file := range named {
		if !used[file] {
			t.Errorf("%s names no function: remove it from the list", file)
		}
	}
}

package arch_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"dsync/infra/topology"
)

// words are names of functions that are also words of SCIM. In internal, which
// cannot know the topology, a literal that equals one is a SCIM attribute or
// endpoint.
var words = []string{"users", "groups"}

// exceptions are the literals in infra that equal the name of a function and
// mean something else, by file.
var exceptions = map[string][]string{
	"infra/cmd/demo/main.go":    {"users", "groups"},    // flags of the simulator
	"infra/cmd/cost/page.go":    {"groups"},             // a row of the page
	"infra/test/entra/okta.go":  {"groups"},             // an attribute of a user
	"infra/cmd/operate/main.go": {"redrive", "console"}, // commands of the operator
}

// Only the topology names functions: no string literal elsewhere in infra or
// internal equals a function's name. A test file may name one.
func TestOnlyTheTopologyNamesFunctions(t *testing.T) {
	names := map[string]bool{}
	for _, f := range topology.Dsync().Functions {
		names[f.Name] = true
	}
	for _, word := range words {
		if !names[word] {
			t.Errorf("no function has the name %s: remove the word", word)
		}
	}
	unused := maps.Clone(exceptions)
	for _, folder := range []string{"infra", "internal"} {
		for _, file := range files(t, filepath.Join(root, folder), ".go") {
			path, err := filepath.Rel(root, file)
			if err != nil {
				t.Fatal(err)
			}
			path = filepath.ToSlash(path)
			if strings.HasSuffix(path, "_test.go") || strings.HasPrefix(path, "infra/topology/") {
				continue
			}
			for name, at := range literals(t, file) {
				switch {
				case !names[name] || folder == "internal" && slices.Contains(words, name):
				case slices.Contains(exceptions[path], name):
					unused[path] = slices.DeleteFunc(slices.Clone(unused[path]), func(n string) bool { return n == name })
				default:
					t.Errorf("%s names the function %s: find it by its role", at, name)
				}
			}
		}
	}
	for path, names := range unused {
		if len(names) > 0 {
			t.Errorf("%s has no literal %q: remove the exception", path, names)
		}
	}
}

// literals returns the string literals of a Go file, each with one of its
// positions.
func literals(t *testing.T, file string) map[string]token.Position {
	t.Helper()
	positions := token.NewFileSet()
	parsed, err := parser.ParseFile(positions, file, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]token.Position{}
	ast.Inspect(parsed, func(n ast.Node) bool {
		literal, ok := n.(*ast.BasicLit)
		if !ok || literal.Kind != token.STRING {
			return true
		}
		text, err := strconv.Unquote(literal.Value)
		if err != nil {
			t.Fatal(err)
		}
		found[text] = positions.Position(literal.Pos())
		return true
	})
	return found
}

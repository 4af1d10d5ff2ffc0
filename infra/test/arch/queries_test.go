package arch_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"
)

// Every query has a limit that fits its page. Package dynamo takes the limit as a
// parameter, and package table has no other way to a query; whoever else makes an
// input for the SDK must set the limit.
func TestQueriesHaveALimit(t *testing.T) {
	queries := 0
	for _, p := range list(t, "./functions/...", "./internal/...") {
		if p.ImportPath == "dsync/internal/dynamo" || p.ImportPath == "dsync/internal/table" {
			continue
		}
		for _, name := range p.GoFiles {
			file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, name), nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(file, func(n ast.Node) bool {
				literal, ok := n.(*ast.CompositeLit)
				if !ok || !isQueryInput(literal.Type) {
					return true
				}
				queries++
				limited := false
				for _, e := range literal.Elts {
					field, ok := e.(*ast.KeyValueExpr)
					key, isName := field.Key.(*ast.Ident)
					limited = limited || ok && isName && key.Name == "Limit"
				}
				if !limited {
					t.Errorf("%s/%s: a query without Limit reads 1 MB, however little it uses", strings.TrimPrefix(p.ImportPath, "dsync/"), name)
				}
				return true
			})
		}
	}
	if queries == 0 {
		t.Error("no query was found: the test looks in the wrong places")
	}
	for _, p := range list(t, "./internal/table") {
		for _, name := range p.GoFiles {
			file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, name), nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(file, func(n ast.Node) bool {
				if s, ok := n.(*ast.SelectorExpr); ok && s.Sel.Name == "NewQueryPaginator" {
					t.Errorf("%s reads by a paginator of the SDK, not by package dynamo", name)
				}
				return true
			})
		}
	}
}

// isQueryInput reports whether a type is dynamodb.QueryInput.
func isQueryInput(e ast.Expr) bool {
	s, ok := e.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	p, ok := s.X.(*ast.Ident)
	return ok && p.Name == "dynamodb" && s.Sel.Name == "QueryInput"
}

package arch_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"dsync/internal/management"
	"dsync/internal/session"
	"dsync/internal/usage"
)

// What the handlers of requests hold can do this and nothing else. A method
// more is a decision about isolation: a SCIM request reaches one directory, and
// neither management nor another directory.
func TestMethodSets(t *testing.T) {
	for _, c := range []struct {
		holds   any
		methods []string
	}{
		{&session.Authenticator{}, []string{"Authenticate"}},
		{&session.Session{}, []string{"Create", "Delete", "FindsByKey", "Get", "Groups", "Import", "List", "Members", "Patch", "Profile", "Replace", "Type"}},
		{&usage.Trace{}, []string{"Changed", "DirectoryID", "HasChanged", "TakeTolerated", "TokenID", "Tolerate"}},
		{&usage.Recorder{}, []string{"Record"}},
		{&management.Authenticator{}, []string{"Authenticate"}},
		{&management.Session{}, []string{
			"APIKeys", "CreateAPIKey", "CreateDirectory", "CreateOrganization", "CreateToken", "DeleteDirectory", "DeleteOrganization",
			"Directories", "Directory", "Group", "Groups", "Job", "Jobs", "KeyID", "LastDay", "May", "Organization", "OrganizationByExternalID",
			"Organizations", "PauseDirectory", "Requests", "ResumeDirectory", "RevokeAPIKey", "RevokeToken", "Tokens", "UpdateDirectory",
			"UpdateOrganization", "User", "Users",
		}},
	} {
		typ := reflect.TypeOf(c.holds)
		var methods []string
		for i := range typ.NumMethod() {
			methods = append(methods, typ.Method(i).Name)
		}
		if !slices.Equal(methods, c.methods) {
			t.Errorf("%v has the methods %v, not %v", typ, methods, c.methods)
		}
		for i := range typ.Elem().NumField() {
			if f := typ.Elem().Field(i); f.IsExported() || f.Anonymous {
				t.Errorf("%v lets others reach its %s", typ, f.Name)
			}
		}
	}
}

// embeddable are the structs that another struct may embed: records, values and
// schemas, which give access to nothing.
var embeddable = []string{
	"table.Actor", "table.SCIMConfig", "table.TokenRef", "table.Token", "table.APIKey", "table.softDeletion",
	"dynamo.Key", "dynamo.IndexKey", "stream.Change", "table.JournalHead", "eventlog.Entry", "scim.ResourceType", "error",
}

// No struct embeds a service: a method that a struct has by embedding is one
// that nobody decided on.
func TestNoServiceIsEmbedded(t *testing.T) {
	found := 0
	for _, p := range list(t, "./internal/...") {
		if forTests(p) {
			continue
		}
		for _, file := range p.GoFiles {
			parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, file), nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(parsed, func(n ast.Node) bool {
				s, ok := n.(*ast.StructType)
				if !ok {
					return true
				}
				for _, f := range s.Fields.List {
					if len(f.Names) > 0 {
						continue
					}
					found++
					if name := typeName(parsed.Name.Name, f.Type); !slices.Contains(embeddable, name) {
						t.Errorf("%s embeds %s", filepath.Join(p.ImportPath, file), name)
					}
				}
				return true
			})
		}
	}
	if found < len(embeddable) {
		t.Errorf("%d structs are embedded: the test does not see them", found)
	}
}

// typeName is the name of a type with its package.
func typeName(pkg string, e ast.Expr) string {
	switch e := e.(type) {
	case *ast.StarExpr:
		return typeName(pkg, e.X)
	case *ast.SelectorExpr:
		return e.X.(*ast.Ident).Name + "." + e.Sel.Name
	case *ast.Ident:
		if e.Name == "error" {
			return e.Name
		}
		return pkg + "." + e.Name
	}
	return "?"
}

package arch_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"dsync/internal/doctor"
	"dsync/internal/management"
	"dsync/internal/onboarding"
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
		{&session.Session{}, []string{"Compared", "Create", "Delete", "FindsByKey", "Get", "Groups", "Import", "List", "Members", "Patch", "Profile", "Replace", "Type"}},
		{&usage.Trace{}, []string{"Changed", "DirectoryID", "DirectoryType", "HasChanged", "Observe", "Observed", "TakeTolerated", "TokenCreated", "TokenID", "Tolerate", "Watched"}},
		{&usage.Recorder{}, []string{"Record", "Refuse", "Watch"}},
		{&doctor.Watch{}, []string{"Learn", "Observe", "Refused"}},
		{&management.Authenticator{}, []string{"Authenticate"}},
		{&management.Console{}, []string{"Authenticate", "AuthenticatePoll", "Link", "SignIn", "SignInWith", "SignOut"}},
		{&onboarding.Links{}, []string{"Authenticate", "Offer", "Open", "Page"}},
		{&onboarding.Session{}, []string{
			"Counts", "CreateToken", "Directory", "Expires", "Findings", "Groups", "LinkID", "Opened", "Organization", "Page", "Requests", "RevokeToken", "Tokens", "Users",
		}},
		{&management.Session{}, []string{
			"APIKeys", "Activity", "AuditEvents", "ConsoleSessions", "Counts", "CreateAPIKey", "CreateDirectory", "CreateOrganization", "CreateSetupLink", "CreateToken", "DeleteDirectory", "DeleteOrganization",
			"Directories", "Directory", "DirectoryToSetUp", "Events", "Findings", "Group", "Groups", "Job", "Jobs", "KeyID", "May", "News", "OpenSetupLink", "Organization", "OrganizationByExternalID",
			"Organizations", "PauseDirectory", "Person", "Requests", "ResumeDirectory", "RevokeAPIKey", "RevokeConsoleSession", "RevokeSetupLink", "RevokeToken", "SetupLinks", "SetupPage", "Tokens", "UpdateDirectory",
			"UpdateOrganization", "UpdateSetupPage", "User", "Users", "Watch", "Watched",
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

// reads are the ways to organizations, directories, jobs, keys and logs. In
// package management only reach.go uses them, which has one type for a key that
// reaches everything and one for a key that is bound to an organization.
var reads = map[string][]string{
	"table":  {"Organizations", "OrganizationsWith", "Directories", "DirectoriesOf"},
	"apikey": {"All", "Of", "Find"},
	"signin": {"All"},
	"audit":  {"All", "OfOrganization", "OfDirectory"},
	"":       {"Organization", "OrganizationByExternalID", "Directory", "Job", "LoggedEvents"}, // methods of s.table
}

// A session finds what its key reaches, and nothing else.
func TestReach(t *testing.T) {
	files, err := filepath.Glob(root + "/internal/management/*.go")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			name, ok := call.Fun.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			of := ""
			switch x := name.X.(type) {
			case *ast.Ident:
				of = x.Name
			case *ast.SelectorExpr:
				if x.Sel.Name != "table" {
					return true
				}
			default:
				return true
			}
			if !slices.Contains(reads[of], name.Sel.Name) {
				return true
			}
			found[of+"."+name.Sel.Name] = true
			if filepath.Base(file) != "reach.go" {
				t.Errorf("%s calls %s.%s: it must ask reach", filepath.Base(file), of, name.Sel.Name)
			}
			return true
		})
	}
	if len(found) < 12 {
		t.Errorf("only %v are used: the test does not see them", found)
	}
}

// embeddable are the structs that another struct may embed: records, values and
// schemas, which give access to nothing.
var embeddable = []string{
	"table.Actor", "table.SCIMConfig", "table.TokenRef", "table.Token", "management.Token", "management.AuditEvent", "management.Request", "doctor.Finding", "apikey.Key", "signin.Session", "setuplink.Link", "table.softDeletion", "management.Directory", "console.view", "setup.view", "web.Exchange", "management.SetupLink", "management.Finding",
	"dynamo.Key", "dynamo.IndexKey", "stream.Change", "journal.Head", "eventlog.Entry", "scim.ResourceType", "error",
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

package arch_test

import (
	"context"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"dsync/events/consumer"
	"dsync/internal/dsync"
)

// Other repositories copy events/consumer, because the module has no address
// to import it from. So it imports nothing else of this project. Its own tests
// do neither, except those that need DynamoDB.
func TestConsumerStandsAlone(t *testing.T) {
	const root = "dsync/events/consumer"
	for _, p := range list(t, "./events/consumer/...") {
		imports := p.Imports
		if p.ImportPath == root || p.ImportPath == root+"/storetest" {
			imports = slices.Concat(p.Imports, p.TestImports, p.XTestImports)
		}
		for _, imported := range imports {
			if strings.HasPrefix(imported, "dsync/") && imported != root && !strings.HasPrefix(imported, root+"/") {
				t.Errorf("%s imports %s", p.ImportPath, imported)
			}
		}
		for _, imported := range p.Imports {
			if p.ImportPath == root && strings.Contains(imported, ".") {
				t.Errorf("%s imports %s, which is not in the standard library", p.ImportPath, imported)
			}
		}
	}
}

// eventNames returns the constants of package consumer that name events.
func eventNames(t *testing.T) (names []string) {
	t.Helper()
	for _, file := range files(t, filepath.Join(root, "events/consumer"), ".go") {
		if strings.HasSuffix(file, "_test.go") || filepath.Base(filepath.Dir(file)) != "consumer" {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range parsed.Decls {
			constants, ok := d.(*ast.GenDecl)
			if !ok || constants.Tok != token.CONST {
				continue
			}
			ast.Inspect(constants, func(n ast.Node) bool {
				if literal, ok := n.(*ast.BasicLit); ok && literal.Kind == token.STRING {
					if name, err := strconv.Unquote(literal.Value); err == nil && strings.HasPrefix(name, "dsync.") {
						names = append(names, name)
					}
				}
				return true
			})
		}
	}
	return names
}

// sample returns the sample of an event, as package consumer parses it.
func sample(t *testing.T, name string) consumer.Event {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, "events/samples", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var delivery struct{ Detail json.RawMessage }
	if err := json.Unmarshal(b, &delivery); err != nil {
		t.Fatal(err)
	}
	e, err := consumer.Parse(delivery.Detail)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func subjectOf(data any) dsync.Subject {
	switch data.(type) {
	case consumer.Directory:
		return dsync.SubjectDirectory
	case consumer.Token:
		return dsync.SubjectToken
	case consumer.User:
		return dsync.SubjectUser
	case consumer.Group:
		return dsync.SubjectGroup
	case consumer.Membership:
		return dsync.SubjectMembership
	}
	return ""
}

// Package consumer knows the events of the catalogue: their names, the type of
// their data, and which of them remove their subject.
func TestConsumerKnowsTheCatalogue(t *testing.T) {
	names := eventNames(t)
	slices.Sort(names)
	if want := slices.Sorted(slices.Values(dsync.Names)); !slices.Equal(names, want) {
		t.Errorf("package consumer has %v, want %v", names, want)
	}
	for _, row := range dsync.Catalogue {
		e := sample(t, row.Name)
		if subject := subjectOf(e.Data); subject != row.Subject {
			t.Errorf("%s is parsed as a %T, want a %s", row.Name, e.Data, row.Subject)
		}
		if removes := slices.Contains(row.Removes, row.Subject); e.Removes() != removes {
			t.Errorf("%s: Removes() = %v", row.Name, e.Removes())
		}
	}
}

// What an event removes, package consumer removes: an older event of such a
// resource, delivered after the deletion, is dropped or applied as a removal.
// Other resources are not affected.
func TestConsumerRemovesWhatTheCatalogueSays(t *testing.T) {
	checked := 0
	for _, deletion := range dsync.Catalogue {
		if deletion.Removes == nil {
			continue
		}
		for _, row := range dsync.Catalogue {
			older := sample(t, row.Name)
			if row.Removes != nil || older.Sequence > sample(t, deletion.Name).Sequence {
				continue
			}
			var applied []consumer.Event
			c := consumer.New(consumer.NewMemory(), func(_ context.Context, e consumer.Event) error {
				applied = append(applied, e)
				return nil
			}, consumer.Options{})
			for _, e := range []consumer.Event{sample(t, deletion.Name), older} {
				if err := c.Consume(t.Context(), e); err != nil {
					t.Fatal(err)
				}
			}
			written := slices.ContainsFunc(applied, func(e consumer.Event) bool { return !e.Removes() })
			if removes := slices.Contains(deletion.Removes, row.Subject); written == removes {
				t.Errorf("%s after %s is written: %v", row.Name, deletion.Name, written)
			}
			checked++
		}
	}
	if checked < 20 {
		t.Errorf("%d combinations", checked)
	}
}

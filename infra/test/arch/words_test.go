package arch_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"
)

// privateWords lists identifiers of a private vocabulary that the code does not
// use, with the standard term to use instead. The check compares whole
// identifiers.
var privateWords = map[string]string{
	"pace":       "rate limiter",
	"note":       "access log",
	"Portion":    "PageRequest",
	"Found":      "Page",
	"Stretch":    "Chunk",
	"stretches":  "chunks",
	"gather":     "page",
	"gathered":   "page",
	"arrange":    "page",
	"shown":      "projection",
	"Hides":      "Excludes",
	"Discreet":   "Redact",
	"discreet":   "redact",
	"Visit":      "request trace",
	"ledger":     "usage counters",
	"ledgers":    "usage counters",
	"admit":      "usage counters",
	"allowance":  "usage counters",
	"walk":       "query plan",
	"source":     "query plan",
	"home":       "owner",
	"homes":      "owner",
	"Refusal":    "fault.Error",
	"turnedAway": "fault.Error",
	"missing":    "fault.NotFound",
	"grant":      "cached token",
	"pass":       "cached key",
	"Operator":   "API session",
	"Names":      "Keys",
	"was":        "old",
	"Bury":       "soft delete",
	"tombstone":  "soft delete",
	"Gone":       "Deleted",
	"Life":       "Generation",
	"Standing":   "user state",
	"standing":   "user state",
	"Present":    "CheckMembers",
	"sieve":      "range read",
	"Protocol":   "SCIM configuration",
	"Cause":      "actor",
	"contend":    "retryConflicts",
	"single":     "writeItem",
	"ifStill":    "condition",
	"looked":     "claims",
	"likely":     "claims",
	"again":      "fromLog",
	"insist":     "publishStrict",
	"alone":      "sendSingly",
	"together":   "batch",
	"forGood":    "permanent",
	"recall":     "findLogged",
	"parks":      "dead letters",
	"Letter":     "message",
	"house":      "architecture",
	"eventline":  "eventfmt",
	"drawing":    "builder",
}

// kept lists private words that stay, by folder and identifier, with the reason.
var kept = map[string]string{
	"infra/stack grant":                            "a grant of the topology, IAM's term",
	"infra/test/chaos missing":                     "counts events that are missing, as the report says",
	"infra/test/entra missing":                     "events that are missing, as the report says",
	"internal/awslocal/eventbridge/pattern source": "the source text of a pattern",
	"internal/awslocal/sqs Names":                  "names of queues",
	"internal/dsync Names":                         "names of events",
	"internal/dsync Present":                       "a state of a resource in a transition",
	"internal/eventlog Names":                      "names of events",
	"internal/management Operator":                 "a role of people in the console",
	"internal/fault Cause":                         "the cause of an error, as in package context",
}

// The code uses the standard terms of SCIM, DynamoDB and AWS. Tests may use
// ordinary words of the list.
func TestPlainWords(t *testing.T) {
	used := map[string]bool{}
	for _, file := range files(t, root, ".go") {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		path, err := filepath.Rel(root, file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		folder := filepath.ToSlash(filepath.Dir(path))
		seen := map[string]bool{}
		report := func(name *ast.Ident) {
			word, private := privateWords[name.Name]
			if !private || seen[name.Name] {
				return
			}
			seen[name.Name] = true
			key := folder + " " + name.Name
			if kept[key] != "" {
				used[key] = true
				return
			}
			t.Errorf("%s declares %s: the term is %s", path, name.Name, word)
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				report(n.Name)
			case *ast.TypeSpec:
				report(n.Name)
			case *ast.ValueSpec:
				for _, name := range n.Names {
					report(name)
				}
			case *ast.Field:
				for _, name := range n.Names {
					report(name)
				}
			case *ast.AssignStmt:
				if n.Tok == token.DEFINE {
					for _, left := range n.Lhs {
						if name, ok := left.(*ast.Ident); ok {
							report(name)
						}
					}
				}
			case *ast.RangeStmt:
				for _, e := range []ast.Expr{n.Key, n.Value} {
					if name, ok := e.(*ast.Ident); ok && n.Tok == token.DEFINE {
						report(name)
					}
				}
			}
			return true
		})
	}
	for key := range kept {
		if !used[key] {
			t.Errorf("%s is not declared any more: remove it from the list", key)
		}
	}
}

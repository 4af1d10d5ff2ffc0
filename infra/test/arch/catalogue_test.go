package arch_test

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// A row is a peculiarity of Entra (Q) or a decision where sources disagree (D),
// and what holds it: tests as package.Test/row, fixtures as entra/folder/name.
type row struct {
	id, text string
	heldBy   []string
}

// catalogue is every row there is. A row that is not supported says so, and
// names what shows the behaviour there is instead.
var catalogue = []row{
	{"Q1", "operations in capitals", []string{"patch.TestPatchDialects/entra Q1 Q2 default: disable", "entra/dialects/disable-default"}},
	{"Q2", "booleans as strings", []string{"resource.TestParseUser/entra Q2: booleans as strings", "entra/users/u4-disable-string", "entra/users/u3-create-boolean-strings"}},
	{"Q3", "Add of a single value that is there", []string{"patch.TestPatchDialects/entra Q3: Add of a single value that is there", "entra/users/u4-disable-add", "entra/groups/g4-rename-add"}},
	{"Q4", "Remove of members with a list removes only these", []string{"patch.TestPatchMembers/entra G6 Q4: Remove with a value removes only these", "entra/groups/g6-remove-members", "entra/groups/g6-remove-empty-list"}},
	{"Q5", "removing a member by a value filter", []string{"patch.TestPatchMembers/entra G7 Q5: remove by a filter", "entra/groups/g7-remove-value-path"}},
	{"Q6", "a filtered path that matches nothing creates the element", []string{"patch.TestPatchFilteredPath/entra Q6: Replace creates a canonical type", "entra/users/u4-unmatched-email-add", "entra/users/u4-unmatched-email-replace"}},
	{"Q7", "a filtered path keeps siblings, type and primary", []string{"patch.TestPatchFilteredPath/entra Q7: replace changes the addressed part only", "entra/users/u4-email-keeps-siblings"}},
	{"Q8", "dotted keys without a path are paths", []string{"patch.TestPatchDialects/entra Q8 Q9 flag: replace several with dotted and URN keys", "entra/dialects/pathless-merge-flag"}},
	{"Q9", "the dot in 2.0 of a URN splits nothing", []string{"filter.TestParsePath/entra Q9: extension attribute", "entra/users/u4-department"}},
	{"Q10", "the URN of the core schema as a prefix", []string{"filter.TestFilterUsers/entra Q10: core URN prefix", "entra/users/u4-core-urn", "entra/users/u1-filter-core-urn"}},
	{"Q11", "manager as a string, an object or a list", []string{"patch.TestPatchManager/entra Q11: string", "entra/users/u4-manager-list", "entra/users/u3-create-manager-string"}},
	{"Q12", "a boolean compared with a string", []string{"filter.TestFilterUsers/entra Q12: boolean against a string", "entra/users/u4-roles-primary-string"}},
	{"Q13", "a role as JSON in a string stays a string", []string{"patch.TestPatchRoles/entra Q13: SingleAppRoleAssignment, JSON in a string stays a string", "entra/dialects/roles-default"}},
	{"Q14", "a list where one value belongs", []string{"patch.TestPatchFilteredPath/entra Q14: list around the value", "entra/users/u4-array-for-scalar"}},
	{"Q15", "filters by externalId and by work e-mail", []string{"filter.TestFilterUsers/entra Q15: work e-mail", "entra/users/u1-filter-work-email", "entra/users/u1-filter-externalid"}},
	{"Q16", "externalId is kept and echoed", []string{"entra/users/u4-external-id", "entra/groups/g4-external-id"}},
	{"Q17", "eq is no wildcard", []string{"filter.TestFilterUsers/entra Q17: eq is no wildcard", "entra/users/u1-filter-no-wildcard", "entra/groups/g1-filter-no-prefix"}},
	{"Q18", "an empty list is 200 with an empty list", []string{"query.TestListResponse", "entra/connection/test-connection-username"}},
	{"Q19", "both media types are read, SCIM's is written", []string{"provider.TestRFCHTTP/3.8: both media types, no other", "entra/users/u3-create-application-json"}},
	{"Q20", "PATCH of a user answers 200 with the user", []string{"provider.TestRFCPatch", "entra/users/u4-disable-boolean"}},
	{"Q21", "userName is unique and found in any letter case", []string{"filter.TestFilterUsers/entra Q21: userName in other case", "entra/users/u1-filter-other-case", "entra/users/u3-create-taken-other-case"}},
	{"Q22", "409 says uniqueness, its status is a string", []string{"provider.TestRefusals/taken userName", "entra/users/u3-create-taken"}},
	{"Q23", "adding a member again succeeds", []string{"session.TestMemberChanges", "entra/groups/g5-add-present"}},
	{"Q24", "the id that was handed out is found; in another letter case it is another id", []string{"provider.TestRFCDetails/7643 3.1: an id is case-exact", "entra/users/u4-id-as-created"}},
	{"Q25", "a deleted user can be created again, with a new id", []string{"session.TestDeletedIsGone", "entra/users/u3-create-again"}},
	{"Q26", "disabled users are found", []string{"session.TestList", "entra/users/u1-filter-inactive"}},
	{"Q27", "every attribute is echoed", []string{"provider.TestRFCEveryAttribute", "entra/users/u4-department"}},
	{"Q28", "groups are found by displayName and externalId, and unique by name", []string{"filter.TestFilterGroups/entra Q28: externalId", "entra/groups/g3-create-taken", "entra/groups/g1-filter-externalid"}},
	{"Q29", "an unknown path loses the whole PATCH: 400 by default, ignored where the directory is lenient", []string{"patch.TestPatchErrors/entra Q29: a path that no schema knows", "patch.TestPatchLenient/entra Q29: a path that no schema knows", "session.TestLenientPatch", "entra/users/u4-unknown-path", "entra/dialects/pathless-unknown-flag"}},
	{"Q30", "nothing stands against a disable", []string{"patch.TestPatchDialects/entra Q30: disable twice", "entra/users/u4-disable-last-admin"}},
	{"Q31", "memberships stay with a disabled user and go with a deleted one", []string{"jobs.TestMembershipsOfTheDeleted", "entra/users/u4-restored-is-in-groups", "entra/users/u5-delete-member"}},
	{"Q32", "a member with a null $ref", []string{"patch.TestPatchMembers/entra G5 Q32: Add with a null $ref", "entra/groups/g5-add-member"}},
	{"Q33", "types have canonical values", []string{"discovery.TestSchemas", "entra/discovery/schemas"}},
	{"Q34", "password is not published, and members.$ref is read-only", []string{"discovery.TestSchemas", "entra/discovery/schemas"}},
	{"Q35", "a PATCH without operations", []string{"patch.TestPatchErrors/entra Q35: blank Operations", "entra/users/u4-no-operations"}},
	{"Q36", "signs in a filter, encoded or raw", []string{"query.TestParseQuery/entra Q36: raw brackets and quotes", "entra/users/u1-filter-raw-brackets", "entra/users/u1-filter-plus-is-a-blank"}},
	{"Q37", "bodies that API Gateway encodes", []string{"gateway.TestInvoke", "apigateway.TestRecordedPayloads", "entra/users/u3-create-base64"}},
	{"Q38", "further members of a PATCH and of its operations", []string{"patch.TestPatchMessage/entra Q38: further members", "entra/users/u4-further-members"}},
	{"Q39", "a member as a bare string", []string{"patch.TestPatchMembers/entra Q39: one member as a bare string", "entra/groups/g5-add-string"}},
	{"Q40", "null unassigns", []string{"patch.TestPatchClears/entra Q40: ", "entra/users/u4-clear-null", "entra/users/u4-clear-null-pathless"}},
	{"Q41", "ids of nobody: a manager's is kept, a member's is passed over", []string{"patch.TestPatchManager/entra Q41: an id of nobody is kept", "entra/users/u4-manager-unknown", "entra/groups/g5-add-unknown"}},
	{"Q42", "all operations of a PATCH or none", []string{"patch.TestPatchErrors/hostile Q42: the last of three is invalid", "entra/users/u4-atomic"}},

	{"D1", "PATCH of a user: 200 with the whole user", []string{"provider.TestRFCPatch/3.5.2.3 replace: a single value", "entra/users/u4-disable-boolean"}},
	{"D2", "PATCH of a group: 204", []string{"provider.TestRFCMembers", "entra/groups/g4-rename"}},
	{"D3", "replace by a filter that matches nothing: creates for canonical values, else noTarget", []string{"patch.TestPatchFilteredPath/rfc: Replace that matches nothing, type not canonical", "entra/users/u4-unmatched-replace-custom-type", "entra/users/u4-unmatched-add-custom-type"}},
	{"D4", "displayName of a group is unique, unless the directory lets groups share it", []string{"provider.TestRefusals/taken displayName", "session.TestSharedGroupNames", "entra/groups/g4-rename-taken"}},
	{"D5", "externalId is not unique", []string{"session.TestList", "entra/users/u3-create-same-externalid"}},
	{"D6", "the second DELETE is 404", []string{"provider.TestRFCDelete", "entra/users/u5-delete-twice", "entra/groups/g9-delete-twice"}},
	{"D7", "of two primary values the first counts", []string{"resource.TestParseUser/entra: two primaries, the first counts"}},
	{"D8", "the same type and value twice is kept once", []string{"resource.TestParseUser/entra: the same e-mail twice", "patch.TestPatchList/entra: duplicates of type and value are dropped"}},
	{"D9", "two work e-mails", []string{"resource.TestParseUser/entra: two work e-mails", "entra/users/u3-create-two-work-emails"}},
	{"D10", "answers are application/scim+json, to the letter", []string{"provider.TestRefusals", "provider.TestRFCCreate"}},
	{"D11", "unknown attributes of a POST or PUT are ignored and not echoed", []string{"resource.TestParseUser/entra: unknown attributes are not echoed", "provider.TestRFCCreate/3.3: unknown attributes and schemas are ignored"}},
	{"D12", "a path that no schema knows: 400 invalidPath; ignored and recorded where the directory is lenient", []string{"provider.TestRFCPatch/3.5.2: unknown path", "provider.TestRequestsAreRecorded/a lenient directory", "entra/users/u4-unknown-path"}},
	{"D13", "read-only in a PATCH: 400 mutability for a path, ignored without one", []string{"patch.TestPatchErrors/rfc: id is read-only", "patch.TestPatchPathless/rfc: read-only keys are passed over", "entra/users/u4-id"}},
	{"D14", "a bare word in a filter is a string", []string{"filter.TestFilterUsers/entra: unquoted literal", "entra/users/u1-filter-unquoted"}},
	{"D15", "order of a boolean: 400 invalidFilter", []string{"filter.TestFilterUsers/rfc: gt on a boolean"}},
	{"D16", `"" and null unassign, and are invalidValue where a value is required`, []string{"patch.TestPatchErrors/entra: empty text on a required attribute", "entra/users/u4-clear-empty", "entra/users/u4-username-empty"}},
	{"D17", "a member that is no user is accepted, ignored and recorded", []string{"session.TestMemberChanges", "provider.TestRequestsAreRecorded/unknown members", "entra/groups/g5-add-unknown"}},
	{"D18", "displayName of a member is kept as display", []string{"patch.TestPatchMembers/entra: displayName is kept as display"}},
	{"D19", "401 has a challenge", []string{"provider.TestRFCHTTP/2: 401 with a challenge", "entra/errors/no-token"}},
	{"D20", "discovery ignores filter, order and pages", []string{"provider.TestRFCDiscovery", "entra/discovery/schemas-parameters"}},
	{"D21", "Location is meta.location", []string{"provider.TestRFCCreate/3.3: 201, Location, ETag and the resource"}},
	{"D22", "schemas is always returned", []string{"provider.TestRFCProjection/3.9: attributes"}},
	{"D23", "adding what is there moves neither version nor lastModified", []string{"provider.TestRFCPatch/3.5.2.1 add: what is there changes nothing", "entra/users/u4-same-value"}},
	{"D24", "removing what is required or read-only: 400 mutability", []string{"provider.TestRFCPatch/3.5.2.2 remove: a required attribute", "entra/users/u4-username-remove"}},
	{"D25", "PUT without userName is 400, of an unknown id 404", []string{"provider.TestRFCReplace/3.5.1: without a required attribute", "entra/users/put-missing-username", "entra/users/put-unknown"}},
	{"D26", "another version in If-Match: 412", []string{"provider.TestRFCConditions", "session.TestIfMatch", "entra/users/u4-if-match"}},
	{"D27", "PATCH is atomic", []string{"provider.TestRFCPatch/3.5.2: all or nothing", "entra/users/u4-atomic"}},
	{"D28", "add without a value: 400", []string{"provider.TestRFCPatch/3.5.2.1 add: without a value", "entra/users/u4-no-value"}},
	{"D29", "ServiceProviderConfig has no empty text", []string{"provider.TestRFCServiceProviderConfig", "discovery.TestServiceProviderConfig"}},
	{"D30", "every published attribute takes add, replace and remove", []string{"provider.TestRFCEveryAttribute", "patch.TestPatchEveryAttribute"}},
}

const (
	quirks    = 42
	decisions = 30
)

func TestEveryRowIsHeld(t *testing.T) {
	known := holders(t)
	var ids []string
	for _, r := range catalogue {
		ids = append(ids, r.id)
		if r.text == "" || len(r.heldBy) == 0 {
			t.Errorf("%s is held by nothing", r.id)
		}
		for _, problem := range known.problems(r) {
			t.Error(problem)
		}
	}
	for kind, n := range map[string]int{"Q": quirks, "D": decisions} {
		for i := range n {
			if id := kind + strconv.Itoa(i+1); !slices.Contains(ids, id) {
				t.Errorf("%s is missing", id)
			}
		}
	}
	if slices.Sort(ids); len(slices.Compact(ids)) != quirks+decisions {
		t.Errorf("a row comes twice, or there are more than %d and %d", quirks, decisions)
	}
}

// The check notices what it is there for.
func TestMissingHoldersAreNoticed(t *testing.T) {
	known := holders(t)
	for _, name := range []string{
		"scim.TestNothing", "nothing.TestSchemas", "discovery.TestSchemas/a row that is not there",
		"entra/users/nothing", "entra/users/u2-read", "TestSchemas", "",
	} {
		if len(known.problems(row{"Q1", "x", []string{name}})) == 0 {
			t.Errorf("%q passes", name)
		}
	}
}

// known are the tests and fixtures of the tree.
type known struct {
	tests    map[string]map[string]bool // "package.Test" → the texts in it
	fixtures map[string][]string        // name → quirks
}

// problems are what is wrong with what a row is held by.
func (k known) problems(r row) (found []string) {
	for _, name := range r.heldBy {
		if quirks, ok := k.fixtures[name]; ok {
			if strings.HasPrefix(r.id, "Q") && !slices.Contains(quirks, r.id) {
				found = append(found, fmt.Sprintf("%s: %s does not list it among its quirks", r.id, name))
			}
			continue
		}
		test, part, hasPart := strings.Cut(name, "/")
		if texts, ok := k.tests[test]; !ok || hasPart && !texts[part] {
			found = append(found, fmt.Sprintf("%s: there is no %q", r.id, name))
		}
	}
	return found
}

// holders reads all test files and all fixtures.
func holders(t *testing.T) known {
	t.Helper()
	k := known{map[string]map[string]bool{}, map[string][]string{}}
	for _, file := range files(t, root, "_test.go") {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range parsed.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Recv != nil || !strings.HasPrefix(f.Name.Name, "Test") && !strings.HasPrefix(f.Name.Name, "Fuzz") || f.Name.Name == "TestMain" {
				continue
			}
			name := filepath.Base(filepath.Dir(file)) + "." + f.Name.Name
			if k.tests[name] != nil {
				t.Errorf("two tests are named %s", name)
			}
			k.tests[name] = texts(f)
		}
	}
	events := filepath.Join(root, "events")
	for _, file := range traffic(t, events) {
		var fixture struct{ Quirks []string }
		b, err := os.ReadFile(file)
		if err == nil {
			err = json.Unmarshal(b, &fixture)
		}
		if err != nil {
			t.Fatal(err)
		}
		name, _ := filepath.Rel(events, strings.TrimSuffix(file, ".json"))
		k.fixtures[filepath.ToSlash(name)] = fixture.Quirks
	}
	return k
}

// clients are the folders of events/ with traffic. See package replay.
var clients = []string{"entra", "okta", "rauthy", "canaille", "nextcloud", "workos-bridge"}

// traffic are the fixtures of all clients.
func traffic(t *testing.T, events string) (all []string) {
	for _, client := range clients {
		all = append(all, files(t, filepath.Join(events, client), ".json")...)
	}
	return all
}

// texts are the string literals of a function.
func texts(f *ast.FuncDecl) map[string]bool {
	all := map[string]bool{}
	ast.Inspect(f, func(n ast.Node) bool {
		if literal, ok := n.(*ast.BasicLit); ok && literal.Kind == token.STRING {
			if s, err := strconv.Unquote(literal.Value); err == nil {
				all[s] = true
			}
		}
		return true
	})
	return all
}

// files lists the files below a folder that end so, but for hidden folders.
func files(t *testing.T, folder, end string) (all []string) {
	t.Helper()
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := entry.Name()
		if entry.IsDir() && path != folder && (name[0] == '.' || name == "node_modules" || name == "cdk.out") {
			return filepath.SkipDir
		}
		if !entry.IsDir() && strings.HasSuffix(name, end) {
			all = append(all, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// In docs/scim.md names of tests and fixtures stand between backquotes, and
// every line of a table that has a column "held by" names one.
var holder = regexp.MustCompile("`((?:(?:" + strings.Join(clients, "|") + ")/|[a-z]+\\.(?:Test|Fuzz))[^`]+)`")

func TestDocumentNamesRealTests(t *testing.T) {
	known := holders(t)
	b, err := os.ReadFile(filepath.Join(root, "docs/scim.md"))
	if err != nil {
		t.Fatal(err)
	}
	named, held := 0, false
	for i, line := range strings.Split(string(b), "\n") {
		var names []string
		for _, match := range holder.FindAllStringSubmatch(line, -1) {
			names = append(names, match[1])
		}
		for _, problem := range known.problems(row{"docs/scim.md:" + strconv.Itoa(i+1), line, names}) {
			t.Error(problem)
		}
		named += len(names)
		switch {
		case !strings.HasPrefix(line, "|"):
			held = false
		case strings.HasSuffix(line, "| held by |"):
			held = true
		case held && len(names) == 0 && !strings.HasPrefix(line, "|---"):
			t.Errorf("docs/scim.md:%d: nothing holds %s", i+1, line)
		}
	}
	if named < 20 {
		t.Errorf("docs/scim.md names %d tests", named)
	}
}

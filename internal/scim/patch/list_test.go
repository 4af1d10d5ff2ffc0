package patch_test

import (
	"testing"

	"dsync/internal/scim"
	"dsync/internal/scim/patch"
	"dsync/internal/scim/resource"
	"dsync/internal/scim/scimtest"
)

// admin is the role of scimtest.Babs.
const admin = `{"primary":true,"type":"WindowsAzureActiveDirectoryRole","value":"Admin","display":"Admin"}`

func TestPatchFilteredPath(t *testing.T) {
	const none = `{"userName":"u"}`
	runPatch(t, []patchRow{
		{name: "entra Q7: replace changes the addressed part only", operations: `[{"op":"Replace","path":"emails[type eq \"work\"].value","value":"n@x"}]`,
			want: `{"emails":[{"type":"work","value":"n@x","primary":true},` + scimtest.HomeMail + `]}`},
		{name: "entra: capitals in names and types", operations: `[{"op":"Replace","path":"Emails[Type EQ \"Work\"].Value","value":"n@x"}]`,
			want: `{"emails":[{"type":"work","value":"n@x","primary":true},` + scimtest.HomeMail + `]}`},
		{name: "entra Q6: Replace creates a canonical type", operations: `[{"op":"Replace","path":"emails[type eq \"other\"].Value","value":"o@x"}]`,
			want: `{"emails":[` + scimtest.WorkMail + `,` + scimtest.HomeMail + `,{"type":"other","value":"o@x"}]}`},
		{name: "entra Q6: Add creates the list", before: none, operations: `[{"op":"Add","path":"emails[type eq \"work\"].value","value":"w@x"}]`, want: `{"emails":[{"type":"work","value":"w@x"}]}`},
		{name: "entra Q6: Replace creates the list", before: none, operations: `[{"op":"Replace","path":"phoneNumbers[type eq \"fax\"].value","value":"1"}]`, want: `{"phoneNumbers":[{"type":"fax","value":"1"}]}`},
		{name: "entra: an address grows part by part", before: none, operations: `[
			{"op":"Add","path":"addresses[type eq \"work\"].streetAddress","value":"1 Way"},
			{"op":"Replace","path":"addresses[type eq \"work\"].locality","value":"Town"},
			{"op":"Add","path":"addresses[type eq \"other\"].Formatted","value":"Office"}]`,
			want: `{"addresses":[{"type":"work","streetAddress":"1 Way","locality":"Town"},{"type":"other","formatted":"Office"}]}`},
		{name: "rfc: Replace that matches nothing, type not canonical", operations: `[{"op":"replace","path":"emails[type eq \"nonexistent\"].value","value":"o@x"}]`, problem: "400 noTarget"},
		{name: "rfc: Replace that matches nothing, by value", operations: `[{"op":"replace","path":"emails[value eq \"nobody@x\"].type","value":"work"}]`, problem: "400 noTarget"},
		{name: "rfc: Replace that matches nothing, one of two canonical", operations: `[{"op":"replace","path":"emails[type eq \"other\" and value eq \"a\"].display","value":"d"}]`, problem: "400 noTarget"},
		{name: "rfc: Replace that matches nothing, not an eq", operations: `[{"op":"replace","path":"emails[type sw \"oth\"].value","value":"d"}]`, problem: "400 noTarget"},
		{name: "rfc: Replace that matches nothing, either or", operations: `[{"op":"replace","path":"emails[type eq \"other\" or type eq \"x\"].value","value":"d"}]`, problem: "400 noTarget"},
		{name: "rfc: Replace that matches nothing, null", operations: `[{"op":"replace","path":"emails[type eq null].value","value":"d"}]`, problem: "400 noTarget"},
		{name: "rfc: Replace that matches nothing, primary false", operations: `[{"op":"replace","path":"emails[primary eq false].value","value":"d"}]`, problem: "400 noTarget"},
		{name: "entra: Add that matches nothing always creates", operations: `[{"op":"Add","path":"emails[type eq \"custom\"].value","value":"c@x"}]`,
			want: `{"emails":[` + scimtest.WorkMail + `,` + scimtest.HomeMail + `,{"type":"custom","value":"c@x"}]}`},
		{name: "entra Q14: list around the value", operations: `[{"op":"Replace","path":"emails[type eq \"work\"].value","value":[{"value":"n@x"}]}]`,
			want: `{"emails":[{"type":"work","value":"n@x","primary":true},` + scimtest.HomeMail + `]}`},
		{name: "entra Q14: object around the value", operations: `[{"op":"Replace","path":"emails[type eq \"work\"].value","value":{"Value":"n@x"}}]`,
			want: `{"emails":[{"type":"work","value":"n@x","primary":true},` + scimtest.HomeMail + `]}`},
		{name: "entra Q14: list around a top-level scalar", operations: `[{"op":"Replace","path":"title","value":["Boss"]}]`, want: `{"title":"Boss"}`},
		{name: "rfc: every match changes", before: `{"userName":"u","emails":[{"type":"work","value":"a"},{"type":"work","value":"b"},{"type":"home","value":"c"}]}`,
			operations: `[{"op":"replace","path":"emails[type eq \"work\"].display","value":"d"}]`,
			want:       `{"emails":[{"type":"work","value":"a","display":"d"},{"type":"work","value":"b","display":"d"},{"type":"home","value":"c"}]}`},
		{name: "rfc: add merges into the match", operations: `[{"op":"add","path":"emails[type eq \"home\"]","value":{"value":"n@x"}}]`,
			want: `{"emails":[` + scimtest.WorkMail + `,{"type":"home","value":"n@x","display":"at home"}]}`},
		{name: "rfc: add clears what it names as null", operations: `[{"op":"add","path":"emails[type eq \"home\"]","value":{"display":null}}]`,
			want: `{"emails":[` + scimtest.WorkMail + `,{"type":"home","value":"babs@example.org"}]}`},
		{name: "rfc: replace replaces the whole match but what it is for", operations: `[{"op":"replace","path":"emails[type eq \"home\"]","value":{"value":"n@x"}}]`,
			want: `{"emails":[` + scimtest.WorkMail + `,{"type":"home","value":"n@x"}]}`},
		{name: "rfc: replace may change what it is for", operations: `[{"op":"replace","path":"emails[type eq \"home\"]","value":{"type":"home","value":"babs@example.org"}},{"op":"replace","path":"emails[type eq \"work\"]","value":[{"type":"work","value":"n@x"}]}]`,
			want: `{"emails":[{"type":"work","value":"n@x"},{"type":"home","value":"babs@example.org"}]}`},
		{name: "rfc: replace of an element by a bare string", operations: `[{"op":"replace","path":"emails[type eq \"home\"]","value":"n@x"}]`,
			want: `{"emails":[` + scimtest.WorkMail + `,{"type":"home","value":"n@x"}]}`},
		{name: "rfc: remove takes the match", operations: `[{"op":"remove","path":"emails[type eq \"work\"]"}]`, want: `{"emails":[` + scimtest.HomeMail + `]}`},
		{name: "rfc: remove takes the part", operations: `[{"op":"remove","path":"emails[type eq \"home\"].display"}]`, want: `{"emails":[` + scimtest.WorkMail + `,{"type":"home","value":"babs@example.org"}]}`},
		{name: "rfc: remove with a longer filter", operations: `[{"op":"remove","path":"emails[type eq \"work\" and value ew \"example.com\"]"}]`, want: `{"emails":[` + scimtest.HomeMail + `]}`},
		{name: "rfc: remove that matches nothing", operations: `[{"op":"remove","path":"emails[type eq \"nope\"]"}]`},
		{name: "rfc: remove the last element", before: `{"userName":"u","emails":[{"value":"a"}]}`, operations: `[{"op":"remove","path":"emails[value eq \"A\"]"}]`, want: `{"emails":null}`},
		{name: "entra: nothing is left but the type", operations: `[{"op":"Remove","path":"emails[type eq \"work\"].value"}]`, want: `{"emails":[` + scimtest.HomeMail + `]}`},
		{name: "rfc: a sub-attribute of every element", operations: `[{"op":"replace","path":"emails.display","value":"d"}]`,
			want: `{"emails":[{"type":"work","value":"bjensen@example.com","primary":true,"display":"d"},{"type":"home","value":"babs@example.org","display":"d"}]}`},
		{name: "rfc: a sub-attribute of no element", before: none, operations: `[{"op":"add","path":"emails.value","value":"a@x"}]`, want: `{"emails":[{"value":"a@x"}]}`},
		{name: "hostile: two elements for one", operations: `[{"op":"replace","path":"emails[type eq \"work\"]","value":[{"value":"a"},{"value":"b"}]}]`, problem: "400 invalidValue"},
		{name: "hostile: wrong type for a part", operations: `[{"op":"replace","path":"emails[type eq \"work\"].primary","value":"maybe"}]`, problem: "400 invalidValue"},
		{name: "hostile: unknown name in brackets", operations: `[{"op":"replace","path":"emails[nope eq \"work\"].value","value":"x"}]`, problem: "400 invalidFilter"},
	})
}

func TestPatchPrimary(t *testing.T) {
	const before = `{"userName":"u","emails":[{"type":"work","value":"w","primary":true},{"type":"home","value":"h","primary":false},{"type":"other","value":"o"}]}`
	runPatch(t, []patchRow{
		{name: "rfc: setting one clears the other", before: before, operations: `[{"op":"replace","path":"emails[type eq \"other\"].primary","value":true}]`,
			want: `{"emails":[{"type":"work","value":"w","primary":false},{"type":"home","value":"h","primary":false},{"type":"other","value":"o","primary":true}]}`},
		{name: "entra: as a string", before: before, operations: `[{"op":"Replace","path":"emails[type eq \"home\"].primary","value":"True"}]`,
			want: `{"emails":[{"type":"work","value":"w","primary":false},{"type":"home","value":"h","primary":true},{"type":"other","value":"o"}]}`},
		{name: "rfc: setting it again changes nothing", before: before, operations: `[{"op":"replace","path":"emails[type eq \"work\"].primary","value":true}]`},
		{name: "rfc: a new element takes it", before: before, operations: `[{"op":"add","path":"emails","value":[{"value":"n","primary":true}]}]`,
			want: `{"emails":[{"type":"work","value":"w","primary":false},{"type":"home","value":"h","primary":false},{"type":"other","value":"o"},{"value":"n","primary":true}]}`},
		{name: "rfc: a new element that says false leaves it", before: before, operations: `[{"op":"add","path":"emails","value":[{"value":"n","primary":false}]}]`,
			want: `{"emails":[{"type":"work","value":"w","primary":true},{"type":"home","value":"h","primary":false},{"type":"other","value":"o"},{"value":"n","primary":false}]}`},
		{name: "rfc: an element that is there takes it", before: before, operations: `[{"op":"add","path":"emails","value":[{"type":"other","value":"o","primary":true}]}]`,
			want: `{"emails":[{"type":"work","value":"w","primary":false},{"type":"home","value":"h","primary":false},{"type":"other","value":"o","primary":true}]}`},
		{name: "rfc: a whole element takes it", before: before, operations: `[{"op":"replace","path":"emails[type eq \"home\"]","value":{"value":"n","primary":"true"}}]`,
			want: `{"emails":[{"type":"work","value":"w","primary":false},{"type":"home","value":"n","primary":true},{"type":"other","value":"o"}]}`},
		{name: "hostile: two in one value", before: before, operations: `[{"op":"replace","path":"emails","value":[{"value":"a","primary":true},{"value":"b","primary":true}]}]`,
			want: `{"emails":[{"value":"a","primary":true},{"value":"b","primary":false}]}`},
		{name: "hostile: all of them", before: before, operations: `[{"op":"replace","path":"emails.primary","value":true}]`,
			want: `{"emails":[{"type":"work","value":"w","primary":true},{"type":"home","value":"h","primary":false},{"type":"other","value":"o","primary":false}]}`},
		{name: "entra Q12: created by its filter, it moves", before: `{"userName":"u","roles":[{"value":"a"}]}`, operations: `[{"op":"Replace","path":"roles[primary eq \"True\"].value","value":"b"}]`,
			want: `{"roles":[{"value":"a"},{"value":"b","primary":true}]}`},
	})
}

func TestPatchList(t *testing.T) {
	runPatch(t, []patchRow{
		{name: "rfc: add appends", operations: `[{"op":"add","path":"emails","value":[{"type":"other","value":"o@x"}]}]`, want: `{"emails":[` + scimtest.WorkMail + `,` + scimtest.HomeMail + `,{"type":"other","value":"o@x"}]}`},
		{name: "rfc: add of one object", operations: `[{"op":"add","path":"emails","value":{"value":"o@x"}}]`, want: `{"emails":[` + scimtest.WorkMail + `,` + scimtest.HomeMail + `,{"value":"o@x"}]}`},
		{name: "entra Q39: add of a bare string", operations: `[{"op":"Add","path":"emails","value":"o@x"}]`, want: `{"emails":[` + scimtest.WorkMail + `,` + scimtest.HomeMail + `,{"value":"o@x"}]}`},
		{name: "entra: of an element that is there the latest spelling counts", operations: `[{"op":"add","path":"emails","value":[` + scimtest.HomeMail + `,{"type":"WORK","value":"bjensen@example.com"}]}]`,
			want: `{"emails":[{"type":"WORK","value":"bjensen@example.com","primary":true},` + scimtest.HomeMail + `]}`},
		{name: "rfc: the same value again changes nothing", operations: `[{"op":"add","path":"emails","value":[` + scimtest.HomeMail + `]}]`},
		{name: "generic: of equal elements the first counts, beside one that is there", operations: `[{"op":"add","path":"emails","value":[` + scimtest.HomeMail + `,{"type":"home","value":"babs@example.org","display":"x","primary":true}]}]`},
		{name: "rfc: replace replaces all", operations: `[{"op":"replace","path":"emails","value":[{"type":"other","value":"o@x"}]}]`, want: `{"emails":[{"type":"other","value":"o@x"}]}`},
		{name: "rfc: replace with an empty list", operations: `[{"op":"replace","path":"emails","value":[]}]`, want: `{"emails":null}`},
		{name: "rfc: remove removes all", operations: `[{"op":"remove","path":"emails"}]`, want: `{"emails":null}`},
		{name: "rfc: remove of what is absent", operations: `[{"op":"remove","path":"ims"}]`},
		{name: "entra Q4: remove with a value removes only that", operations: `[{"op":"Remove","path":"emails","value":[{"value":"babs@example.org"}]}]`, want: `{"emails":[` + scimtest.WorkMail + `]}`},
		{name: "rfc: remove with a value compares as a filter does", operations: `[{"op":"remove","path":"emails","value":[{"type":"HOME","value":"Babs@Example.org"}]}]`, want: `{"emails":[` + scimtest.WorkMail + `]}`},
		{name: "entra Q4: remove of an empty list removes nothing", operations: `[{"op":"Remove","path":"emails","value":[]}]`},
		{name: "hostile: remove by type and value, one of them wrong", operations: `[{"op":"remove","path":"emails","value":[{"type":"work","value":"babs@example.org"}]}]`},
		{name: "hostile: remove by primary alone takes the primary one only", operations: `[{"op":"remove","path":"emails","value":[{"primary":true}]}]`, want: `{"emails":[` + scimtest.HomeMail + `]}`},
		{name: "hostile: remove passes over a primary that moved", operations: `[{"op":"remove","path":"emails","value":[{"value":"babs@example.org","primary":true}]}]`, want: `{"emails":[` + scimtest.WorkMail + `]}`},
		{name: "entra: duplicates of type and value are dropped", operations: `[{"op":"replace","path":"emails","value":[{"type":"work","value":"a"},{"type":"Work","value":"a"},{"type":"work","value":"b"}]}]`,
			want: `{"emails":[{"type":"work","value":"a"},{"type":"work","value":"b"}]}`},
		{name: "hostile: duplicates without a value", operations: `[{"op":"add","path":"addresses","value":[{"locality":"x"},{"locality":"x","primary":true},{"region":"x"}]}]`,
			want: `{"addresses":[{"locality":"x"},{"region":"x"}]}`},
		{name: "hostile: elements that say nothing", operations: `[{"op":"replace","path":"emails","value":[{"type":"work"},{"primary":true},{},null,"",{"value":""},{"nope":1}]}]`, want: `{"emails":null}`},
	})
}

// null and "" clear an attribute (entra.md section 4). For required attributes
// see TestPatchErrors.
func TestPatchClears(t *testing.T) {
	for _, v := range []string{`null`, `""`} {
		for _, row := range []patchRow{
			{name: "title", operations: `"title"`, want: `{"title":null}`},
			{name: "active stays", operations: `"active"`},
			{name: "externalId", operations: `"externalId"`, want: `{"externalId":null}`},
			{name: "name", operations: `"name"`, want: `{"name":null}`},
			{name: "name.givenName", operations: `"name.givenName"`, want: `{"name":{"familyName":"Jensen"}}`},
			{name: "manager", operations: `"manager"`, want: `{"` + scim.EnterpriseURN + `":{"department":"Tours"}}`},
			{name: "manager.value", operations: `"` + scim.EnterpriseURN + `:manager.value"`, want: `{"` + scim.EnterpriseURN + `":{"department":"Tours"}}`},
			{name: "extension", operations: `"` + scim.EnterpriseURN + `"`, want: `{"` + scim.EnterpriseURN + `":null}`},
			{name: "emails", operations: `"emails"`, want: `{"emails":null}`},
			{name: "work mail", operations: `"emails[type eq \"work\"].value"`, want: `{"emails":[` + scimtest.HomeMail + `]}`},
			{name: "home display", operations: `"emails[type eq \"home\"].display"`, want: `{"emails":[` + scimtest.WorkMail + `,{"type":"home","value":"babs@example.org"}]}`},
			{name: "home mail", operations: `"emails[type eq \"home\"]"`, want: `{"emails":[` + scimtest.WorkMail + `]}`},
			{name: "role", operations: `"roles[primary eq \"True\"]"`, want: `{"roles":null}`},
			{name: "absent attribute", operations: `"nickName"`},
			{name: "absent element", operations: `"phoneNumbers[type eq \"work\"].value"`},
			{name: "absent element of a type that is not canonical", operations: `"emails[type eq \"nope\"].value"`},
		} {
			path := row.operations
			row.operations = `[{"op":"replace","path":` + path + `,"value":` + v + `}]`
			t.Run("entra Q40: "+row.name+" with "+v, func(t *testing.T) { row.run(t, scim.Users) })
			row.operations = `[{"op":"Replace","value":{` + path + `:` + v + `}}]`
			t.Run("entra Q40: "+row.name+" without a path with "+v, func(t *testing.T) { row.run(t, scim.Users) })
			row.operations = `[{"op":"Remove","path":` + path + `}]`
			t.Run("rfc: remove "+row.name, func(t *testing.T) { row.run(t, scim.Users) })
		}
	}
	runPatch(t, []patchRow{
		{name: "entra Q14 Q40: wrapped empty text", operations: `[{"op":"Replace","path":"emails[type eq \"work\"].value","value":[{"value":""}]}]`, want: `{"emails":[` + scimtest.HomeMail + `]}`},
		{name: "entra: cleared, then set, keeps the element", operations: `[{"op":"Replace","path":"emails[type eq \"work\"].value","value":""},{"op":"Add","path":"emails[type eq \"work\"].value","value":"n@x"}]`,
			want: `{"emails":[{"type":"work","value":"n@x","primary":true},` + scimtest.HomeMail + `]}`},
		{name: "rfc: an element whose value is null", operations: `[{"op":"replace","path":"emails[type eq \"work\"]","value":{"value":null}}]`, want: `{"emails":[` + scimtest.HomeMail + `]}`},
	})
}

func TestPatchManager(t *testing.T) {
	set := `{"` + scim.EnterpriseURN + `":{"department":"Tours","manager":{"value":"m-2"}}}`
	gone := `{"` + scim.EnterpriseURN + `":{"department":"Tours"}}`
	path := `"` + scim.EnterpriseURN + `:manager"`
	runPatch(t, []patchRow{
		{name: "entra: Example 5", operations: `[{"op":"Add","path":"manager","value":[{"$ref":"http://x/scim/Users/m-2","value":"m-2"}]}]`, want: set},
		{name: "entra Q11: string", operations: `[{"op":"Add","path":` + path + `,"value":"m-2"}]`, want: set},
		{name: "entra Q11: object", operations: `[{"op":"Replace","path":` + path + `,"value":{"value":"m-2"}}]`, want: set},
		{name: "entra: empty string", operations: `[{"op":"Replace","path":` + path + `,"value":""}]`, want: gone},
		{name: "entra: Remove", operations: `[{"op":"Remove","path":` + path + `}]`, want: gone},
		{name: "entra: Remove with the value", operations: `[{"op":"Remove","path":` + path + `,"value":[{"value":"m-1"}]}]`, want: gone},
		{name: "entra: the value alone", operations: `[{"op":"Replace","path":"manager.value","value":"m-2"}]`, want: set},
		{name: "entra: the same again", operations: `[{"op":"Add","path":"manager","value":[{"$ref":null,"value":"m-1"}]}]`},
		{name: "entra Q41: an id of nobody is kept", before: `{"userName":"u"}`, operations: `[{"op":"Add","path":` + path + `,"value":"Nobody-1"}]`, want: `{"` + scim.EnterpriseURN + `":{"manager":{"value":"Nobody-1"}}}`},
		{name: "rfc: object with null", operations: `[{"op":"replace","path":"manager","value":{"value":null}}]`, want: gone},
		{name: "rfc: list with an empty value", operations: `[{"op":"replace","path":"manager","value":[{"value":""}]}]`, want: gone},
		{name: "rfc: empty list", operations: `[{"op":"replace","path":"manager","value":[]}]`, want: gone},
		{name: "rfc: read-only part alone", operations: `[{"op":"replace","path":"manager","value":{"displayName":"M"}}]`},
		{name: "hostile: two managers", operations: `[{"op":"add","path":"manager","value":[{"value":"a"},{"value":"b"}]}]`, problem: "400 invalidValue"},
		{name: "hostile: a number", operations: `[{"op":"add","path":"manager","value":7}]`, problem: "400 invalidValue"},
	})
}

func TestPatchRoles(t *testing.T) {
	const text = `"{\"id\":\"06b0\",\"value\":\"25\",\"displayName\":\"Role1234\"}"`
	const none = `{"userName":"u"}`
	runPatch(t, []patchRow{
		{name: "entra Q12: filtered parts", operations: `[{"op":"Replace","path":"roles[primary eq \"True\"].display","value":"User"},
			{"op":"Replace","path":"roles[primary eq \"True\"].type","value":"T"},{"op":"Replace","path":"roles[primary eq \"True\"].value","value":"User"}]`,
			want: `{"roles":[{"primary":true,"type":"T","value":"User","display":"User"}]}`},
		{name: "entra Q12: filtered parts of no role", before: none, operations: `[{"op":"Replace","path":"roles[primary eq \"True\"].display","value":"User"},
			{"op":"Add","path":"roles[primary eq \"True\"].type","value":"T"},{"op":"Replace","path":"roles[primary eq \"True\"].value","value":"User"}]`,
			want: `{"roles":[{"primary":true,"type":"T","value":"User","display":"User"}]}`},
		{name: "entra Q13: SingleAppRoleAssignment, JSON in a string stays a string", before: none, operations: `[{"op":"Add","path":"roles","value":[{"value":` + text + `}]}]`, want: `{"roles":[{"value":` + text + `}]}`},
		{name: "entra Q13: AppRoleAssignmentsComplex adds", operations: `[{"op":"Add","path":"roles","value":[{"value":` + text + `},{"value":"b"}]}]`, want: `{"roles":[` + admin + `,{"value":` + text + `},{"value":"b"}]}`},
		{name: "entra: displayName stands for display", before: none, operations: `[{"op":"Add","path":"roles","value":[{"primary":false,"type":"WindowsAzureActiveDirectoryRole","displayName":"Admin","value":"Admin"}]}]`,
			want: `{"roles":[{"primary":false,"type":"WindowsAzureActiveDirectoryRole","display":"Admin","value":"Admin"}]}`},
		{name: "hostile: display wins over displayName", before: none, operations: `[{"op":"Add","path":"roles","value":[{"displayName":"a","display":"b","value":"1"},{"display":"b","displayname":"a","value":"2"}]}]`,
			want: `{"roles":[{"display":"b","value":"1"},{"display":"b","value":"2"}]}`},
		{name: "entra: AssertiveAppRoleAssignmentsComplex replaces all", operations: `[{"op":"replace","path":"roles","value":[{"primary":false,"type":"WindowsAzureActiveDirectoryRole","display":"User","value":"User"},{"primary":false,"type":"WindowsAzureActiveDirectoryRole","display":"Guest","value":"Guest"}]}]`,
			want: `{"roles":[{"primary":false,"type":"WindowsAzureActiveDirectoryRole","display":"User","value":"User"},{"primary":false,"type":"WindowsAzureActiveDirectoryRole","display":"Guest","value":"Guest"}]}`},
	})
}

// Every attribute of /Schemas supports add, replace and remove (entra.md
// section 15), by its name and by its full name.
func TestPatchEveryAttribute(t *testing.T) {
	try := func(a *scim.Attribute, path string) {
		v := map[string]any{scim.String: "x", scim.Reference: "https://x", scim.Boolean: "True", scim.Complex: map[string]any{}}[a.Type]
		for _, sub := range a.SubAttributes {
			if sub.Type == scim.String && !sub.ReadOnly() {
				v.(map[string]any)[sub.Name] = "x"
			}
		}
		before := scimtest.Object(t, `{"userName":"u"}`)
		after := before
		for _, op := range []string{"add", "replace"} {
			var err error
			if after, _, err = patch.Resolve(scim.Users, []patch.Operation{{Op: op, Path: path, Value: v, HasValue: true}}).Apply(after); err != nil {
				t.Errorf("%s %s: %v", op, path, err)
				return
			}
			if hollow := a.Name == "type" || a.Name == "primary"; resource.Encode(after) == resource.Encode(before) != hollow {
				t.Errorf("%s %s gives %s", op, path, resource.Encode(after))
			}
		}
		after, _, err := patch.Resolve(scim.Users, []patch.Operation{{Op: "remove", Path: path}}).Apply(after)
		if a.Required {
			if p := scimtest.Problem(t, err); p != "400 mutability" {
				t.Errorf("remove %s: got %q", path, p)
			}
		} else if err != nil || !a.Permanent && resource.Encode(after) != resource.Encode(before) {
			t.Errorf("remove %s: %v, %v", path, after, err)
		}
	}
	for _, s := range []*scim.Schema{scim.Users.Schema, scim.Users.Extensions[0]} {
		for _, a := range s.Attributes {
			if a.ReadOnly() {
				continue
			}
			try(a, a.Name)
			try(a, s.ID+":"+a.Name)
			for _, sub := range a.SubAttributes {
				if !sub.ReadOnly() {
					try(sub, s.ID+":"+a.Name+"."+sub.Name)
				}
			}
		}
	}
}

package patch_test

import (
	"maps"
	"testing"

	"dsync/internal/scim"
	"dsync/internal/scim/patch"
	"dsync/internal/scim/resource"
	"dsync/internal/scim/scimtest"
)

// patchRow is one PATCH of a resource. want has the attributes that change;
// null stands for a removed one, and "" for no change at all.
type patchRow struct {
	name       string
	before     string // "" for babs
	operations string
	want       string
	problem    string
}

func (row patchRow) run(t *testing.T, rt *scim.ResourceType) {
	before := row.before
	if before == "" {
		before = scimtest.Babs
	}
	r := scimtest.Object(t, before)
	list, err := patch.Parse(scimtest.PatchBody(row.operations))
	var got map[string]any
	if err == nil {
		got, _, err = patch.Resolve(rt, list).Apply(r)
	}
	if p := scimtest.Problem(t, err); p != row.problem {
		t.Fatalf("got %q (%v), want %q", p, err, row.problem)
	}
	scimtest.Same(t, r, scimtest.Object(t, before)) // the argument does not change
	if err != nil {
		return
	}
	want := scimtest.Object(t, before)
	if row.want != "" {
		maps.Copy(want, scimtest.Object(t, row.want))
		maps.DeleteFunc(want, func(_ string, v any) bool { return v == nil })
	}
	scimtest.Same(t, got, want)
	if row.want == "" && resource.Encode(got) != resource.Encode(r) {
		t.Errorf("a PATCH that changes nothing gives %s", resource.Encode(got))
	}
	again, _, err := patch.Resolve(rt, list).Apply(got)
	if err != nil {
		t.Fatalf("the same again: %v", err)
	}
	scimtest.Same(t, again, got)
}

func runPatch(t *testing.T, rows []patchRow) {
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) { row.run(t, scim.Users) })
	}
}

const EnterpriseURN = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"

func TestPatchDialects(t *testing.T) {
	bare := `{"userName":"u","emails":[{"type":"work","value":"old@x"},{"type":"home","value":"h@x"}]}`
	runPatch(t, []patchRow{
		{name: "entra Q1 Q2 default: disable", operations: `[{"op":"Replace","path":"active","value":"False"}]`, want: `{"active":false}`},
		{name: "entra Q2 default: restore", before: `{"userName":"u","active":false}`, operations: `[{"op":"Replace","path":"active","value":"True"}]`, want: `{"active":true}`},
		{name: "entra flag: disable", operations: `[{"op":"replace","path":"active","value":false}]`, want: `{"active":false}`},
		{name: "entra Q3: Add of a single value that is there", operations: `[{"op":"Add","path":"active","value":"False"}]`, want: `{"active":false}`},
		{name: "entra Q30: disable twice", before: `{"userName":"u","active":false}`, operations: `[{"op":"Replace","path":"active","value":"False"}]`},
		{name: "entra default: add a single value", operations: `[{"op":"Add","path":"nickName","value":"Babs"}]`, want: `{"nickName":"Babs"}`},
		{name: "entra flag: add a single value", operations: `[{"op":"add","path":"nickName","value":"Babs"}]`, want: `{"nickName":"Babs"}`},
		{
			name: "entra default: replace several",
			operations: `[{"op":"Replace","path":"displayName","value":"Bjfe"},
				{"op":"Replace","path":"emails[type eq \"work\"].value","value":"new@x"},
				{"op":"Replace","path":"name.givenName","value":"Kkom"},
				{"op":"Replace","path":"name.familyName","value":"Unua"},
				{"op":"Replace","path":"externalId","value":"ext-2"},
				{"op":"Replace","path":"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber","value":"Aklq"}]`,
			before: bare,
			want: `{"displayName":"Bjfe","externalId":"ext-2","name":{"givenName":"Kkom","familyName":"Unua"},
				"emails":[{"type":"work","value":"new@x"},{"type":"home","value":"h@x"}],"` + scim.EnterpriseURN + `":{"employeeNumber":"Aklq"}}`,
		},
		{
			name: "entra Q8 Q9 flag: replace several with dotted and URN keys",
			operations: `[{"op":"replace","path":"emails[type eq \"work\"].value","value":"new@x"},
				{"op":"replace","value":{"displayName":"Bjfe","name.givenName":"Kkom","name.familyName":"Unua",
				"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber":"Aklq"}}]`,
			before: bare,
			want: `{"displayName":"Bjfe","name":{"givenName":"Kkom","familyName":"Unua"},
				"emails":[{"type":"work","value":"new@x"},{"type":"home","value":"h@x"}],"` + scim.EnterpriseURN + `":{"employeeNumber":"Aklq"}}`,
		},
		{name: "entra multi-valued and dotted", operations: `[{"op":"Replace","path":"emails[type eq \"work\"].value","value":"updatedEmail@microsoft.com"},
			{"op":"Replace","path":"name.familyName","value":"updatedFamilyName"}]`,
			want: `{"name":{"givenName":"Barbara","familyName":"updatedFamilyName"},
			"emails":[{"type":"work","value":"updatedEmail@microsoft.com","primary":true},{"type":"home","value":"babs@example.org","display":"at home"}]}`},
		{name: "entra single-valued", operations: `[{"op":"Replace","path":"userName","value":"5b50642d@testuser.com"}]`, want: `{"userName":"5b50642d@testuser.com"}`},
		{name: "entra verbatim: nothing is reformatted", operations: `[{"op":"Add","path":"phoneNumbers[type eq \"work\"].value","value":" +1 (425) 555-0100 "}]`,
			want: `{"phoneNumbers":[{"type":"work","value":" +1 (425) 555-0100 "}]}`},
		{name: "entra Q38: further members of an operation", operations: `[{"name":"replaceTitle","op":"Replace","path":"title","value":"Boss","id":"7"}]`, want: `{"title":"Boss"}`},
		{name: "okta: path-less replace of active", operations: `[{"op":"replace","value":{"active":false}}]`, want: `{"active":false}`},
		{name: "okta: path-less replace with id", operations: `[{"op":"replace","value":{"id":"x","meta":{"version":"1"},"schemas":[],"title":"Boss"}}]`, want: `{"title":"Boss"}`},
		{name: "hostile Q40: a text that reads null stays text", operations: `[{"op":"replace","path":"title","value":"Null"}]`, want: `{"title":"Null"}`},
	})
}

func TestPatchPathless(t *testing.T) {
	const core = scim.UserURN
	runPatch(t, []patchRow{
		{name: "entra Q8: plain keys in any case", operations: `[{"op":"Replace","value":{"DISPLAYNAME":"B","Title":"Boss"}}]`, want: `{"displayName":"B","title":"Boss"}`},
		{name: "entra Q8: dotted keys in any case keep siblings", operations: `[{"op":"add","value":{"NAME.GivenName":"B"}}]`, want: `{"name":{"givenName":"B","familyName":"Jensen"}}`},
		{name: "entra Q9: URN key in any case", operations: `[{"op":"replace","value":{"URN:ietf:params:scim:schemas:extension:Enterprise:2.0:user:DEPARTMENT":"Sales"}}]`,
			want: `{"` + scim.EnterpriseURN + `":{"department":"Sales","manager":{"value":"m-1"}}}`},
		{name: "entra Q9: URN key with a sub-attribute", operations: `[{"op":"replace","value":{"` + scim.EnterpriseURN + `:manager.value":"m-2"}}]`,
			want: `{"` + scim.EnterpriseURN + `":{"department":"Tours","manager":{"value":"m-2"}}}`},
		{name: "entra Q8: URN with an object merges", operations: `[{"op":"replace","value":{"` + scim.EnterpriseURN + `":{"Department":"Sales","employeeNumber":"7"}}}]`,
			want: `{"` + scim.EnterpriseURN + `":{"department":"Sales","employeeNumber":"7","manager":{"value":"m-1"}}}`},
		{name: "entra: URN with an object in capitals", operations: `[{"op":"replace","value":{"URN:IETF:PARAMS:SCIM:SCHEMAS:EXTENSION:ENTERPRISE:2.0:USER":{"manager.value":"m-2"}}}]`,
			want: `{"` + scim.EnterpriseURN + `":{"department":"Tours","manager":{"value":"m-2"}}}`},
		{name: "entra: URN with an object that clears", operations: `[{"op":"replace","value":{"` + scim.EnterpriseURN + `":{"department":"","manager":null}}}]`, want: `{"` + scim.EnterpriseURN + `":null}`},
		{name: "entra: URN with null", operations: `[{"op":"replace","value":{"` + scim.EnterpriseURN + `":null}}]`, want: `{"` + scim.EnterpriseURN + `":null}`},
		{name: "entra Q10: core URN key", operations: `[{"op":"replace","value":{"` + core + `:name.givenName":"B"}}]`, want: `{"name":{"givenName":"B","familyName":"Jensen"}}`},
		{name: "entra Q10: core URN with an object", operations: `[{"op":"replace","value":{"` + core + `":{"title":"Boss","name.givenName":"B"}}}]`,
			want: `{"title":"Boss","name":{"givenName":"B","familyName":"Jensen"}}`},
		{name: "entra: filtered key", operations: `[{"op":"replace","value":{"emails[type eq \"work\"].value":"n@x"}}]`,
			want: `{"emails":[{"type":"work","value":"n@x","primary":true},{"type":"home","value":"babs@example.org","display":"at home"}]}`},
		{name: "entra: extension attribute by its bare name", operations: `[{"op":"replace","value":{"department":"Sales","manager":"m-2"}}]`,
			want: `{"` + scim.EnterpriseURN + `":{"department":"Sales","manager":{"value":"m-2"}}}`},
		{name: "entra: an object merges into a complex attribute", operations: `[{"op":"replace","value":{"name":{"GIVENNAME":"B","familyName":null}}}]`, want: `{"name":{"givenName":"B"}}`},
		{name: "entra Q29: unknown keys do not lose the deactivation", operations: `[{"op":"replace","value":{"active":"False","shoeSize":"44","urn:x:y:2.0:User:tag":"1","nope[":1,"":2}}]`, want: `{"active":false}`},
		{name: "rfc: read-only keys are passed over", operations: `[{"op":"replace","value":{"id":"x","meta":{},"schemas":["x"],"` + scim.EnterpriseURN + `:manager.displayName":"M"}}]`},
		{name: "rfc: nothing to say", operations: `[{"op":"add","value":{}}]`},
		{name: "rfc: an empty path is none", operations: `[{"op":"add","path":"","value":{"title":"Boss"}}]`, want: `{"title":"Boss"}`},
		{name: "rfc: path null is none", operations: `[{"op":"add","path":null,"value":{"title":"Boss"}}]`, want: `{"title":"Boss"}`},
		{name: "rfc: multi-valued add keeps, replace replaces", operations: `[{"op":"add","value":{"emails":[{"type":"other","value":"o@x"}]}},{"op":"replace","value":{"roles":[{"value":"User"}]}}]`,
			want: `{"emails":[{"type":"work","value":"bjensen@example.com","primary":true},{"type":"home","value":"babs@example.org","display":"at home"},{"type":"other","value":"o@x"}],"roles":[{"value":"User"}]}`},
		{name: "entra: null on a required attribute", operations: `[{"op":"replace","value":{"userName":null}}]`, problem: "400 invalidValue"},
		{name: "rfc: remove without a path", operations: `[{"op":"remove"}]`, problem: "400 noTarget"},
		{name: "rfc: remove without a path, with a value", operations: `[{"op":"remove","value":{"title":"Guide"}}]`, problem: "400 noTarget"},
		{name: "rfc: a value that is no object", operations: `[{"op":"add","value":"x"}]`, problem: "400 invalidValue"},
		{name: "rfc: null for a value", operations: `[{"op":"add","value":null}]`, problem: "400 invalidValue"},
		{name: "hostile: extension that is no object", operations: `[{"op":"add","value":{"` + scim.EnterpriseURN + `":7}}]`, problem: "400 invalidValue"},
		{name: "hostile: core URN nested in itself", operations: `[{"op":"add","value":{"` + core + `":{"` + core + `":{"title":"x"}}}}]`},
		{name: "hostile: the same key in two letter cases", operations: `[{"op":"add","value":{"TITLE":"a","title":"b","Title":"c"}}]`, want: `{"title":"b"}`},
		{name: "hostile: the same sub-attribute in two letter cases", operations: `[{"op":"replace","value":{"emails":[{"VALUE":"a","Value":"c","value":"b"}]}}]`, want: `{"emails":[{"value":"b"}]}`},
	})
}

func TestPatchErrors(t *testing.T) {
	runPatch(t, []patchRow{
		{name: "hostile Q42: the last of three is invalid", operations: `[{"op":"replace","path":"title","value":"x"},{"op":"remove","path":"emails"},{"op":"replace","path":"active","value":"maybe"}]`, problem: "400 invalidValue"},
		{name: "hostile Q42: nested values are not touched", operations: `[{"op":"replace","path":"emails[type eq \"work\"].value","value":"x"},{"op":"remove","path":"name.givenName"},{"op":"add","path":"emails","value":{"value":"y","primary":true}},{"op":"remove","path":"userName"}]`, problem: "400 mutability"},
		{name: "entra Q29: a path that no schema knows", operations: `[{"op":"replace","path":"active","value":false},{"op":"Add","path":"shoeSize","value":"44"}]`, problem: "400 invalidPath"},
		{name: "rfc: unknown sub-attribute", operations: `[{"op":"add","path":"name.nope","value":"x"}]`, problem: "400 invalidPath"},
		{name: "rfc: sub-attribute of a simple attribute", operations: `[{"op":"add","path":"title.value","value":"x"}]`, problem: "400 invalidPath"},
		{name: "rfc: unknown URN", operations: `[{"op":"add","path":"urn:x:2.0:User:title","value":"x"}]`, problem: "400 invalidPath"},
		{name: "rfc: broken path", operations: `[{"op":"add","path":"emails[","value":"x"}]`, problem: "400 invalidFilter"},
		{name: "rfc: path is no string", operations: `[{"op":"add","path":7,"value":"x"}]`, problem: "400 invalidPath"},
		{name: "rfc: filter on a single value", operations: `[{"op":"add","path":"name[givenName eq \"x\"]","value":"x"}]`, problem: "400 invalidPath"},
		{name: "rfc: id is read-only", operations: `[{"op":"replace","path":"id","value":"x"}]`, problem: "400 mutability"},
		{name: "rfc: meta is read-only", operations: `[{"op":"remove","path":"meta"}]`, problem: "400 mutability"},
		{name: "rfc: meta.version is read-only", operations: `[{"op":"replace","path":"meta.version","value":"x"}]`, problem: "400 mutability"},
		{name: "rfc: schemas is read-only", operations: `[{"op":"add","path":"schemas","value":["x"]}]`, problem: "400 mutability"},
		{name: "rfc: groups are read-only, their parts too", operations: `[{"op":"replace","path":"groups.display","value":"x"}]`, problem: "400 mutability"},
		{name: "rfc: removing a required attribute", operations: `[{"op":"remove","path":"userName"}]`, problem: "400 mutability"},
		{name: "entra: null on a required attribute", operations: `[{"op":"replace","path":"userName","value":null}]`, problem: "400 invalidValue"},
		{name: "entra: empty text on a required attribute", operations: `[{"op":"replace","path":"userName","value":""}]`, problem: "400 invalidValue"},
		{name: "hostile: blank text on a required attribute", operations: `[{"op":"replace","path":"userName","value":"  "}]`, problem: "400 invalidValue"},
		{name: "hostile: wrapped null on a required attribute", operations: `[{"op":"replace","path":"userName","value":[{"value":null}]}]`, problem: "400 invalidValue"},
		{name: "rfc: add without a value", operations: `[{"op":"add","path":"title"}]`, problem: "400 invalidValue"},
		{name: "rfc: replace without a value", operations: `[{"op":"replace","path":"title"}]`, problem: "400 invalidValue"},
		{name: "rfc: unknown op", operations: `[{"op":"move","path":"title","value":"x"}]`, problem: "400 invalidSyntax"},
		{name: "rfc: op is no string", operations: `[{"op":1,"path":"title","value":"x"}]`, problem: "400 invalidSyntax"},
		{name: "rfc: op is missing", operations: `[{"path":"title","value":"x"}]`, problem: "400 invalidSyntax"},
		{name: "rfc: operation is no object", operations: `["add"]`, problem: "400 invalidSyntax"},
		{name: "entra Q35: blank Operations", operations: `[]`, problem: "400 invalidSyntax"},
		{name: "hostile: Operations is an object", operations: `{"op":"add","path":"title","value":"x"}`, problem: "400 invalidSyntax"},
		{name: "hostile: Operations is null", operations: `null`, problem: "400 invalidSyntax"},
		{name: "hostile: number for a string", operations: `[{"op":"add","path":"title","value":5}]`, problem: "400 invalidValue"},
		{name: "hostile: boolean for a string", operations: `[{"op":"add","path":"title","value":true}]`, problem: "400 invalidValue"},
		{name: "hostile: list of two for a scalar", operations: `[{"op":"add","path":"title","value":["a","b"]}]`, problem: "400 invalidValue"},
		{name: "hostile: object for a scalar", operations: `[{"op":"add","path":"title","value":{"a":"b"}}]`, problem: "400 invalidValue"},
		{name: "hostile: string for a complex attribute without value", operations: `[{"op":"add","path":"name","value":"Babs"}]`, problem: "400 invalidValue"},
		{name: "hostile: number for an element", operations: `[{"op":"add","path":"emails","value":[5]}]`, problem: "400 invalidValue"},
		{name: "hostile: number for a boolean", operations: `[{"op":"replace","path":"active","value":1}]`, problem: "400 invalidValue"},
		{name: "hostile: word for a boolean", operations: `[{"op":"replace","path":"active","value":"yes"}]`, problem: "400 invalidValue"},
		{name: "hostile: a list nested in a list", operations: `[{"op":"add","path":"emails","value":[["a"]]}]`, problem: "400 invalidValue"},
	})
}

func TestPatchMessage(t *testing.T) {
	for _, row := range []struct{ name, body, problem string }{
		{"entra: verbatim", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"Replace","path":"title","value":"x"}]}`, ""},
		{"entra Q38: further members", `{"id":"1","externalId":"2","schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"Replace","path":"title","value":"x"}]}`, ""},
		{"okta: keys in any case", `{"SCHEMAS":["URN:ietf:params:scim:api:messages:2.0:patchop"],"operations":[{"OP":"ADD","Path":"title","Value":"x"}]}`, ""},
		{"entra: without schemas", `{"Operations":[{"op":"Replace","path":"title","value":"x"}]}`, ""},
		{"rfc: schemas of something else", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"Operations":[{"op":"add","path":"title","value":"x"}]}`, "400 invalidSyntax"},
		{"hostile: schemas is a string", `{"schemas":"urn:ietf:params:scim:api:messages:2.0:PatchOp","Operations":[{"op":"add","path":"title","value":"x"}]}`, "400 invalidSyntax"},
		{"generic: schemas is null", `{"schemas":null,"Operations":[{"op":"add","path":"title","value":"x"}]}`, ""},
		{"generic: schemas is empty", `{"schemas":[],"Operations":[{"op":"add","path":"title","value":"x"}]}`, ""},
		{"hostile: schemas is an object", `{"schemas":{},"Operations":[{"op":"add","path":"title","value":"x"}]}`, "400 invalidSyntax"},
		{"hostile: schemas of numbers", `{"schemas":[1],"Operations":[{"op":"add","path":"title","value":"x"}]}`, "400 invalidSyntax"},
		{"hostile: no Operations", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"]}`, "400 invalidSyntax"},
		{"hostile: broken JSON", `{"schemas":[`, "400 invalidSyntax"},
		{"hostile: empty body", ``, "400 invalidSyntax"},
		{"hostile: null", `null`, "400 invalidSyntax"},
		{"hostile: a list", `[]`, "400 invalidSyntax"},
		{"hostile: something follows", `{"Operations":[{"op":"add","path":"title","value":"x"}]} {}`, "400 invalidSyntax"},
		{"hostile: garbage follows", `{"Operations":[{"op":"add","path":"title","value":"x"}]}]`, "400 invalidSyntax"},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := patch.Parse([]byte(row.body))
			if p := scimtest.Problem(t, err); p != row.problem {
				t.Errorf("got %q (%v), want %q", p, err, row.problem)
			}
		})
	}
}

package patch_test

import (
	"testing"

	"dsync/internal/scim"
	"dsync/internal/scim/patch"
	"dsync/internal/scim/scimtest"
)

// Attributes that no user keeps are dropped in every form: the other operations
// apply.
func TestPatchDrops(t *testing.T) {
	const disable = `{"op":"Replace","path":"active","value":"False"}`
	for _, path := range []string{
		"password", "PASSWORD", scim.UserURN + ":password", "photos", `photos[type eq \"photo\"].value`, `photos[primary eq true]`, "photos.value", "x509Certificates", `x509Certificates[value eq \"AA==\"]`,
		"x509Certificates.display", "emails.$ref", `emails[type eq \"work\"].$ref`, "roles.$ref", "addresses.$ref", "manager.displayName", scim.EnterpriseURN + ":manager.displayName",
	} {
		for _, v := range []string{`"x"`, `7`, `null`, `[]`, `{"a":[1,2]}`, `[{"value":"x","primary":true}]`} {
			for _, op := range []string{"add", "replace", "remove"} {
				for _, rt := range []*scim.ResourceType{scim.Users, scimtest.Lenient(scim.Users)} {
					list := `[{"op":"` + op + `","path":"` + path + `","value":` + v + `},` + disable + `]`
					patchRow{operations: list, want: `{"active":false}`}.run(t, rt)
					if ignored := patch.Resolve(rt, scimtest.Operations(t, list)).Ignored(); len(ignored) > 0 {
						t.Errorf("%s: unknown %q", list, ignored)
					}
				}
			}
			patchRow{operations: `[{"op":"replace","value":{"` + path + `":` + v + `,"active":false}}]`, want: `{"active":false}`}.run(t, scim.Users)
		}
		patchRow{operations: `[{"op":"remove","path":"` + path + `"},` + disable + `]`, want: `{"active":false}`}.run(t, scim.Users)
	}
	runPatch(t, []patchRow{
		{name: "entra: manager.$ref is removed", operations: `[{"op":"Remove","path":"manager.$ref"},` + disable + `]`, want: `{"active":false}`},
		{name: "okta: manager.$ref is null", operations: `[{"op":"replace","path":"manager.$ref","value":null},` + disable + `]`, want: `{"active":false}`},
		{name: "hostile: a broken filter of photos", operations: `[{"op":"add","path":"photos[type eq","value":"x"},` + disable + `]`, problem: "400 invalidFilter"},
		{name: "hostile: a part that photos do not have", operations: `[{"op":"add","path":"photos.nope","value":"x"},` + disable + `]`, problem: "400 invalidPath"},
		{name: "hostile: what is kept, by a part that is not", operations: `[{"op":"replace","path":"emails[$ref eq \"x\"].value","value":"x"}]`, problem: "400 invalidFilter"},
		{name: "hostile: a part of password", operations: `[{"op":"add","path":"password.value","value":"x"}]`, problem: "400 invalidPath"},
	})
}

// Nothing is silently left undone: a reference to a manager is read, simple
// values are selected by a filter.
func TestPatchReferences(t *testing.T) {
	set := `{"` + scim.EnterpriseURN + `":{"department":"Tours","manager":{"value":"m-2"}}}`
	runPatch(t, []patchRow{
		{name: "canaille: manager by $ref alone", operations: `[{"op":"replace","path":"manager","value":{"$ref":"https://x/scim/v2/Users/m-2"}}]`, want: set},
		{name: "entra: manager by $ref, in a list", operations: `[{"op":"Add","path":"manager","value":[{"$ref":"../Users/m-2"}]}]`, want: set},
		{name: "keycloak: manager by $ref beside null", operations: `[{"op":"replace","value":{"` + scim.EnterpriseURN + `":{"manager":{"value":null,"$ref":"Users/m-2"}}}}]`, want: set},
		{name: "scim-sdk: the path of $ref", operations: `[{"op":"replace","path":"` + scim.EnterpriseURN + `:manager.$ref","value":"https://x/Users/m-2"}]`, want: set},
		{name: "scim-sdk: a key of $ref", operations: `[{"op":"replace","value":{"manager.$ref":"https://x/Users/m-2"}}]`, want: set},
		{name: "hostile: $ref to a group", operations: `[{"op":"replace","path":"manager","value":{"$ref":"https://x/Groups/m-2"}}]`, problem: "400 invalidValue"},
		{name: "hostile: $ref is a number", operations: `[{"op":"replace","path":"manager","value":{"$ref":7}}]`, problem: "400 invalidValue"},
		{name: "hostile: half a surrogate pair in a filter", operations: `[{"op":"add","path":"emails[type eq \"\\ud800\"].value","value":"a@x"}]`, problem: "400 invalidFilter"},
		{name: "hostile: the path of $ref, to nothing", operations: `[{"op":"replace","path":"manager.$ref","value":"m-2"}]`, problem: "400 invalidValue"},
	})
	rt := scim.Users.Extend(scimtest.Sizes(t))
	const before = `{"userName":"u","` + scimtest.SizesURN + `":{"tags":["a","b"],"marks":[3,4]}}`
	sizes := func(tags, marks string) string {
		return `{"` + scimtest.SizesURN + `":{"tags":` + tags + `,"marks":` + marks + `}}`
	}
	for _, row := range []patchRow{
		{name: "generic: remove", operations: `[{"op":"remove","path":"` + scimtest.SizesURN + `:tags[value eq \"A\"]"}]`, want: sizes(`["b"]`, `[3,4]`)},
		{name: "generic: remove by a bare name", operations: `[{"op":"remove","path":"tags[value eq \"b\" or value sw \"x\"]"}]`, want: sizes(`["a"]`, `[3,4]`)},
		{name: "generic: remove a number", operations: `[{"op":"remove","path":"marks[value gt 3]"}]`, want: sizes(`["a","b"]`, `[3]`)},
		{name: "generic: remove what is not there", operations: `[{"op":"remove","path":"tags[value eq \"c\"]"}]`},
		{name: "generic: add", operations: `[{"op":"add","path":"tags[value eq \"a\"]","value":"c"}]`, want: sizes(`["a","b","c"]`, `[3,4]`)},
		{name: "generic: unassign", operations: `[{"op":"replace","path":"tags[value eq \"a\"]","value":[{"value":""}]}]`, want: sizes(`["b"]`, `[3,4]`)},
		{name: "generic: replace by what is there", operations: `[{"op":"replace","path":"tags[value eq \"a\"]","value":"A"}]`, want: sizes(`["A","b"]`, `[3,4]`)},
		{name: "hostile: replace nothing", operations: `[{"op":"replace","path":"tags[value eq \"c\"]","value":"d"}]`, problem: "400 noTarget"},
		{name: "hostile: a wrong type", operations: `[{"op":"replace","path":"marks[value eq 3]","value":"d"}]`, problem: "400 invalidValue"},
		{name: "hostile: a part that is not there", operations: `[{"op":"remove","path":"tags[type eq \"a\"]"}]`, problem: "400 invalidFilter"},
		{name: "hostile: a part of a simple value", operations: `[{"op":"remove","path":"tags[value eq \"a\"].value"}]`, problem: "400 invalidPath"},
		{name: "hostile: a single value", operations: `[{"op":"remove","path":"label[value eq \"a\"]"}]`, problem: "400 invalidPath"},
	} {
		row.before = before
		t.Run(row.name, func(t *testing.T) { row.run(t, rt) })
	}
}

package patch_test

import (
	"slices"
	"testing"

	"dsync/internal/scim"
	"dsync/internal/scim/patch"
	"dsync/internal/scim/scimtest"
)

// One unknown path fails a whole PATCH, including a deactivation in it, unless
// the directory is lenient.
func TestPatchLenient(t *testing.T) {
	for _, row := range []struct {
		name, operations, want string
		ignored                []string
		problem                string
	}{
		{name: "entra Q29: a path that no schema knows", operations: `[{"op":"Add","path":"shoeSize","value":"44"},{"op":"Replace","path":"active","value":"False"}]`,
			want: `{"active":false}`, ignored: []string{"shoeSize"}},
		{name: "entra: each of several, in every form", operations: `[{"op":"replace","path":"shoeSizes[type eq \"work\"].value","value":"1"},{"op":"remove","path":"extensionAttribute1"},` +
			`{"op":"add","path":"urn:x:2.0:User:tag","value":"1"},{"op":"add","path":"name.nope","value":"1"},{"op":"add","path":"title.value","value":"1"},` +
			`{"op":"add","path":"emails[type eq \"work\"].nope","value":"1"},{"op":"add","path":"emails[nope eq \"x\"].value","value":"1"},{"op":"replace","path":"title","value":"Boss"}]`,
			want: `{"title":"Boss"}`, ignored: []string{"shoeSizes", "extensionAttribute1", "urn:x:2.0:User:tag", "name.nope", "title.value", "emails.nope", "emails.nope"}},
		{name: "nothing else", operations: `[{"op":"add","path":"shoeSize","value":"44"}]`, ignored: []string{"shoeSize"}},
		{name: "hostile: what may be a value is not named", operations: `[{"op":"add","path":"ada@example.com","value":"1"},{"op":"add","path":"urn:x:ada@example.com","value":"1"},{"op":"replace","value":{"Ada Lovelace":"1","+44 20 7946 0000":2}}]`,
			problem: "400 invalidPath"},
		{name: "hostile: a value for a key", operations: `[{"op":"replace","value":{"Ada Lovelace":"1","+44 20 7946 0000":2,"nope":3}}]`, ignored: []string{"", "", "nope"}},
		{name: "hostile: a malformed path is refused", operations: `[{"op":"add","path":"emails[type eq","value":"1"}]`, problem: "400 invalidFilter"},
		{name: "hostile: so is a read-only one", operations: `[{"op":"add","path":"shoeSize","value":1},{"op":"replace","path":"id","value":"x"}]`, problem: "400 mutability"},
		{name: "hostile: so is a bad value", operations: `[{"op":"add","path":"shoeSize","value":1},{"op":"replace","path":"active","value":"maybe"}]`, problem: "400 invalidValue"},
		{name: "keys of an extension", operations: `[{"op":"replace","path":"` + scim.EnterpriseURN + `","value":{"nope":1,"department":"Sales"}},{"op":"replace","value":{"` + scim.EnterpriseURN + `":{"nope":1},"` + scim.UserURN + `":{"shoeSize":4}}}]`,
			want: `{"` + scim.EnterpriseURN + `":{"department":"Sales","manager":{"value":"m-1"}}}`, ignored: []string{scim.EnterpriseURN + ":nope", scim.UserURN + ":shoeSize", scim.EnterpriseURN + ":nope"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			patchRow{operations: row.operations, want: row.want, problem: row.problem}.run(t, scimtest.Lenient(scim.Users))
			if row.problem == "" {
				if got := patch.Resolve(scimtest.Lenient(scim.Users), scimtest.Operations(t, row.operations)).Ignored(); !slices.Equal(got, row.ignored) {
					t.Errorf("ignored %q, want %q", got, row.ignored)
				}
			}
		})
	}
}

// By default a PATCH ignores only unknown keys.
func TestIgnored(t *testing.T) {
	list := scimtest.Operations(t, `[{"op":"replace","value":{"active":"False","shoeSize":"44","id":"x","schemas":[],"emails[type eq \"work\"].value":"a@x","nope[":1}},{"op":"add","path":"title","value":"x"}]`)
	if got := patch.Resolve(scim.Users, list).Ignored(); !slices.Equal(got, []string{"nope", "shoeSize"}) {
		t.Errorf("ignored %q", got)
	}
}

// Members of a group in a lenient directory are changed without reading the
// group.
func TestMembersOnlyLenient(t *testing.T) {
	list := scimtest.Operations(t, `[{"op":"add","path":"nope","value":"1"},{"op":"add","path":"members","value":[{"value":"a"}]}]`)
	if m, only, err := patch.Resolve(scimtest.Lenient(scim.Groups), list).MembersOnly(); err != nil || !only || len(m.Added()) != 1 {
		t.Errorf("%v %v %v", m, only, err)
	}
	if _, _, err := patch.Resolve(scim.Groups, list).MembersOnly(); scimtest.Problem(t, err) != "400 invalidPath" {
		t.Errorf("%v", err)
	}
}

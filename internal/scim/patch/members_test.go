package patch_test

import (
	"fmt"
	"strings"
	"testing"

	"dsync/internal/scim"
	"dsync/internal/scim/patch"
	"dsync/internal/scim/resource"
	"dsync/internal/scim/scimtest"

	"github.com/google/go-cmp/cmp"
)

// Clients cannot write the groups of a user.
func TestGroupsOfUsersAreReadOnly(t *testing.T) {
	for _, row := range []struct{ name, operations, problem string }{
		{"rfc: add", `[{"op":"add","path":"groups","value":[{"value":"G"}]}]`, "400 mutability"},
		{"rfc: replace", `[{"op":"replace","path":"groups","value":[]}]`, "400 mutability"},
		{"rfc: remove", `[{"op":"remove","path":"groups"}]`, "400 mutability"},
		{"rfc: remove one", `[{"op":"remove","path":"groups[value eq \"G\"]"}]`, "400 mutability"},
		{"rfc: a part", `[{"op":"replace","path":"groups.display","value":"x"}]`, "400 mutability"},
		{"rfc: a part of one", `[{"op":"replace","path":"groups[value eq \"G\"].display","value":"x"}]`, "400 mutability"},
		{"rfc: with the core URN", `[{"op":"add","path":"` + scim.UserURN + `:groups","value":"G"}]`, "400 mutability"},
		{"okta: without a path", `[{"op":"replace","value":{"groups":[{"value":"G"}],"groups.display":"x","GROUPS":null}}]`, ""},
		{"rfc: without a path, under the core URN", `[{"op":"add","value":{"` + scim.UserURN + `":{"groups":["G"]}}}]`, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			before := scimtest.Object(t, scimtest.Babs)
			list := scimtest.Operations(t, row.operations)
			after, members, err := patch.Resolve(scim.Users, list).Apply(before)
			if p := scimtest.Problem(t, err); p != row.problem {
				t.Fatalf("got %q (%v), want %q", p, err, row.problem)
			}
			if _, only, err := patch.Resolve(scim.Users, list).MembersOnly(); only || err != nil {
				t.Errorf("MembersOnly gives %v, %v", only, err)
			}
			if err != nil {
				return
			}
			scimtest.Same(t, after, before)
			if !members.Empty() {
				t.Errorf("members change by %v", scimtest.Change(members))
			}
		})
	}
	r, members, err := resource.Parse(scim.Users, scimtest.Object(t, `{"userName":"u","groups":[{"value":"G"}],"Groups":"x"}`))
	if err != nil || members != nil {
		t.Fatal(members, err)
	}
	scimtest.Same(t, r, scimtest.Object(t, `{"userName":"u"}`))
}

func TestPatchMembers(t *testing.T) {
	for _, row := range []struct {
		name, operations string
		want             string // the change of members
		problem          string
		also             bool // the resource is touched too
	}{
		{name: "entra G5 Q32: Add with a null $ref", operations: `[{"op":"Add","path":"members","value":[{"$ref":null,"value":"a"}]}]`, want: `{"add":["a/"]}`},
		{name: "entra G5: Add of several", operations: `[{"op":"Add","path":"members","value":[{"value":"b"},{"value":"a","type":"User"}]}]`, want: `{"add":["b/","a/"]}`},
		{name: "entra G6 Q4: Remove with a value removes only these", operations: `[{"op":"Remove","path":"members","value":[{"$ref":null,"value":"a"},{"value":"b"}]}]`, want: `{"remove":["a","b"]}`},
		{name: "entra flag Q4: Remove with a value", operations: `[{"op":"Remove","path":"members","value":[{"value":"u1091"}]}]`, want: `{"remove":["u1091"]}`},
		{name: "entra G7 Q5: remove by a filter", operations: `[{"op":"remove","path":"members[value eq \"7f4bc1a3-285e\"]"}]`, want: `{"remove":["7f4bc1a3-285e"]}`},
		{name: "rfc Q4: remove without a value removes all", operations: `[{"op":"remove","path":"members"}]`, want: `{"reset":true}`},
		{name: "hostile Q4: remove with null never empties the group", operations: `[{"op":"Remove","path":"members","value":null}]`, problem: "400 invalidValue"},
		{name: "hostile Q4: remove of an empty list never empties the group", operations: `[{"op":"Remove","path":"members","value":[]}]`, want: `{}`},
		{name: "hostile Q4: remove of an empty string never empties the group", operations: `[{"op":"Remove","path":"members","value":""}]`, want: `{}`},
		{name: "hostile Q4: remove of [null] never empties the group", operations: `[{"op":"Remove","path":"members","value":[null]}]`, want: `{}`},
		{name: "hostile Q4: remove of {} never empties the group", operations: `[{"op":"Remove","path":"members","value":[{}]}]`, problem: "400 invalidValue"},
		{name: "okta: remove by a filter of several", operations: `[{"op":"remove","path":"members[value eq \"a\" or (value eq \"b\" or value eq c)]"}]`, want: `{"remove":["a","b","c"]}`},
		{name: "entra: one member as an object", operations: `[{"op":"Add","path":"members","value":{"value":"a"}}]`, want: `{"add":["a/"]}`},
		{name: "entra Q39: one member as a bare string", operations: `[{"op":"Add","path":"members","value":"string id 1"}]`, want: `{"add":["string id 1/"]}`},
		{name: "entra Q39: bare strings", operations: `[{"op":"Add","path":"members","value":["A","a"]}]`, want: `{"add":["A/","a/"]}`},
		{name: "entra Q41: an id of nobody is kept as given", operations: `[{"op":"Add","path":"members","value":[{"value":"No-Such-User/ü"}]}]`, want: `{"add":["No-Such-User/ü/"]}`},
		{name: "entra: displayName is kept as display", operations: `[{"op":"add","path":"members","value":[{"value":"a","displayName":"Al"},{"VALUE":"b","Display":"Bo","displayName":"x"}]}]`, want: `{"add":["a/Al","b/Bo"]}`},
		{name: "entra: path in any case", operations: `[{"op":"Add","path":"Members","value":[{"value":"a"}]},{"op":"Remove","path":"MEMBERS[VALUE EQ \"b\"]"}]`, want: `{"add":["a/"],"remove":["b"]}`},
		{name: "entra Q10: core URN prefix", operations: `[{"op":"Add","path":"urn:ietf:params:scim:schemas:core:2.0:Group:members","value":[{"value":"a"}]}]`, want: `{"add":["a/"]}`},
		{name: "entra Q23: named twice, once in the change", operations: `[{"op":"Add","path":"members","value":[{"value":"a"},{"value":"a","display":"Al"}]}]`, want: `{"add":["a/Al"]}`},
		{name: "rfc: the last operation on an id counts", operations: `[{"op":"add","path":"members","value":[{"value":"a"},{"value":"b"}]},{"op":"remove","path":"members","value":[{"value":"a"}]},{"op":"remove","path":"members[value eq \"c\"]"},{"op":"add","path":"members","value":"c"}]`,
			want: `{"add":["b/","c/"],"remove":["a"]}`},
		{name: "rfc: replace", operations: `[{"op":"add","path":"members","value":"a"},{"op":"replace","path":"members","value":[{"value":"b"}]}]`, want: `{"reset":true,"add":["b/"]}`},
		{name: "rfc: replace with an empty list", operations: `[{"op":"replace","path":"members","value":[]}]`, want: `{"reset":true}`},
		{name: "rfc: replace, then add and remove", operations: `[{"op":"replace","path":"members","value":["a","b"]},{"op":"remove","path":"members","value":["a"]},{"op":"add","path":"members","value":["c"]}]`,
			want: `{"reset":true,"add":["b/","c/"],"remove":["a"]}`},
		{name: "rfc: add of nobody", operations: `[{"op":"add","path":"members","value":[]}]`, want: `{}`},
		{name: "rfc: add by a filter", operations: `[{"op":"add","path":"members[value eq \"a\"]","value":{}}]`, want: `{"add":["a/"]}`},
		{name: "keycloak: by type and value", operations: `[{"op":"remove","path":"members[type eq \"User\" and value eq \"a\"]"}]`, want: `{"remove":["a"]}`},
		{name: "keycloak: by value and type, several", operations: `[{"op":"remove","path":"members[(value eq \"a\" or value eq \"b\") and type eq \"user\"]"}]`, want: `{"remove":["a","b"]}`},
		{name: "keycloak: by another type, nobody", operations: `[{"op":"remove","path":"members[type eq \"Group\" and value eq \"a\"]"}]`, want: `{}`},
		{name: "keycloak: add of another type", operations: `[{"op":"add","path":"members[type eq \"Group\" and value eq \"a\"]","value":{}}]`, problem: "400 invalidValue"},
		{name: "scim-sdk: by $ref", operations: `[{"op":"remove","path":"members[$ref eq \"https://x/Users/a\"]"}]`, want: `{"remove":["a"]}`},
		{name: "canaille: remove by $ref alone", operations: `[{"op":"remove","path":"members","value":[{"$ref":"https://x/Users/a"}]}]`, want: `{"remove":["a"]}`},
		{name: "canaille: a part that is computed is dropped", operations: `[{"op":"add","path":"members","value":"a"},{"op":"replace","path":"members[value eq \"a\"].$ref","value":"x"},{"op":"add","path":"members.$ref","value":"x"}]`, want: `{"add":["a/"]}`},
		{name: "hostile: by a $ref to a group", operations: `[{"op":"remove","path":"members[$ref eq \"https://x/Groups/a\"]"}]`, problem: "400 invalidFilter"},
		{name: "hostile: by type or value", operations: `[{"op":"remove","path":"members[type eq \"User\" or value eq \"a\"]"}]`, problem: "400 invalidFilter"},
		{name: "hostile: by display and value", operations: `[{"op":"remove","path":"members[display eq \"A\" and value eq \"a\"]"}]`, problem: "400 invalidFilter"},
		{name: "hostile: by a type that is not", operations: `[{"op":"remove","path":"members[type ne \"User\" and value eq \"a\"]"}]`, problem: "400 invalidFilter"},
		{name: "rfc: members are immutable", operations: `[{"op":"replace","path":"members[value eq \"a\"]","value":{"value":"b"}}]`, problem: "400 mutability"},
		{name: "rfc: their parts are immutable", operations: `[{"op":"replace","path":"members[value eq \"a\"].display","value":"b"}]`, problem: "400 mutability"},
		{name: "rfc: members.value is immutable", operations: `[{"op":"remove","path":"members.value"}]`, problem: "400 mutability"},
		{name: "hostile: filter by something else", operations: `[{"op":"remove","path":"members[type eq \"User\"]"}]`, problem: "400 invalidFilter"},
		{name: "hostile: filter by what members are not", operations: `[{"op":"remove","path":"members[not (value eq \"a\")]"}]`, problem: "400 invalidFilter"},
		{name: "hostile: filter by ne", operations: `[{"op":"remove","path":"members[value ne \"a\"]"}]`, problem: "400 invalidFilter"},
		{name: "hostile: filter by and", operations: `[{"op":"remove","path":"members[value eq \"a\" and value eq \"b\"]"}]`, problem: "400 invalidFilter"},
		{name: "hostile: filter by null", operations: `[{"op":"remove","path":"members[value eq null]"}]`, problem: "400 invalidFilter"},
		{name: "hostile: filter by presence", operations: `[{"op":"remove","path":"members[value pr]"}]`, problem: "400 invalidFilter"},
		{name: "hostile: empty id in a filter", operations: `[{"op":"remove","path":"members[value eq \"\"]"}]`, problem: "400 invalidValue"},
		{name: "hostile: empty id", operations: `[{"op":"add","path":"members","value":[{"value":""}]}]`, problem: "400 invalidValue"},
		{name: "hostile: empty bare id in a list", operations: `[{"op":"add","path":"members","value":[""]}]`, problem: "400 invalidValue"},
		{name: "hostile: id is a number", operations: `[{"op":"add","path":"members","value":[{"value":7}]}]`, problem: "400 invalidValue"},
		{name: "hostile: member is a list", operations: `[{"op":"add","path":"members","value":[["a"]]}]`, problem: "400 invalidValue"},
		{name: "hostile: member is a number", operations: `[{"op":"add","path":"members","value":7}]`, problem: "400 invalidValue"},
		{name: "hostile Q41: an id that no user can have", operations: `[{"op":"add","path":"members","value":["` + strings.Repeat("x", 5000) + `"]}]`, want: `{"add":["` + strings.Repeat("x", 5000) + `/"]}`},
		{name: "okta: path-less add", operations: `[{"op":"add","value":{"members":[{"value":"a"}]}}]`, want: `{"add":["a/"]}`, also: true},
		{name: "okta: path-less replace with id and displayName", operations: `[{"op":"replace","value":{"id":"g","displayName":"Guides"}}]`, want: `{}`, also: true},
		{name: "rfc: members and something else", operations: `[{"op":"add","path":"members","value":"a"},{"op":"replace","path":"displayName","value":"Guides"}]`, want: `{"add":["a/"]}`, also: true},
		{name: "hostile Q42: members before something invalid", operations: `[{"op":"add","path":"members","value":"a"},{"op":"remove","path":"displayName"}]`, problem: "400 mutability", also: true},
	} {
		t.Run(row.name, func(t *testing.T) {
			list, err := patch.Parse(scimtest.PatchBody(row.operations))
			if err != nil {
				t.Fatal(err)
			}
			r := scimtest.Object(t, scimtest.Guides)
			got, members, err := patch.Resolve(scim.Groups, list).Apply(r)
			if p := scimtest.Problem(t, err); p != row.problem {
				t.Fatalf("got %q (%v), want %q", p, err, row.problem)
			}
			scimtest.Same(t, r, scimtest.Object(t, scimtest.Guides))
			alone, only, aloneErr := patch.Resolve(scim.Groups, list).MembersOnly()
			if err != nil {
				if !row.also && scimtest.Problem(t, aloneErr) != row.problem {
					t.Errorf("MembersOnly fails with %v, Patch with %v", aloneErr, err)
				}
				return
			}
			scimtest.Same(t, got, r)
			if diff := cmp.Diff(scimtest.Object(t, row.want), scimtest.Change(members)); diff != "" {
				t.Errorf("members (-want +got):\n%s", diff)
			}
			if empty := row.want == `{}`; members.Empty() != empty {
				t.Errorf("Empty() is %v", !empty)
			}
			if aloneErr != nil || only == row.also {
				t.Fatalf("MembersOnly gives %v, %v", only, aloneErr)
			}
			if only {
				if diff := cmp.Diff(scimtest.Change(members), scimtest.Change(alone)); diff != "" {
					t.Errorf("MembersOnly differs from Patch (-patch +only):\n%s", diff)
				}
			}
		})
	}
}

func TestUsersHaveNoMembers(t *testing.T) {
	list := scimtest.Operations(t, `[{"op":"replace","path":"emails","value":[]}]`)
	if _, only, err := patch.Resolve(scim.Users, list).MembersOnly(); only || err != nil {
		t.Errorf("got %v, %v", only, err)
	}
	if _, _, err := patch.Resolve(scim.Users, scimtest.Operations(t, `[{"op":"replace","path":"nope","value":1}]`)).MembersOnly(); scimtest.Problem(t, err) != "400 invalidPath" {
		t.Errorf("got %v", err)
	}
}

func TestMaxMembers(t *testing.T) {
	body := func(n int) []byte {
		ids := make([]string, n)
		for i := range ids {
			ids[i] = fmt.Sprintf(`"%d"`, i)
		}
		all := strings.Join(ids, ",")
		return scimtest.PatchBody(`[{"op":"add","path":"members","value":[` + all + `]},{"op":"remove","path":"members","value":[` + all + `]}]`)
	}
	for n, want := range map[int]string{resource.MaxMembers: "", resource.MaxMembers + 1: "413"} {
		list, err := patch.Parse(body(n))
		if err != nil {
			t.Fatal(err)
		}
		_, members, err := patch.Resolve(scim.Groups, list).Apply(scimtest.Object(t, scimtest.Guides))
		if p := scimtest.Problem(t, err); p != want {
			t.Fatalf("%d members: got %q, want %q", n, p, want)
		}
		if err == nil && len(members.Removed()) != n {
			t.Errorf("%d of %d removed", len(members.Removed()), n)
		}
	}
}

package scim

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The groups of a user are records: a filter asks for one by its value.
func TestFilterGroupsOfUsers(t *testing.T) {
	r := rendered(t)
	for _, row := range []struct {
		name, filter string
		want, asked  string // "" for invalidFilter
	}{
		{"rfc: by value", `groups eq "G"`, "true", "G"},
		{"rfc: groups.value", `groups.value eq "G"`, "true", "G"},
		{"rfc: value path", `groups[value eq "G"]`, "true", "G"},
		{"rfc: with the core URN, in any case", UserURN + `:GROUPS.VALUE EQ "G"`, "true", "G"},
		{"rfc: in another group", `groups eq "H"`, "false", "H"},
		{"rfc: not in a group", `not (groups eq "H") and active eq true`, "true", "H"},
		{"rfc: what fails before is not asked", `title eq "x" and groups eq "G"`, "false", ""},
		{"hostile: ids are case-exact", `groups eq "g"`, "false", "g"},
		{"hostile: ne", `groups ne "G"`, "", ""},
		{"hostile: co", `groups co "G"`, "", ""},
		{"hostile: null", `groups eq null`, "", ""},
		{"hostile: pr", `groups pr`, "", ""},
		{"hostile: by name", `groups.display eq "Guides"`, "", ""},
		{"hostile: by type", `groups[type eq "direct"]`, "", ""},
		{"hostile: two in brackets", `groups[value eq "G" and type eq "direct"]`, "", ""},
		{"hostile: users have no members", `members eq "u-1"`, "", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			matchKeyed(t, Users, r, row.filter, "G", row.want, row.asked)
		})
	}
}

// Clients cannot write the groups of a user.
func TestGroupsOfUsersAreReadOnly(t *testing.T) {
	for _, row := range []struct{ name, operations, problem string }{
		{"rfc: add", `[{"op":"add","path":"groups","value":[{"value":"G"}]}]`, "400 mutability"},
		{"rfc: replace", `[{"op":"replace","path":"groups","value":[]}]`, "400 mutability"},
		{"rfc: remove", `[{"op":"remove","path":"groups"}]`, "400 mutability"},
		{"rfc: remove one", `[{"op":"remove","path":"groups[value eq \"G\"]"}]`, "400 mutability"},
		{"rfc: a part", `[{"op":"replace","path":"groups.display","value":"x"}]`, "400 mutability"},
		{"rfc: a part of one", `[{"op":"replace","path":"groups[value eq \"G\"].display","value":"x"}]`, "400 mutability"},
		{"rfc: with the core URN", `[{"op":"add","path":"` + UserURN + `:groups","value":"G"}]`, "400 mutability"},
		{"okta: without a path", `[{"op":"replace","value":{"groups":[{"value":"G"}],"groups.display":"x","GROUPS":null}}]`, ""},
		{"rfc: without a path, under the core URN", `[{"op":"add","value":{"` + UserURN + `":{"groups":["G"]}}}]`, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			before := resource(t, babs)
			list := operations(t, row.operations)
			after, members, err := Users.Patch(before, list)
			if p := problem(t, err); p != row.problem {
				t.Fatalf("got %q (%v), want %q", p, err, row.problem)
			}
			if _, only, err := Users.MembersOnly(list); only || err != nil {
				t.Errorf("MembersOnly gives %v, %v", only, err)
			}
			if err != nil {
				return
			}
			same(t, after, before)
			if !members.Empty() {
				t.Errorf("members change by %v", change(members))
			}
		})
	}
	r, members, err := Users.Parse(resource(t, `{"userName":"u","groups":[{"value":"G"}],"Groups":"x"}`))
	if err != nil || members != nil {
		t.Fatal(members, err)
	}
	same(t, r, resource(t, `{"userName":"u"}`))
}

func TestEqualitiesOfGroups(t *testing.T) {
	for _, filter := range []string{`groups eq "G" and title pr`, `title pr and groups.value eq "G"`, `groups[value eq "G"]`} {
		e, err := Users.ParseFilter(filter)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, q := range Equalities(e) {
			got = append(got, q.Target.String()+"="+q.Value)
		}
		if diff := cmp.Diff([]string{"groups.value=G"}, got); diff != "" {
			t.Errorf("%s: %s", filter, diff)
		}
	}
}

// An extension's attribute that has the name of a keyed one is stored like any
// other.
func TestExtensionAttributeNamedLikeAKeyedOne(t *testing.T) {
	const urn = "urn:example:groups:2.0:User"
	extension, err := ParseExtension([]byte(`{"id":"` + urn + `","attributes":[{"name":"groups","type":"complex","multiValued":true,"subAttributes":[{"name":"value"}]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	rt := Users.Extend(extension)
	r, members, err := rt.Patch(resource(t, `{"userName":"u"}`), operations(t, `[{"op":"add","path":"`+urn+`:groups","value":[{"value":"G"},"H"]},{"op":"remove","path":"`+urn+`:groups[value eq \"G\"]"}]`))
	if err != nil || !members.Empty() {
		t.Fatal(members, err)
	}
	same(t, r, resource(t, `{"userName":"u","`+urn+`":{"groups":[{"value":"H"}]}}`))
	e, err := rt.ParseFilter(urn + `:groups co "h"`)
	if err != nil || !Match(e, r, nil) {
		t.Error(e, err)
	}
}

package patch_test

import (
	"slices"
	"strings"
	"testing"

	"dsync/internal/scim"
	"dsync/internal/scim/filter"
	"dsync/internal/scim/patch"
	"dsync/internal/scim/query"
	"dsync/internal/scim/resource"
	"dsync/internal/scim/scimtest"
)

// An extension works in every message, and an extension whose URN is the start
// of another is distinct from it.
func TestExtensions(t *testing.T) {
	const short, long = "urn:ietf:params:scim:schemas:extension:enterprise:2.0", scimtest.CustomURN + ":more"
	rt := scim.Users.Extend(scimtest.Sizes(t), scimtest.Extension(t, `{"id":"`+scimtest.CustomURN+`","attributes":[{"name":"tag"}]}`),
		scimtest.Extension(t, `{"id":"`+long+`","attributes":[{"name":"tag"}]}`), scimtest.Extension(t, `{"id":"`+short+`","attributes":[{"name":"tag"}]}`))
	for _, row := range []struct{ name, before, operations, want, problem string }{
		{"entra: POST", `{"` + scimtest.CustomURN + `":{"tag":"701984"}}`, ``, `{"` + scimtest.CustomURN + `":{"tag":"701984"}}`, ""},
		{"rfc: POST in any case", `{"` + strings.ToUpper(scimtest.CustomURN) + `":{"TAG":"x","other":1}}`, ``, `{"` + scimtest.CustomURN + `":{"tag":"x"}}`, ""},
		{"rfc: POST of several", `{"` + short + `":{"tag":"s"},"` + long + `":{"tag":"l"},"` + scim.EnterpriseURN + `":{"department":"d","tag":"none"}}`, ``,
			`{"` + short + `":{"tag":"s"},"` + long + `":{"tag":"l"},"` + scim.EnterpriseURN + `":{"department":"d"}}`, ""},
		{"rfc: POST of every type", `{"` + scimtest.SizesURN + `":{"rank":1,"size":"2","big":"True","since":"2026-01-15T12:00:00Z","page":"https://x","label":"l","marks":["3",4],"tags":["a","b","a",""],
			"badge":{"value":"b","level":"5"},"steps":[{"value":1,"primary":true},{"value":"1","type":"up"},{"at":"2026-01-15T12:00:00Z"},{"type":"up"}]}}`, ``,
			`{"` + scimtest.SizesURN + `":{"rank":1,"size":2.0,"big":true,"since":"2026-01-15T12:00:00Z","page":"https://x","label":"l","marks":[3,4],"tags":["a","b"],
			"badge":{"value":"b","level":5},"steps":[{"value":1,"primary":true},{"value":1,"type":"up"},{"at":"2026-01-15T12:00:00Z"}]}}`, ""},
		{"hostile: POST of a fraction", `{"` + scimtest.SizesURN + `":{"rank":1.5}}`, ``, "", "400 invalidValue"},
		{"hostile: POST of a word", `{"` + scimtest.SizesURN + `":{"size":"big"}}`, ``, "", "400 invalidValue"},
		{"hostile: POST of a day", `{"` + scimtest.SizesURN + `":{"since":"2026-01-15"}}`, ``, "", "400 invalidValue"},
		{"hostile: POST of a number for a text", `{"` + scimtest.CustomURN + `":{"tag":701984}}`, ``, "", "400 invalidValue"},
		{"entra: PATCH by the whole path", `{}`, `[{"op":"Add","path":"` + scimtest.CustomURN + `:tag","value":"x"}]`, `{"` + scimtest.CustomURN + `":{"tag":"x"}}`, ""},
		{"rfc: PATCH of the longer URN", `{}`, `[{"op":"add","path":"` + long + `:tag","value":"x"}]`, `{"` + long + `":{"tag":"x"}}`, ""},
		{"rfc: PATCH of the shorter URN", `{}`, `[{"op":"add","path":"` + short + `:tag","value":"x"},{"op":"add","path":"` + scim.EnterpriseURN + `:division","value":"d"}]`, `{"` + short + `":{"tag":"x"},"` + scim.EnterpriseURN + `":{"division":"d"}}`, ""},
		{"rfc: PATCH with an object", `{"` + scimtest.CustomURN + `":{"tag":"old"}}`, `[{"op":"replace","path":"` + scimtest.CustomURN + `","value":{"Tag":"new"}}]`, `{"` + scimtest.CustomURN + `":{"tag":"new"}}`, ""},
		{"entra flag: PATCH without a path", `{}`, `[{"op":"add","value":{"` + scimtest.CustomURN + `:tag":"x","` + scimtest.SizesURN + `":{"rank":"7"}}}]`, `{"` + scimtest.CustomURN + `":{"tag":"x"},"` + scimtest.SizesURN + `":{"rank":7}}`, ""},
		{"rfc: remove one", `{"` + scimtest.CustomURN + `":{"tag":"x"},"` + long + `":{"tag":"y"}}`, `[{"op":"remove","path":"` + scimtest.CustomURN + `:tag"}]`, `{"` + long + `":{"tag":"y"}}`, ""},
		{"rfc: remove the whole", `{"` + scimtest.CustomURN + `":{"tag":"x"},"` + long + `":{"tag":"y"}}`, `[{"op":"remove","path":"` + strings.ToUpper(scimtest.CustomURN) + `"}]`, `{"` + long + `":{"tag":"y"}}`, ""},
		{"rfc: remove the longer", `{"` + scimtest.CustomURN + `":{"tag":"x"},"` + long + `":{"tag":"y"}}`, `[{"op":"remove","path":"` + long + `"}]`, `{"` + scimtest.CustomURN + `":{"tag":"x"}}`, ""},
		{"rfc: add to a list of texts", `{"` + scimtest.SizesURN + `":{"tags":["a"]}}`, `[{"op":"add","path":"` + scimtest.SizesURN + `:tags","value":["b","a"]},{"op":"remove","path":"` + scimtest.SizesURN + `:tags","value":["A"]}]`, `{"` + scimtest.SizesURN + `":{"tags":["b"]}}`, ""},
		{"rfc: elements by a number", `{"` + scimtest.SizesURN + `":{"steps":[{"value":1},{"value":2}]}}`, `[{"op":"replace","path":"` + scimtest.SizesURN + `:steps[value ge 1.5].value","value":"3"}]`, `{"` + scimtest.SizesURN + `":{"steps":[{"value":1},{"value":3}]}}`, ""},
		{"rfc: an element made of a filter", `{}`, `[{"op":"add","path":"` + scimtest.SizesURN + `:steps[value eq 4.0 and at eq \"2026-01-15T12:00:00+01:00\"].type","value":"up"}]`, `{"` + scimtest.SizesURN + `":{"steps":[{"value":4,"at":"2026-01-15T12:00:00+01:00","type":"up"}]}}`, ""},
		{"hostile: an element that no filter describes", `{}`, `[{"op":"add","path":"` + scimtest.SizesURN + `:steps[value eq 4.5].type","value":"up"}]`, `{}`, ""},
		{"hostile: a number is not canonical", `{}`, `[{"op":"replace","path":"` + scimtest.SizesURN + `:steps[value eq 4].type","value":"up"}]`, "", "400 noTarget"},
		{"hostile: an attribute of the other", `{}`, `[{"op":"add","path":"` + scimtest.CustomURN + `:rank","value":"x"}]`, "", "400 invalidPath"},
		{"hostile: an extension that is not declared", `{}`, `[{"op":"add","path":"urn:ietf:params:scim:schemas:extension:Other:2.0:User:tag","value":"x"}]`, "", "400 invalidPath"},
	} {
		t.Run(row.name, func(t *testing.T) {
			before := scimtest.Object(t, row.before)
			before["userName"] = "u"
			got, _, err := resource.Parse(rt, before)
			if err == nil && row.operations != "" {
				got, _, err = patch.Resolve(rt, scimtest.Operations(t, row.operations)).Apply(got)
			}
			if p := scimtest.Problem(t, err); p != row.problem {
				t.Fatalf("got %q (%v), want %q", p, err, row.problem)
			}
			if err != nil {
				return
			}
			want := scimtest.Object(t, row.want)
			want["userName"] = "u"
			scimtest.Same(t, got, want)
			scimtest.Stable(t, rt, got)
			rendered := resource.Render(rt, got, resource.Meta{ID: "u"})
			for _, s := range rt.Extensions {
				_, there := got[s.ID]
				if listed := slices.Contains(rendered["schemas"].([]any), any(s.ID)); listed != there {
					t.Errorf("%s among schemas: %v", s.ID, listed)
				}
				q, err := query.Parse(rt, "attributes="+s.ID)
				if err != nil {
					t.Fatal(err)
				}
				if _, shown := q.Projection.Apply(rendered)[s.ID]; shown != there {
					t.Errorf("attributes=%s shows it: %v", s.ID, shown)
				}
				e, err := filter.Parse(rt, s.ID+" pr")
				if err != nil || filter.Match(e, rendered, nil) != there {
					t.Errorf("%s pr: %v (%v)", s.ID, !there, err)
				}
			}
		})
	}
}

// An attribute of an extension with the name of a keyed attribute is stored as
// usual.
func TestExtensionAttributeNamedLikeAKeyedOne(t *testing.T) {
	const urn = "urn:example:groups:2.0:User"
	extension, err := scim.ParseExtension([]byte(`{"id":"` + urn + `","attributes":[{"name":"groups","type":"complex","multiValued":true,"subAttributes":[{"name":"value"}]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	rt := scim.Users.Extend(extension)
	r, members, err := patch.Resolve(rt, scimtest.Operations(t, `[{"op":"add","path":"`+urn+`:groups","value":[{"value":"G"},"H"]},{"op":"remove","path":"`+urn+`:groups[value eq \"G\"]"}]`)).Apply(scimtest.Object(t, `{"userName":"u"}`))
	if err != nil || !members.Empty() {
		t.Fatal(members, err)
	}
	scimtest.Same(t, r, scimtest.Object(t, `{"userName":"u","`+urn+`":{"groups":[{"value":"H"}]}}`))
	e, err := filter.Parse(rt, urn+`:groups co "h"`)
	if err != nil || !filter.Match(e, r, nil) {
		t.Error(e, err)
	}
}

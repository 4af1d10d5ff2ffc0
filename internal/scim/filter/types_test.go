package filter_test

import (
	"fmt"
	"strings"
	"testing"

	"dsync/internal/fault"
	"dsync/internal/scim"
	"dsync/internal/scim/filter"
	"dsync/internal/scim/resource"
	"dsync/internal/scim/scimtest"
)

// Every operator on every type (RFC 7644 table 3), with the value of the
// attribute as the literal: t and f are results, x is invalidFilter.
func TestFilterOperatorsByType(t *testing.T) {
	operators := []string{"eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"}
	rt, r := scim.Users.Extend(scimtest.Sizes(t)), scimtest.Sized(t)
	for _, row := range []struct{ name, attribute, literal, want string }{
		{"string", "label", `"L"`, "tftttftft"},
		{"string, case-exact", "code", `"C"`, "tftttftft"},
		{"string, case-exact, in other case", "code", `"c"`, "ftffffftt"},
		{"reference", "page", `"https://x"`, "tftttftft"},
		{"boolean", "big", `true`, "tfxxxxxxx"},
		{"boolean as a string", "big", `"True"`, "tfxxxxxxx"},
		{"integer", "rank", `42`, "tfxxxftft"},
		{"integer as a string", "rank", `"42"`, "tfxxxftft"},
		{"decimal", "size", `1.50`, "tfxxxftft"},
		{"dateTime", "since", `"2026-01-15T12:00:00Z"`, "tftttftft"},
		{"dateTime in another zone", "since", `"2026-01-15T13:00:00+01:00"`, "tffffftft"},
		{"complex, by its value", "badge", `"b"`, "tftttftft"},
		{"complex, a part", "badge.level", `5`, "tfxxxftft"},
		{"complex without a value", scim.UserURN + ":name", `"x"`, "xxxxxxxxx"},
		{"list of texts", "tags", `"a"`, "tftttttft"},
		{"list of numbers", "marks", `4`, "tfxxxfttt"},
		{"list of objects", "steps", `1`, "tfxxxttft"},
		{"list of objects, a part", "steps.at", `"2026-01-15T12:00:00Z"`, "tftttftft"},
		{"list of objects, a flag", "steps.primary", `true`, "tfxxxxxxx"},
		{"value path", "steps[type eq up].value", `2`, "tfxxxftft"},
		{"value path, nothing picked", "steps[type eq down].value", `2`, "ftxxxffff"},
		{"schema", scimtest.SizesURN, `"x"`, "xxxxxxxxx"},
		{"common", "id", `"u-2"`, "tftttftft"},
		{"common date", "meta.created", `"0001-01-01T00:00:00Z"`, "tffffftft"},
		{"common list", "schemas", `"` + scim.UserURN + `"`, "tftttttft"},
		{"nothing there", scim.UserURN + ":title", `"x"`, "ftfffffff"},
		{"number for a string", "label", `5`, "ftfffttff"},
		{"boolean for a string", "label", `true`, "ftffffftt"},
		{"text for a number", "rank", `"x"`, "xxxxxxxxx"},
		{"boolean for a number", "size", `true`, "xxxxxxxxx"},
		{"text for a boolean", "big", `"x"`, "xxxxxxxxx"},
		{"null", "label", `null`, "ftxxxxxxx"},
		{"null for what is absent", scim.UserURN + ":title", `null`, "tfxxxxxxx"},
		{"null for a number", "rank", `null`, "ftxxxxxxx"},
		{"null for a list", "marks", `null`, "ftxxxxxxx"},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := ""
			for _, op := range operators {
				e, err := filter.Parse(rt, row.attribute+" "+op+" "+row.literal)
				switch {
				case err != nil && scimtest.Problem(t, err) == "400 invalidFilter" && strings.HasPrefix(err.(*fault.Error).Detail, "at position "):
					got += "x"
				case err != nil:
					t.Errorf("%s: %v", op, err)
				default:
					got += fmt.Sprint(filter.Match(e, r, nil))[:1]
				}
			}
			if got != row.want {
				t.Errorf("%v gives %s, want %s", operators, got, row.want)
			}
		})
	}
}

// Presence of every type (RFC 7644 table 3): false and 0 are values.
func TestFilterPresence(t *testing.T) {
	rt := scim.Users.Extend(scimtest.Sizes(t))
	r, _, err := resource.Parse(rt, scimtest.Object(t, `{"userName":"u","active":false,"name":{"givenName":"g"},"emails":[{"value":"a"}],"`+scimtest.SizesURN+`":{"rank":0,"size":0,"marks":[0],"badge":{"level":0}}}`))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{
		"userName": true, "active": true, "title": false, "name": true, "name.givenName": true, "name.familyName": false, "emails": true, "emails.value": true, "emails.type": false,
		"emails[value eq a]": true, "emails[value eq a].type": false, "emails[value eq b]": false, "addresses": false, "meta": true, "meta.created": true, "schemas": true, "id": true, "externalId": false,
		scimtest.SizesURN: true, scim.EnterpriseURN: false, scimtest.SizesURN + ":rank": true, scimtest.SizesURN + ":size": true, scimtest.SizesURN + ":marks": true, scimtest.SizesURN + ":badge": true, scimtest.SizesURN + ":badge.level": true, scimtest.SizesURN + ":badge.value": false,
		scimtest.SizesURN + ":tags": false, scim.EnterpriseURN + ":manager": false, scim.EnterpriseURN + ":manager.value": false,
	} {
		for text, want := range map[string]bool{name + " pr": want, "not (" + name + " PR)": !want, "not(" + name + " pr) or not (id pr)": !want} {
			e, err := filter.Parse(rt, text)
			if err != nil {
				t.Errorf("%s: %v", text, err)
			} else if got := filter.Match(e, resource.Render(rt, r, resource.Meta{ID: "u"}), nil); got != want {
				t.Errorf("%s gives %v", text, got)
			}
		}
	}
}

// Precedence, computed for every assignment of four terms: groups first, then
// not, and, or.
func TestFilterPrecedence(t *testing.T) {
	for text, want := range map[string]func(a, b, c, d bool) bool{
		`A or B and C or D`:              func(a, b, c, d bool) bool { return a || b && c || d },
		`A and B or C and D`:             func(a, b, c, d bool) bool { return a && b || c && d },
		`A and (B or C) and D`:           func(a, b, c, d bool) bool { return a && (b || c) && d },
		`not (A) and B or not (C and D)`: func(a, b, c, d bool) bool { return !a && b || !(c && d) },
		`not (A or B) or C and not (D)`:  func(a, b, c, d bool) bool { return !(a || b) || c && !d },
		`not (not (A) and (B or (C)))`:   func(a, b, c, d bool) bool { return a || !(b || c) },
	} {
		for bits := range 16 {
			r, on := map[string]any{}, [4]bool{}
			text := text
			for i, name := range []string{"title", "nickName", "locale", "timezone"} {
				text = strings.ReplaceAll(text, string(rune('A'+i)), name+" pr")
				if on[i] = bits>>i&1 == 1; on[i] {
					r[name] = "x"
				}
			}
			e, err := filter.Parse(scim.Users, text)
			if err != nil {
				t.Fatal(err)
			}
			if got := filter.Match(e, r, nil); got != want(on[0], on[1], on[2], on[3]) {
				t.Errorf("%s of %v gives %v", text, on, got)
			}
		}
	}
}

func TestFilterNumbers(t *testing.T) {
	rt := scim.Users.Extend(scimtest.Sizes(t))
	r, _, err := resource.Parse(rt, scimtest.Object(t, `{"userName":"u","`+scimtest.SizesURN+`":{"rank":"42","size":1.50,"steps":[{"value":3},{"value":10}],"marks":[2,11]}}`))
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		`rank eq 42`: "true", `rank eq 42.0`: "true", `rank eq "42"`: "true", `rank eq 4.2e1`: "true", `rank ne 41`: "true",
		`rank gt 5`: "true", `rank ge 42.5`: "false", `rank lt 100`: "true", `rank le 41.99`: "false", `rank pr`: "true", `rank eq null`: "false", `rank ne null`: "true",
		`size eq 1.5`: "true", `size eq 15e-1`: "true", `size gt 1.49999999999999999999999999999999999`: "true", `size lt -1`: "false", `size gt -2`: "true",
		`steps gt 9`: "true", `steps[value lt 4 and value gt 2]`: "true", `steps.value eq 4`: "false", `marks ge 11`: "true", `marks gt 11`: "false", `marks eq 2`: "true",
		`rank co 4`: "", `rank sw "4"`: "", `rank ew 2`: "", `rank gt null`: "", `rank eq true`: "", `rank eq x`: "", `rank eq "4 2"`: "", `size eq 1e99`: "", `rank eq ""`: "",
		`marks[value eq 2]`: "",
	} {
		e, err := filter.Parse(rt, scimtest.SizesURN+":"+text)
		if want == "" {
			if p := scimtest.Problem(t, err); p != "400 invalidFilter" || !strings.HasPrefix(err.(*fault.Error).Detail, "at position ") {
				t.Errorf("%s: got %q (%v)", text, p, err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		again, err := filter.Parse(rt, e.String())
		if err != nil || again.String() != e.String() {
			t.Errorf("%s is printed as %s, and then as %v (%v)", text, e, again, err)
		}
		if got := fmt.Sprint(filter.Match(e, r, nil)); got != want {
			t.Errorf("%s gives %s", e, got)
		}
	}
}

package scim

import (
	"fmt"
	"strings"
	"testing"

	"dsync/internal/fault"
)

// Every operator on every type (RFC 7644 table 3), each against the value
// itself: t and f are answers, x is invalidFilter.
func TestFilterOperatorsByType(t *testing.T) {
	operators := []string{"eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"}
	rt, r := Users.Extend(sizes(t)), sized(t)
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
		{"complex without a value", UserURN + ":name", `"x"`, "xxxxxxxxx"},
		{"list of texts", "tags", `"a"`, "tftttttft"},
		{"list of numbers", "marks", `4`, "tfxxxfttt"},
		{"list of objects", "steps", `1`, "tfxxxttft"},
		{"list of objects, a part", "steps.at", `"2026-01-15T12:00:00Z"`, "tftttftft"},
		{"list of objects, a flag", "steps.primary", `true`, "tfxxxxxxx"},
		{"value path", "steps[type eq up].value", `2`, "tfxxxftft"},
		{"value path, nothing picked", "steps[type eq down].value", `2`, "ftxxxffff"},
		{"schema", sizesURN, `"x"`, "xxxxxxxxx"},
		{"common", "id", `"u-2"`, "tftttftft"},
		{"common date", "meta.created", `"0001-01-01T00:00:00Z"`, "tffffftft"},
		{"common list", "schemas", `"` + UserURN + `"`, "tftttttft"},
		{"nothing there", UserURN + ":title", `"x"`, "ftfffffff"},
		{"number for a string", "label", `5`, "ftfffttff"},
		{"boolean for a string", "label", `true`, "ftffffftt"},
		{"text for a number", "rank", `"x"`, "xxxxxxxxx"},
		{"boolean for a number", "size", `true`, "xxxxxxxxx"},
		{"text for a boolean", "big", `"x"`, "xxxxxxxxx"},
		{"null", "label", `null`, "ftxxxxxxx"},
		{"null for what is absent", UserURN + ":title", `null`, "tfxxxxxxx"},
		{"null for a number", "rank", `null`, "ftxxxxxxx"},
		{"null for a list", "marks", `null`, "ftxxxxxxx"},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := ""
			for _, op := range operators {
				e, err := rt.ParseFilter(row.attribute + " " + op + " " + row.literal)
				switch {
				case err != nil && problem(t, err) == "400 invalidFilter" && strings.HasPrefix(err.(*fault.Error).Detail, "at position "):
					got += "x"
				case err != nil:
					t.Errorf("%s: %v", op, err)
				default:
					got += fmt.Sprint(Match(e, r, nil))[:1]
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
	rt := Users.Extend(sizes(t))
	r, _, err := rt.Parse(resource(t, `{"userName":"u","active":false,"name":{"givenName":"g"},"emails":[{"value":"a"}],"`+sizesURN+`":{"rank":0,"size":0,"marks":[0],"badge":{"level":0}}}`))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{
		"userName": true, "active": true, "title": false, "name": true, "name.givenName": true, "name.familyName": false, "emails": true, "emails.value": true, "emails.type": false,
		"emails[value eq a]": true, "emails[value eq a].type": false, "emails[value eq b]": false, "addresses": false, "meta": true, "meta.created": true, "schemas": true, "id": true, "externalId": false,
		sizesURN: true, EnterpriseURN: false, sizesURN + ":rank": true, sizesURN + ":size": true, sizesURN + ":marks": true, sizesURN + ":badge": true, sizesURN + ":badge.level": true, sizesURN + ":badge.value": false,
		sizesURN + ":tags": false, EnterpriseURN + ":manager": false, EnterpriseURN + ":manager.value": false,
	} {
		for filter, want := range map[string]bool{name + " pr": want, "not (" + name + " PR)": !want, "not(" + name + " pr) or not (id pr)": !want} {
			e, err := rt.ParseFilter(filter)
			if err != nil {
				t.Errorf("%s: %v", filter, err)
			} else if got := Match(e, rt.Render(r, Meta{ID: "u"}), nil); got != want {
				t.Errorf("%s gives %v", filter, got)
			}
		}
	}
}

// Precedence, worked out for every assignment of four terms: not binds
// tightest, then and, then or; groups go before all.
func TestFilterPrecedence(t *testing.T) {
	for filter, want := range map[string]func(a, b, c, d bool) bool{
		`A or B and C or D`:              func(a, b, c, d bool) bool { return a || b && c || d },
		`A and B or C and D`:             func(a, b, c, d bool) bool { return a && b || c && d },
		`A and (B or C) and D`:           func(a, b, c, d bool) bool { return a && (b || c) && d },
		`not (A) and B or not (C and D)`: func(a, b, c, d bool) bool { return !a && b || !(c && d) },
		`not (A or B) or C and not (D)`:  func(a, b, c, d bool) bool { return !(a || b) || c && !d },
		`not (not (A) and (B or (C)))`:   func(a, b, c, d bool) bool { return a || !(b || c) },
	} {
		for bits := range 16 {
			r, on := map[string]any{}, [4]bool{}
			text := filter
			for i, name := range []string{"title", "nickName", "locale", "timezone"} {
				text = strings.ReplaceAll(text, string(rune('A'+i)), name+" pr")
				if on[i] = bits>>i&1 == 1; on[i] {
					r[name] = "x"
				}
			}
			e, err := Users.ParseFilter(text)
			if err != nil {
				t.Fatal(err)
			}
			if got := Match(e, r, nil); got != want(on[0], on[1], on[2], on[3]) {
				t.Errorf("%s of %v gives %v", text, on, got)
			}
		}
	}
}

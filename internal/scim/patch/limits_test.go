package patch_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"dsync/internal/scim"
	"dsync/internal/scim/filter"
	"dsync/internal/scim/patch"
	"dsync/internal/scim/resource"
	"dsync/internal/scim/scimtest"
	"dsync/internal/scim/value"
)

func TestLimits(t *testing.T) {
	apply := func(r map[string]any, path string, v any) error {
		_, _, err := patch.Resolve(scim.Users, []patch.Operation{{Op: "add", Path: path, Value: v, HasValue: true}}).Apply(r)
		return err
	}
	text := func(n int) string { return strings.Repeat("x", n) }
	scimtest.RunLimits(t, []scimtest.Limit{
		{Name: "MaxOperations", Limit: patch.MaxOperations, Problem: "413", Try: func(n int) error {
			_, err := patch.Parse(scimtest.PatchBody("[" + strings.Repeat(`{"op":"remove","path":"title"},`, n-1) + `{"op":"remove","path":"title"}]`))
			return err
		}},
		{Name: "MaxComparisons of filters", Limit: patch.MaxComparisons, Problem: "400 tooMany", Try: func(n int) error {
			// Two comparisons for each of 500 elements: the filter and the element itself.
			operations := make([]patch.Operation, (n+999)/1000)
			for i := range operations {
				operations[i] = patch.Operation{Op: "remove", Path: "entitlements[value eq x]"}
			}
			_, _, err := patch.Resolve(scim.Users, operations).Apply(scimtest.Entitled(500))
			return err
		}},
		{Name: "MaxComparisons of values", Limit: patch.MaxComparisons, Problem: "400 tooMany", Try: func(n int) error {
			given := make([]any, 250)
			for i := range given {
				given[i] = "x"
			}
			operations := make([]patch.Operation, (n+124_999)/125_000)
			for i := range operations {
				operations[i] = patch.Operation{Op: "remove", Path: "entitlements", Value: given, HasValue: true}
			}
			_, _, err := patch.Resolve(scim.Users, operations).Apply(scimtest.Entitled(500))
			return err
		}},
		{Name: "MaxComparisons of adds", Limit: patch.MaxComparisons, Problem: "400 tooMany", Try: func(n int) error {
			operations := make([]patch.Operation, (n+499)/500)
			for i := range operations {
				operations[i] = patch.Operation{Op: "add", Path: "entitlements", Value: "0", HasValue: true}
			}
			_, _, err := patch.Resolve(scim.Users, operations).Apply(scimtest.Entitled(500))
			return err
		}},
		{Name: "MaxComparisons of a long value", Limit: patch.MaxComparisons, Problem: "400 tooMany", Try: func(n int) error {
			// One for the element and one for each whole KiB of it; with the filter 10.
			r := map[string]any{"userName": "u", "entitlements": []any{map[string]any{"value": text(4 << 10)}}}
			operations := make([]patch.Operation, (n+9)/10)
			for i := range operations {
				operations[i] = patch.Operation{Op: "remove", Path: "entitlements[value co y]"}
			}
			_, _, err := patch.Resolve(scim.Users, operations).Apply(r)
			return err
		}},
		{Name: "MaxFolded of elements", Limit: patch.MaxFolded / 1024, Problem: "400 tooMany", Try: func(n int) error {
			// Each operation folds a literal of its own, of 1 KiB.
			operations := make([]patch.Operation, n)
			for i := range operations {
				literal := fmt.Sprintf("%04d", i) + strings.Repeat("é", 510)
				operations[i] = patch.Operation{Op: "remove", Path: `entitlements[value eq "` + literal + `"]`}
			}
			_, _, err := patch.Resolve(scim.Users, operations).Apply(scimtest.Entitled(1))
			return err
		}},
		{Name: "MaxFolded of listed values", Limit: patch.MaxFolded / 1024, Problem: "400 tooMany", Try: func(n int) error {
			operations := make([]patch.Operation, n)
			for i := range operations {
				operations[i] = patch.Operation{Op: "remove", Path: "entitlements", Value: []any{fmt.Sprintf("%04d", i) + strings.Repeat("é", 510)}, HasValue: true}
			}
			_, _, err := patch.Resolve(scim.Users, operations).Apply(scimtest.Entitled(1))
			return err
		}},
		{Name: "MaxValue in a list", Limit: value.MaxText, Problem: "400 invalidValue", Try: func(n int) error {
			return apply(scimtest.Object(t, scimtest.Babs), "emails", []any{map[string]any{"value": text(n)}})
		}},
		{Name: "MaxValue in a PATCH", Limit: value.MaxText, Problem: "400 invalidValue", Try: func(n int) error {
			return apply(scimtest.Object(t, scimtest.Babs), `emails[type eq "work"].value`, text(n))
		}},
		{Name: "MaxElements in a PATCH", Limit: value.MaxElements, Problem: "400 invalidValue", Try: func(n int) error { return apply(scimtest.Entitled(n-1), "entitlements", "one more") }},
		{Name: "MaxElements before doubles are dropped", Limit: value.MaxElements, Problem: "400 invalidValue", Try: func(n int) error {
			return apply(scimtest.Object(t, scimtest.Babs), "entitlements", slices.Repeat([]any{"x"}, n))
		}},
		{Name: "MaxElements in an extension", Limit: value.MaxElements, Problem: "400 invalidValue", Try: func(n int) error {
			extension, err := scim.ParseExtension([]byte(`{"id":"urn:example:User","attributes":[{"name":"tags","multiValued":true}]}`))
			if err != nil {
				return err
			}
			list := make([]any, n-1)
			for i := range list {
				list[i] = fmt.Sprint(i)
			}
			r := map[string]any{"userName": "u", "urn:example:User": map[string]any{"tags": list}}
			_, _, err = patch.Resolve(scim.Users.Extend(extension), []patch.Operation{{Op: "add", Path: "urn:example:User:tags", Value: "x", HasValue: true}}).Apply(r)
			return err
		}},
		{Name: "MaxKeyValue in a PATCH", Limit: resource.MaxKeyValue, Problem: "400 invalidValue", Try: func(n int) error { return apply(scimtest.Object(t, scimtest.Babs), "userName", text(n)) }},
		{Name: "MaxResource in a PATCH", Limit: resource.MaxEncoded, Problem: "413", Try: func(n int) error {
			r := scimtest.Large(n)
			title := r["title"]
			delete(r, "title")
			return apply(r, "title", title)
		}},
	})
}

// A small body must not use much CPU. The bounds are generous: without the
// limits each of these takes many seconds to minutes.
func TestHostileWork(t *testing.T) {
	repeat := func(s string, n int) string { return strings.TrimSuffix(strings.Repeat(s+",", n), ",") }
	numbers := make([]string, 50_000)
	for i := range numbers {
		numbers[i] = fmt.Sprintf(`{"value":"%d","primary":true}`, i)
	}
	all := strings.Join(numbers, ",")
	long := strings.Repeat("A", resource.MaxEncoded-1000)
	for _, row := range []struct{ name, before, operations string }{
		{"parentheses", scimtest.Babs, `[{"op":"remove","path":"emails[` + strings.Repeat("(", 100_000) + `"}]`},
		{"many elements in one add", scimtest.Babs, `[{"op":"add","path":"entitlements","value":[` + all + `]}]`},
		{"many elements, added again and again", resource.Encode(scimtest.Entitled(5000)), `[{"op":"add","path":"entitlements","value":[` + repeat(`"x"`, 50_000) + `]},` + repeat(`{"op":"add","path":"entitlements","value":"a"}`, 2000) + `]`},
		{"many elements, filtered again and again", resource.Encode(scimtest.Entitled(5000)), `[` + repeat(`{"op":"remove","path":"entitlements[value co \"x\" or value co \"y\"]"}`, patch.MaxOperations) + `]`},
		{"many elements, removed by value", resource.Encode(scimtest.Entitled(5000)), `[{"op":"remove","path":"entitlements","value":[` + strings.ReplaceAll(all, `"value":"`, `"value":"x`) + `]}]`},
		{"a long value, searched again and again", `{"userName":"u","entitlements":[{"value":"` + long + `"}]}`, `[` + repeat(`{"op":"remove","path":"entitlements[value co \"b\"]"}`, 500) + `]`},
		{"long values, searched for many things", resource.Encode(map[string]any{"userName": "u", "entitlements": []any{
			map[string]any{"value": long[:value.MaxText]}, map[string]any{"display": long[:value.MaxText]}, map[string]any{"value": long[1:value.MaxText]}, map[string]any{"display": long[1:value.MaxText]}, map[string]any{"value": long[2:value.MaxText]}}}),
			`[` + repeat(`{"op":"remove","path":"entitlements[`+strings.Repeat(`value co \"`+long[:50]+`b\" or `, filter.MaxTerms-1)+`value co \"b\"]"}`, 100) + `]`},
		{"a long value, added again and again", scimtest.Babs, `[` + repeat(`{"op":"add","path":"entitlements","value":"`+long[:1000]+`"}`, 1000) + `]`},
		{"the same key in many letter cases", scimtest.Babs, `[` + repeat(`{"op":"add","value":{"title":"a","Title":"b","tItle":"c","tiTle":"d","titLe":"e"}}`, patch.MaxOperations) + `]`},
	} {
		t.Run("hostile: "+row.name, func(t *testing.T) {
			r := scimtest.Object(t, row.before)
			start := time.Now()
			list, err := patch.Parse(scimtest.PatchBody(row.operations))
			if err == nil {
				_, _, err = patch.Resolve(scim.Users, list).Apply(r)
			}
			took := time.Since(start)
			t.Logf("%v, %s", took, scimtest.Problem(t, err))
			if took > 30*time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
}

package scim

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// Each limit at the limit, where all is well, and one above it.
func TestLimits(t *testing.T) {
	filter := func(s string) error { _, err := Users.ParseFilter(s); return err }
	path := func(s string) error { _, err := Users.ParsePath(s); return err }
	post := func(rt *ResourceType, r map[string]any) error { _, _, err := rt.Parse(r); return err }
	patch := func(r map[string]any, path string, v any) error {
		_, _, err := Users.Patch(r, []Operation{{Op: "add", Path: path, Value: v, HasValue: true}})
		return err
	}
	text := func(n int) string { return strings.Repeat("x", n) }
	nested := func(open, close string) func(int) error {
		return func(n int) error { return filter(strings.Repeat(open, n) + "title pr" + strings.Repeat(close, n)) }
	}
	for _, row := range []struct {
		name    string
		limit   int
		problem string
		try     func(n int) error
	}{
		{"MaxFilter", MaxFilter, "400 invalidFilter", func(n int) error { return filter(`title eq "` + text(n-11) + `"`) }},
		{"MaxFilter of a path", MaxFilter, "400 invalidPath", func(n int) error { return path(`emails[value eq "` + text(n-19) + `"]`) }},
		{"MaxFilterDepth", MaxFilterDepth, "400 invalidFilter", nested("(", ")")},
		{"MaxFilterDepth of not", MaxFilterDepth, "400 invalidFilter", nested("not (", ")")},
		{"MaxFilterDepth in brackets", MaxFilterDepth, "400 invalidFilter", func(n int) error {
			return path("emails[" + strings.Repeat("(", n) + "value pr" + strings.Repeat(")", n) + "]")
		}},
		{"MaxFilterTerms", MaxFilterTerms, "400 invalidFilter", func(n int) error { return filter(strings.Repeat("title pr or ", n-1) + "title pr") }},
		{"MaxFilterTerms in brackets", MaxFilterTerms, "400 invalidFilter", func(n int) error { return path("emails[" + strings.Repeat("value pr and ", n-1) + "value pr]") }},
		{"MaxOperations", MaxOperations, "413", func(n int) error {
			_, err := ParsePatch(patchBody("[" + strings.Repeat(`{"op":"remove","path":"title"},`, n-1) + `{"op":"remove","path":"title"}]`))
			return err
		}},
		{"MaxComparisons of filters", MaxComparisons, "400 tooMany", func(n int) error {
			// Two for each of 500 elements: the filter and the element itself.
			operations := make([]Operation, (n+999)/1000)
			for i := range operations {
				operations[i] = Operation{Op: "remove", Path: "entitlements[value eq x]"}
			}
			_, _, err := Users.Patch(entitled(500), operations)
			return err
		}},
		{"MaxComparisons of values", MaxComparisons, "400 tooMany", func(n int) error {
			given := make([]any, 250)
			for i := range given {
				given[i] = "x"
			}
			operations := make([]Operation, (n+124_999)/125_000)
			for i := range operations {
				operations[i] = Operation{Op: "remove", Path: "entitlements", Value: given, HasValue: true}
			}
			_, _, err := Users.Patch(entitled(500), operations)
			return err
		}},
		{"MaxComparisons of adds", MaxComparisons, "400 tooMany", func(n int) error {
			operations := make([]Operation, (n+499)/500)
			for i := range operations {
				operations[i] = Operation{Op: "add", Path: "entitlements", Value: "0", HasValue: true}
			}
			_, _, err := Users.Patch(entitled(500), operations)
			return err
		}},
		{"MaxComparisons of a long value", MaxComparisons, "400 tooMany", func(n int) error {
			// One element, and one for each whole KiB of it: 10 with the filter.
			r := map[string]any{"userName": "u", "entitlements": []any{map[string]any{"value": text(4 << 10)}}}
			operations := make([]Operation, (n+9)/10)
			for i := range operations {
				operations[i] = Operation{Op: "remove", Path: "entitlements[value co y]"}
			}
			_, _, err := Users.Patch(r, operations)
			return err
		}},
		{"MaxValue", MaxValue, "400 invalidValue", func(n int) error { return post(Users, map[string]any{"userName": "u", "title": text(n)}) }},
		{"MaxValue in a list", MaxValue, "400 invalidValue", func(n int) error { return patch(resource(t, babs), "emails", []any{map[string]any{"value": text(n)}}) }},
		{"MaxValue in a PATCH", MaxValue, "400 invalidValue", func(n int) error { return patch(resource(t, babs), `emails[type eq "work"].value`, text(n)) }},
		{"MaxElements", MaxElements, "400 invalidValue", func(n int) error { return post(Users, entitled(n)) }},
		{"MaxElements in a PATCH", MaxElements, "400 invalidValue", func(n int) error { return patch(entitled(n-1), "entitlements", "one more") }},
		{"MaxElements before doubles are dropped", MaxElements, "400 invalidValue", func(n int) error {
			return patch(resource(t, babs), "entitlements", slices.Repeat([]any{"x"}, n))
		}},
		{"MaxElements in an extension", MaxElements, "400 invalidValue", func(n int) error {
			extension, err := ParseExtension([]byte(`{"id":"urn:example:User","attributes":[{"name":"tags","multiValued":true}]}`))
			if err != nil {
				return err
			}
			list := make([]any, n-1)
			for i := range list {
				list[i] = fmt.Sprint(i)
			}
			r := map[string]any{"userName": "u", "urn:example:User": map[string]any{"tags": list}}
			_, _, err = Users.Extend(extension).Patch(r, []Operation{{Op: "add", Path: "urn:example:User:tags", Value: "x", HasValue: true}})
			return err
		}},
		{"MaxKeyValue of userName", MaxKeyValue, "400 invalidValue", func(n int) error { return post(Users, map[string]any{"userName": text(n)}) }},
		{"MaxKeyValue of displayName", MaxKeyValue, "400 invalidValue", func(n int) error { return post(Groups, map[string]any{"displayName": text(n)}) }},
		{"MaxKeyValue of externalId", MaxKeyValue, "400 invalidValue", func(n int) error { return post(Users, map[string]any{"userName": "u", "externalId": text(n)}) }},
		{"MaxKeyValue in a PATCH", MaxKeyValue, "400 invalidValue", func(n int) error { return patch(resource(t, babs), "userName", text(n)) }},
		{"MaxDisplay", MaxDisplay, "400 invalidValue", func(n int) error {
			return post(Groups, map[string]any{"displayName": "G", "members": []any{map[string]any{"value": "a", "display": text(n)}}})
		}},
		{"MaxResource", MaxResource, "413", func(n int) error {
			return post(Users, large(n))
		}},
		{"MaxResource in a PATCH", MaxResource, "413", func(n int) error {
			r := large(n)
			title := r["title"]
			delete(r, "title")
			return patch(r, "title", title)
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			if err := row.try(row.limit); err != nil {
				t.Errorf("at the limit: %v", err)
			}
			if p := problem(t, row.try(row.limit+1)); p != row.problem {
				t.Errorf("above the limit: got %q, want %q", p, row.problem)
			}
		})
	}
}

// large is a user of n bytes.
func large(n int) map[string]any {
	r := map[string]any{"userName": "u"}
	n -= len(`{"userName":"u"}`)
	for _, name := range []string{"displayName", "locale", "nickName", "preferredLanguage", "profileUrl", "timezone", "userType", "title"} {
		n -= len(`,"":""`) + len(name)
		size := min(n, MaxValue)
		r[name] = strings.Repeat("x", size)
		n -= size
	}
	return r
}

// entitled is a user with n entitlements.
func entitled(n int) map[string]any {
	list := make([]any, n)
	for i := range list {
		list[i] = map[string]any{"value": fmt.Sprint(i)}
	}
	return map[string]any{"userName": "u", "entitlements": list}
}

// A small body must not buy much CPU. The bounds are generous: without the
// limits each of these takes from many seconds to minutes.
func TestHostileWork(t *testing.T) {
	repeat := func(s string, n int) string { return strings.TrimSuffix(strings.Repeat(s+",", n), ",") }
	numbers := make([]string, 50_000)
	for i := range numbers {
		numbers[i] = fmt.Sprintf(`{"value":"%d","primary":true}`, i)
	}
	all := strings.Join(numbers, ",")
	long := strings.Repeat("A", MaxResource-1000)
	for _, row := range []struct{ name, before, operations string }{
		{"parentheses", babs, `[{"op":"remove","path":"emails[` + strings.Repeat("(", 100_000) + `"}]`},
		{"many elements in one add", babs, `[{"op":"add","path":"entitlements","value":[` + all + `]}]`},
		{"many elements, added again and again", Encode(entitled(5000)), `[{"op":"add","path":"entitlements","value":[` + repeat(`"x"`, 50_000) + `]},` + repeat(`{"op":"add","path":"entitlements","value":"a"}`, 2000) + `]`},
		{"many elements, filtered again and again", Encode(entitled(5000)), `[` + repeat(`{"op":"remove","path":"entitlements[value co \"x\" or value co \"y\"]"}`, MaxOperations) + `]`},
		{"many elements, removed by value", Encode(entitled(5000)), `[{"op":"remove","path":"entitlements","value":[` + strings.ReplaceAll(all, `"value":"`, `"value":"x`) + `]}]`},
		{"a long value, searched again and again", `{"userName":"u","entitlements":[{"value":"` + long + `"}]}`, `[` + repeat(`{"op":"remove","path":"entitlements[value co \"b\"]"}`, 500) + `]`},
		{"long values, searched for many things", Encode(map[string]any{"userName": "u", "entitlements": []any{
			map[string]any{"value": long[:MaxValue]}, map[string]any{"display": long[:MaxValue]}, map[string]any{"value": long[1:MaxValue]}, map[string]any{"display": long[1:MaxValue]}, map[string]any{"value": long[2:MaxValue]}}}),
			`[` + repeat(`{"op":"remove","path":"entitlements[`+strings.Repeat(`value co \"`+long[:50]+`b\" or `, MaxFilterTerms-1)+`value co \"b\"]"}`, 100) + `]`},
		{"a long value, added again and again", babs, `[` + repeat(`{"op":"add","path":"entitlements","value":"`+long[:1000]+`"}`, 1000) + `]`},
		{"the same key in many letter cases", babs, `[` + repeat(`{"op":"add","value":{"title":"a","Title":"b","tItle":"c","tiTle":"d","titLe":"e"}}`, MaxOperations) + `]`},
	} {
		t.Run("hostile: "+row.name, func(t *testing.T) {
			r := resource(t, row.before)
			start := time.Now()
			list, err := ParsePatch(patchBody(row.operations))
			if err == nil {
				_, _, err = Users.Patch(r, list)
			}
			took := time.Since(start)
			t.Logf("%v, %s", took, problem(t, err))
			if took > 30*time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
}

// Entra's commonest filter stays within its budget.
func TestParseFilterAllocations(t *testing.T) {
	if n := testing.AllocsPerRun(100, func() { _, _ = Users.ParseFilter(`userName eq "x"`) }); n > 25 {
		t.Errorf("%v allocations", n)
	}
}

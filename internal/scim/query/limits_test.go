package query_test

import (
	"strings"
	"testing"

	"dsync/internal/scim"
	"dsync/internal/scim/query"
	"dsync/internal/scim/scimtest"
)

func TestLimits(t *testing.T) {
	parse := func(raw string) error {
		_, err := query.Parse(scim.Users, raw)
		return err
	}
	repeat := func(s string, n int) string { return strings.TrimSuffix(strings.Repeat(s+",", n), ",") }
	search := func(name string, n int) error {
		list := make([]any, n)
		for i := range list {
			list[i] = "unknown"
		}
		_, err := query.ParseSearch(scim.Users, map[string]any{name: list})
		return err
	}
	var limits []scimtest.Limit
	for _, name := range []string{"attributes", "excludedAttributes"} {
		limits = append(limits,
			scimtest.Limit{Name: "MaxNames of " + name, Limit: query.MaxNames, Problem: "400 invalidValue", Try: func(n int) error { return parse(name + "=" + repeat("title", n)) }},
			scimtest.Limit{Name: "MaxNames of " + name + " in a search", Limit: query.MaxNames, Problem: "400 invalidValue", Try: func(n int) error { return search(name, n) }},
			scimtest.Limit{Name: "MaxNameTerms in " + name, Limit: query.MaxNameTerms, Problem: "400 invalidValue", Try: func(n int) error {
				return parse(name + "=" + repeat(`emails[value co x]`, n))
			}},
			scimtest.Limit{Name: "MaxNameTerms in one name of " + name, Limit: query.MaxNameTerms, Problem: "400 invalidValue", Try: func(n int) error {
				return parse(name + "=emails[" + strings.Repeat("value co x or ", n-1) + "value co x]")
			}})
	}
	scimtest.RunLimits(t, limits)
}

// A list is sorted by the first characters of a text, of any script.
func TestMaxSortText(t *testing.T) {
	for _, by := range []string{"title", "externalId"} { // folded, and caseExact
		q, err := query.Parse(scim.Users, "sortBy="+by)
		if err != nil {
			t.Fatal(err)
		}
		for _, character := range []string{"x", "名"} {
			compare := func(n int) int {
				begin := strings.Repeat(character, n)
				return q.Compare(q.SortKey(map[string]any{by: begin + "a"}), q.SortKey(map[string]any{by: begin + "b"}))
			}
			if got := compare(query.MaxSortText - 1); got != -1 {
				t.Errorf("%s: texts that differ in the last character: %d", by, got)
			}
			if got := compare(query.MaxSortText); got != 0 {
				t.Errorf("%s: texts that differ after it: %d", by, got)
			}
		}
	}
}

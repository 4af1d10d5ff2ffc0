package filter_test

import (
	"strings"
	"testing"

	"dsync/internal/scim"
	"dsync/internal/scim/filter"
	"dsync/internal/scim/scimtest"
)

func TestLimits(t *testing.T) {
	parse := func(s string) error { _, err := filter.Parse(scim.Users, s); return err }
	path := func(s string) error { _, err := filter.ParsePath(scim.Users, s); return err }
	text := func(n int) string { return strings.Repeat("x", n) }
	nested := func(open, close string) func(int) error {
		return func(n int) error { return parse(strings.Repeat(open, n) + "title pr" + strings.Repeat(close, n)) }
	}
	scimtest.RunLimits(t, []scimtest.Limit{
		{Name: "MaxFilter", Limit: filter.MaxLength, Problem: "400 invalidFilter", Try: func(n int) error { return parse(`title eq "` + text(n-11) + `"`) }},
		{Name: "MaxFilter of a path", Limit: filter.MaxLength, Problem: "400 invalidPath", Try: func(n int) error { return path(`emails[value eq "` + text(n-19) + `"]`) }},
		{Name: "MaxFilterDepth", Limit: filter.MaxDepth, Problem: "400 invalidFilter", Try: nested("(", ")")},
		{Name: "MaxFilterDepth of not", Limit: filter.MaxDepth, Problem: "400 invalidFilter", Try: nested("not (", ")")},
		{Name: "MaxFilterDepth in brackets", Limit: filter.MaxDepth, Problem: "400 invalidFilter", Try: func(n int) error {
			return path("emails[" + strings.Repeat("(", n) + "value pr" + strings.Repeat(")", n) + "]")
		}},
		{Name: "MaxFilterTerms", Limit: filter.MaxTerms, Problem: "400 invalidFilter", Try: func(n int) error { return parse(strings.Repeat("title pr or ", n-1) + "title pr") }},
		{Name: "MaxFilterTerms in brackets", Limit: filter.MaxTerms, Problem: "400 invalidFilter", Try: func(n int) error { return path("emails[" + strings.Repeat("value pr and ", n-1) + "value pr]") }},
	})
}

// Entra's most frequent filter stays within its budget.
func TestParseFilterAllocations(t *testing.T) {
	if n := testing.AllocsPerRun(100, func() { _, _ = filter.Parse(scim.Users, `userName eq "x"`) }); n > 25 {
		t.Errorf("%v allocations", n)
	}
}

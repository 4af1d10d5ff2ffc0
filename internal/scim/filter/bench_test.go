package filter_test

import (
	"strings"
	"testing"

	"dsync/internal/scim"
	"dsync/internal/scim/filter"
	"dsync/internal/scim/scimtest"
	"dsync/internal/scim/value"
)

func BenchmarkParseFilter(b *testing.B) {
	for name, text := range map[string]string{
		"userName":  `userName eq "x"`,
		"workEmail": `emails[type eq "work"].value eq "user@example.com"`,
		"manager":   `id eq "X" and urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager eq "Y"`,
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := filter.Parse(scim.Users, text); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkMatch(b *testing.B) {
	r := scimtest.Rendered(b)
	e, err := filter.Parse(scim.Users, `emails[type eq "work"].value eq "BJENSEN@example.com" and active eq true`)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if !filter.Match(e, r, nil) {
			b.Fatal("no match")
		}
	}
}

// The most expensive filter on the longest text: the highest cost of one
// resource with a single-valued attribute.
func BenchmarkMatchHostile(b *testing.B) {
	r := map[string]any{"title": strings.Repeat("A", value.MaxText)}
	e, err := filter.Parse(scim.Users, strings.Repeat(`title co "`+strings.Repeat("a", 50)+`b" or `, filter.MaxTerms-1)+`title co "b"`)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if filter.Match(e, r, nil) {
			b.Fatal("matches")
		}
	}
}

func BenchmarkHostileNesting(b *testing.B) {
	for name, text := range map[string]string{
		"parentheses":          strings.Repeat("(", 100_000),
		"parentheses to limit": strings.Repeat("(", filter.MaxLength),
		"not":                  strings.Repeat("not (", filter.MaxLength/5),
		"brackets":             strings.Repeat("emails[", filter.MaxLength/7),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := filter.Parse(scim.Users, text); err == nil {
					b.Fatal("accepted")
				}
			}
		})
	}
}

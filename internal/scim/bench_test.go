package scim

import (
	"fmt"
	"strings"
	"testing"
)

func BenchmarkParseFilter(b *testing.B) {
	for name, filter := range map[string]string{
		"userName":  `userName eq "x"`,
		"workEmail": `emails[type eq "work"].value eq "user@example.com"`,
		"manager":   `id eq "X" and urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager eq "Y"`,
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Users.ParseFilter(filter); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkMatch(b *testing.B) {
	r := rendered(b)
	e, err := Users.ParseFilter(`emails[type eq "work"].value eq "BJENSEN@example.com" and active eq true`)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if !Match(e, r, nil) {
			b.Fatal("no match")
		}
	}
}

func BenchmarkPatchUser(b *testing.B) {
	body := patchBody(`[{"op":"Replace","path":"active","value":"False"},{"op":"Replace","path":"emails[type eq \"work\"].value","value":"n@x"},{"op":"Add","path":"manager","value":"m-2"}]`)
	r := resource(b, babs)
	b.ReportAllocs()
	for b.Loop() {
		list, err := ParsePatch(body)
		if err != nil {
			b.Fatal(err)
		}
		if _, _, err := Users.Patch(r, list); err != nil {
			b.Fatal(err)
		}
	}
}

// removals is a PATCH that removes n members, one operation each.
func removals(n int) []byte {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf(`{"op":"remove","path":"members[value eq \"directory_user_01E1X56GH84T3FB41SD6%06d\"]"}`, i)
	}
	return patchBody("[" + strings.Join(list, ",") + "]")
}

func BenchmarkRemoveMembers(b *testing.B) {
	for _, n := range []int{1, 100, 1000} {
		body := removals(n)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				list, err := ParsePatch(body)
				if err != nil {
					b.Fatal(err)
				}
				if m, only, err := Groups.MembersOnly(list); err != nil || !only || len(m.Removed()) != n {
					b.Fatal(only, err)
				}
			}
		})
	}
}

func BenchmarkAddMembers(b *testing.B) {
	list := make([]string, 1000)
	for i := range list {
		list[i] = fmt.Sprintf(`{"$ref":null,"value":"directory_user_01E1X56GH84T3FB41SD6%06d"}`, i)
	}
	body := patchBody(`[{"op":"Add","path":"members","value":[` + strings.Join(list, ",") + `]}]`)
	b.ReportAllocs()
	for b.Loop() {
		list, err := ParsePatch(body)
		if err != nil {
			b.Fatal(err)
		}
		if _, only, err := Groups.MembersOnly(list); err != nil || !only {
			b.Fatal(only, err)
		}
	}
}

func BenchmarkHostileNesting(b *testing.B) {
	for name, filter := range map[string]string{
		"parentheses":          strings.Repeat("(", 100_000),
		"parentheses to limit": strings.Repeat("(", MaxFilter),
		"not":                  strings.Repeat("not (", MaxFilter/5),
		"brackets":             strings.Repeat("emails[", MaxFilter/7),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Users.ParseFilter(filter); err == nil {
					b.Fatal("accepted")
				}
			}
		})
	}
}

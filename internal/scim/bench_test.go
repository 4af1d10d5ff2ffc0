package scim

import (
	"encoding/json"
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

// The dearest filter over the longest text: what one resource costs a list at
// most for a single-valued attribute.
func BenchmarkMatchHostile(b *testing.B) {
	r := map[string]any{"title": strings.Repeat("A", MaxValue)}
	e, err := Users.ParseFilter(strings.Repeat(`title co "`+strings.Repeat("a", 50)+`b" or `, MaxFilterTerms-1) + `title co "b"`)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if Match(e, r, nil) {
			b.Fatal("matches")
		}
	}
}

func BenchmarkCompare(b *testing.B) {
	r, other := rendered(b), rendered(b)
	other["title"] = "Guido"
	q, err := Users.ParseQuery("sortBy=title")
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if q.Compare(r, other) >= 0 {
			b.Fatal("no order")
		}
	}
}

func BenchmarkApply(b *testing.B) {
	full := rendered(b)
	for name, query := range map[string]string{"everything": "", "some": "attributes=userName,emails.value", "without": "excludedAttributes=roles"} {
		q, err := Users.ParseQuery(query)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				q.Projection.Apply(full)
			}
		})
	}
}

func BenchmarkCursor(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		c := SealCursor(cursorKey, "User\nfilter \nsort ", "directory_user_01E1X56GH84T3FB41SD6PZGDBX", sealed)
		if _, err := OpenCursor(cursorKey, "User\nfilter \nsort ", c, sealed); err != nil {
			b.Fatal(err)
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

// The way of a user of 2 KB in and out: body → document → record, and record →
// document → answer.
func BenchmarkJSON(b *testing.B) {
	body := strings.Replace(babs, "{", `{"nickName":"`+strings.Repeat("x", 1000)+`",`, 1)
	b.Run("in", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			object, err := DecodeObject([]byte(body))
			if err != nil {
				b.Fatal(err)
			}
			doc, _, err := Users.Parse(object)
			if err != nil || Encode(doc) == "" {
				b.Fatal(err)
			}
		}
	})
	b.Run("out", func(b *testing.B) {
		record := Encode(resource(b, body))
		b.ReportAllocs()
		for b.Loop() {
			doc, err := Decode(record)
			if err != nil {
				b.Fatal(err)
			}
			if _, err := json.Marshal(Users.Render(doc, Meta{ID: "x", Version: 1})); err != nil {
				b.Fatal(err)
			}
		}
	})
}

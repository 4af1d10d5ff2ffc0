package query_test

import (
	"testing"

	"dsync/internal/scim"
	"dsync/internal/scim/query"
	"dsync/internal/scim/scimtest"
)

func BenchmarkCompare(b *testing.B) {
	r, other := scimtest.Rendered(b), scimtest.Rendered(b)
	other["title"] = "Guido"
	q, err := query.Parse(scim.Users, "sortBy=title")
	if err != nil {
		b.Fatal(err)
	}
	x, y := q.SortKey(r), q.SortKey(other)
	b.ReportAllocs()
	for b.Loop() {
		if q.Compare(x, y) >= 0 {
			b.Fatal("no order")
		}
	}
}

func BenchmarkApply(b *testing.B) {
	full := scimtest.Rendered(b)
	for name, raw := range map[string]string{"everything": "", "some": "attributes=userName,emails.value", "without": "excludedAttributes=roles"} {
		q, err := query.Parse(scim.Users, raw)
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
		c := query.SealCursor(cursorKey, "User\nfilter \nsort ", "directory_user_01E1X56GH84T3FB41SD6PZGDBX", sealed)
		if _, err := query.OpenCursor(cursorKey, "User\nfilter \nsort ", c, sealed); err != nil {
			b.Fatal(err)
		}
	}
}

package query_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"dsync/internal/scim"
	"dsync/internal/scim/query"
	"dsync/internal/scim/scimtest"

	"pgregory.net/rapid"
)

func TestCompare(t *testing.T) {
	const urn = "urn:example:sizes:2.0:User"
	extension, err := scim.ParseExtension([]byte(`{"id":"` + urn + `","attributes":[{"name":"size","type":"decimal"},{"name":"rank","type":"integer"},
		{"name":"since","type":"dateTime"},{"name":"code","caseExact":true},{"name":"tags","multiValued":true}]}`))
	if err != nil {
		t.Fatal(err)
	}
	rt := scim.Users.Extend(extension)
	of := func(extension string) string { return `{"` + urn + `":{` + extension + `}}` }
	for _, row := range []struct {
		name, by, a, b string
		want           int // ascending
	}{
		{"rfc: text", "title", `{"title":"a"}`, `{"title":"b"}`, -1},
		{"rfc: text without regard to case", "title", `{"title":"A"}`, `{"title":"a"}`, 0},
		{"rfc: case-exact text", "externalId", `{"externalId":"B"}`, `{"externalId":"a"}`, -1},
		{"rfc: case-exact by its schema", urn + ":code", of(`"code":"B"`), of(`"code":"a"`), -1},
		{"rfc: no value is last", "title", `{"title":"z"}`, `{}`, -1},
		{"rfc: neither has a value", "title", `{}`, `{"title":""}`, 0},
		{"rfc: booleans", "active", `{"active":false}`, `{"active":true}`, -1},
		{"rfc: false is a value", "active", `{"active":false}`, `{}`, -1},
		{"rfc: dates as times", "meta.created", `{"meta":{"created":"2026-01-15T13:00:00+02:00"}}`, `{"meta":{"created":"2026-01-15T12:00:00Z"}}`, -1},
		{"rfc: the same time", "meta.created", `{"meta":{"created":"2026-01-15T14:00:00+02:00"}}`, `{"meta":{"created":"2026-01-15T12:00:00.000Z"}}`, 0},
		{"rfc: dates of an extension", urn + ":since", of(`"since":"2026-01-15T12:00:00.5Z"`), of(`"since":"2026-01-15T12:00:00Z"`), 1},
		{"rfc: sub-attribute", "name.familyName", `{"name":{"familyName":"a"}}`, `{"name":{"givenName":"b"}}`, -1},
		{"rfc: integers", urn + ":rank", of(`"rank":9`), of(`"rank":10`), -1},
		{"rfc: decimals", urn + ":size", of(`"size":-1.5`), of(`"size":-1.25`), -1},
		{"rfc: an extension that is absent", urn + ":size", of(`"size":1.0`), `{}`, -1},
		{"rfc: a list by its first value", "emails", `{"emails":[{"value":"b"},{"value":"a"}]}`, `{"emails":[{"value":"c"}]}`, -1},
		{"rfc: a list by its primary value", "emails.value", `{"emails":[{"value":"b"},{"value":"d","primary":true}]}`, `{"emails":[{"value":"c"}]}`, 1},
		{"rfc: a list whose primary has no such part", "emails.display", `{"emails":[{"value":"b","primary":true},{"display":"a"}]}`, `{"emails":[{"display":"b"}]}`, -1},
		{"rfc: an empty list", "emails", `{"emails":[]}`, `{"emails":[{"value":"c"}]}`, 1},
		{"rfc: a list of texts", urn + ":tags", of(`"tags":["b","a"]`), of(`"tags":["c"]`), -1},
		{"hostile: a stored date that is none", "meta.created", `{"meta":{"created":"x"}}`, `{"meta":{"created":"y"}}`, -1},
	} {
		t.Run(row.name, func(t *testing.T) {
			q, err := query.Parse(rt, "sortBy="+row.by)
			if err != nil {
				t.Fatal(err)
			}
			a, b := q.SortKey(scimtest.Object(t, row.a)), q.SortKey(scimtest.Object(t, row.b))
			if got, back := q.Compare(a, b), q.Compare(b, a); got != row.want || back != -row.want {
				t.Errorf("ascending: %d, %d", got, back)
			}
			q.Descending = true
			if got, back := q.Compare(a, b), q.Compare(b, a); got != -row.want || back != row.want {
				t.Errorf("descending: %d, %d", got, back)
			}
		})
	}
	var unsorted query.Query
	if unsorted.Compare(unsorted.SortKey(scimtest.Object(t, scimtest.Babs)), unsorted.SortKey(scimtest.Object(t, scimtest.Guides))) != 0 {
		t.Error("without sortBy there is an order")
	}
}

// Sorting is equal to an independent model, and stable.
func TestSortAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		titles := rapid.SliceOfN(rapid.SampledFrom([]string{"", "a", "A", "b", "B", "ab", "K", "\u212a", "ü"}), 0, 12).Draw(t, "titles")
		descending := rapid.Bool().Draw(t, "descending")
		raw := "sortBy=title"
		if descending {
			raw += "&sortOrder=descending"
		}
		q, err := query.Parse(scim.Users, raw)
		if err != nil {
			t.Fatal(err)
		}
		type entry struct {
			at    int
			title string
		}
		var entries []entry
		var resources []map[string]any
		for i, title := range titles {
			entries = append(entries, entry{i, title})
			r := map[string]any{"id": fmt.Sprint(i)}
			if title != "" {
				r["title"] = title
			}
			resources = append(resources, r)
		}
		// The model sorts by a text that starts with 0 for resources with a value.
		key := func(e entry) string {
			if e.title == "" {
				return "1"
			}
			return "0" + scim.Fold(e.title)
		}
		slices.SortStableFunc(entries, func(x, y entry) int {
			if descending {
				x, y = y, x
			}
			return cmp.Compare(key(x), key(y))
		})
		slices.SortStableFunc(resources, func(a, b map[string]any) int { return q.Compare(q.SortKey(a), q.SortKey(b)) })
		for i, e := range entries {
			if resources[i]["id"] != fmt.Sprint(e.at) {
				b, _ := json.Marshal(resources)
				t.Fatalf("%v sorted as %s", titles, b)
			}
		}
	})
}

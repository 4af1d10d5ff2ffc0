package query_test

import (
	"strings"
	"testing"

	"dsync/internal/scim"
	"dsync/internal/scim/query"
	"dsync/internal/scim/resource"
	"dsync/internal/scim/scimtest"
)

func FuzzParseQuery(f *testing.F) {
	for _, s := range []string{
		``, `aadOptscim062020&filter=userName+eq+%22guid%22`, `excludedAttributes=members&filter=displayName%20eq%20"X"`, `filter=emails[type eq "work"].value eq "100%"`,
		`startIndex=2&count=5`, `attributes=name.givenName,emails.value,` + scim.EnterpriseURN + `&excludedAttributes=manager.value,emails.type,id`, `count=-1&startIndex=99999999999`, `%=%&;`,
		`cursor&count=2&sortBy=emails&sortOrder=descending`, `cursor=x&startIndex=2&sortBy=meta.created`, `attributes=emails[type eq "work"].value,emails[value co ","]&excludedAttributes=emails[primary eq true].type,emails[type eq "home"]`, `sortBy=` + scimtest.SizesURN + `:size&attributes=groups.value`,
	} {
		f.Add(s)
	}
	rt, full, other := scim.Users.Extend(scimtest.Sizes(f)), scimtest.Rendered(f), scimtest.Sized(f)
	before := resource.Encode(full)
	f.Fuzz(func(t *testing.T, raw string) {
		q, err := query.Parse(rt, raw)
		if err != nil {
			scimtest.Refused(t, err)
			return
		}
		if q.StartIndex < 1 || q.Count < 0 || q.Count > query.MaxCount || q.Cursor != nil && q.Count < 1 {
			t.Fatalf("startIndex %d, count %d", q.StartIndex, q.Count)
		}
		if x, y := q.SortKey(full), q.SortKey(other); q.Compare(x, x) != 0 || q.Compare(x, y) != -q.Compare(y, x) {
			t.Fatalf("no order by %v", q.SortBy)
		}
		got := q.Projection.Apply(full)
		if resource.Encode(full) != before || got["id"] != full["id"] || got["schemas"] == nil {
			t.Fatalf("%s of %s", resource.Encode(got), resource.Encode(full))
		}
		// A filter may need a sub-attribute that the response does not have.
		if again := q.Projection.Apply(got); !strings.Contains(raw, "[") && !strings.Contains(raw, "%5") && resource.Encode(again) != resource.Encode(got) {
			t.Fatalf("%s, and then %s", resource.Encode(got), resource.Encode(again))
		}
	})
}

func FuzzParseSearch(f *testing.F) {
	for _, s := range []string{
		`{"schemas":["` + scim.SearchURN + `"],"attributes":["displayName"],"excludedAttributes":[],"filter":"title pr","sortBy":"title","sortOrder":"descending","startIndex":1,"count":10}`,
		`{"cursor":"","count":0}`, `{"COUNT":1e2,"Filter":null}`, `{"attributes":[1]}`, `{"attributes":"userName,emails[type eq \"a,b\"]","count":"1","startIndex":" 2"}`, `{}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		object, err := scim.DecodeObject(body)
		if err != nil {
			scimtest.Refused(t, err)
			return
		}
		q, err := query.ParseSearch(scim.Users, object)
		if err != nil {
			scimtest.Refused(t, err)
			return
		}
		if q.StartIndex < 1 || q.Count < 0 || q.Count > query.MaxCount || q.Cursor != nil && q.Count < 1 || q.Bound() == "" {
			t.Fatalf("startIndex %d, count %d, bound to %q", q.StartIndex, q.Count, q.Bound())
		}
	})
}

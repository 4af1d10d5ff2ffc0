package session_test

import (
	"testing"

	"dsync/internal/fault"
	"dsync/internal/scim"
	"dsync/internal/scim/filter"
	"dsync/internal/scim/query"
	"dsync/internal/session"
)

// A request looks at a bounded size of resources: 76 users of 128 KiB with one
// comparison each. A cursor goes on after them.
func TestListIsBounded(t *testing.T) {
	const size, most = 128 << 10, 76
	w := open(t)
	for n := range most {
		w.store(t, n, size)
	}
	f, err := filter.Parse(scim.Users, `nickName co "zz"`)
	if err != nil {
		t.Fatal(err)
	}
	sort, _ := scim.Users.Resolve("userName")
	lists := map[string]query.Query{
		"by a filter":   {StartIndex: 1, Count: 1, Filter: f},
		"and in order":  {StartIndex: 1, Count: 1, Filter: f, SortBy: &sort},
		"in a sequence": {StartIndex: 1, Count: 1, Filter: f, Descending: true},
	}
	for name, q := range lists {
		if page, err := w.session.List(t.Context(), session.Users, q); err != nil || page.Total != 0 {
			t.Errorf("%s, at the limit: %d users, %v", name, page.Total, err)
		}
	}
	w.store(t, most, size)
	for name, q := range lists {
		_, err := w.session.List(t.Context(), session.Users, q)
		if e, ok := err.(*fault.Error); !ok || e.Kind != fault.Invalid || e.Code != scim.TooMany {
			t.Errorf("%s, above the limit: %v", name, err)
		}
	}
	w.store(t, most+1, size)
	cursor, pages := "", 0
	for {
		page, err := w.session.List(t.Context(), session.Users, query.Query{Count: 10, Filter: f, Cursor: &cursor})
		if err != nil || len(page.Resources) != 0 {
			t.Fatalf("page %d: %d users, %v", pages, len(page.Resources), err)
		}
		pages++
		if page.Next == "" {
			break
		}
		cursor = page.Next
	}
	if pages != 2 {
		t.Errorf("%d pages, want 2", pages)
	}
	if w.session.Compared() < 2*2_500_000 {
		t.Errorf("the session has counted %d comparisons", w.session.Compared())
	}
}

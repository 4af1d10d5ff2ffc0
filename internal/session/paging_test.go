package session_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"dsync/internal/fault"
	"dsync/internal/management"
	"dsync/internal/scim"
	"dsync/internal/scim/filter"
	"dsync/internal/scim/query"
	"dsync/internal/session"
	"dsync/internal/table"

	"crypto/rand"
)

// pages follows cursors to the end and returns the ids of each page.
func (w world) pages(t *testing.T, kind session.Type, raw string) (pages [][]string) {
	t.Helper()
	kind = w.session.Type(kind)
	for cursor := ""; ; {
		q, err := query.Parse(kind.ResourceType, raw+"&cursor="+cursor)
		if err != nil {
			t.Fatal(raw, err)
		}
		page, err := w.session.List(t.Context(), kind, q)
		if err != nil {
			t.Fatal(raw, err)
		}
		var ids []string
		for _, r := range page.Resources {
			ids = append(ids, r.Meta.ID)
		}
		pages = append(pages, ids)
		if page.Next == "" {
			return pages
		}
		if len(pages) > 100 {
			t.Fatal(raw, "does not end")
		}
		cursor = page.Next
	}
}

// Whatever the filter, cursors lead through each match once, in order, in
// pages of the size that was asked, and the last page is not empty.
func TestCursors(t *testing.T) {
	w := open(t)
	group := w.group(t, "g").Meta.ID
	var all, odd, members []string
	for i := range 23 {
		u := w.create(t, session.Users, fmt.Sprintf(`{"userName":"u%02d","title":"t%d","externalId":"same"}`, i, i%2)).Meta.ID
		all = append(all, u)
		if i%2 == 1 {
			odd = append(odd, u)
		}
		if i%3 == 0 {
			members = append(members, u)
		}
	}
	if _, err := w.session.Patch(t.Context(), session.Groups, group, operations(t, add(members...)), session.Condition{}); err != nil {
		t.Fatal(err)
	}
	backwards := slices.Clone(all)
	slices.Reverse(backwards)
	for query, want := range map[string][]string{
		"":                                 all,
		`filter=title+eq+"t1"`:             odd,
		`filter=externalId+eq+"same"`:      all,
		`filter=groups+eq+"` + group + `"`: members,
		`filter=groups.value+eq+"` + group + `"+and+title+eq+"t1"`: intersection(odd, members),
		`filter=userName+eq+"u07"`:                                 {all[7]},
		`filter=userName+eq+"nobody"`:                              nil,
		`sortBy=userName&sortOrder=descending`:                     backwards,
	} {
		for _, count := range []int{1, 4, 23, 100} {
			pages := w.pages(t, session.Users, query+fmt.Sprint("&count=", count))
			if got := slices.Concat(pages...); !slices.Equal(got, want) {
				t.Errorf("%s by %d: %v, want %v", query, count, got, want)
			}
			for i, p := range pages {
				if len(p) > count || i < len(pages)-1 && len(p) != count || len(p) == 0 && len(want) > 0 {
					t.Errorf("%s by %d: page %d of %d has %d", query, count, i, len(pages), len(p))
				}
			}
		}
	}
}

func intersection(a, b []string) (both []string) {
	for _, s := range a {
		if slices.Contains(b, s) {
			both = append(both, s)
		}
	}
	return both
}

// A cursor is good for its directory, type and query, and for ten minutes.
func TestForeignCursors(t *testing.T) {
	w := open(t)
	now := time.Now()
	w.functions = session.NewAuthenticator(w.table, func() time.Time { return now }, rand.Reader)
	w = w.connect(t)
	for i := range 3 {
		w.user(t, fmt.Sprint("u", i))
		w.group(t, fmt.Sprint("g", i))
	}
	list := func(s *session.Session, kind session.Type, raw string) (session.Page, error) {
		q, err := query.Parse(kind.ResourceType, raw)
		if err != nil {
			t.Fatal(err)
		}
		return s.List(t.Context(), kind, q)
	}
	first, err := list(w.session, session.Users, "count=1&cursor")
	if err != nil || first.Next == "" || first.Total != -1 {
		t.Fatalf("%+v, %v", first, err)
	}
	other := w.connect(t).session
	for name, c := range map[string]struct {
		session *session.Session
		kind    session.Type
		query   string
		want    fault.Code
	}{
		"another count":     {w.session, session.Users, "count=2&cursor=" + first.Next, ""},
		"another filter":    {w.session, session.Users, `filter=title+pr&cursor=` + first.Next, scim.InvalidCursor},
		"another type":      {w.session, session.Groups, "cursor=" + first.Next, scim.InvalidCursor},
		"another directory": {other, session.Users, "cursor=" + first.Next, scim.InvalidCursor},
		"tampered":          {w.session, session.Users, "cursor=" + strings.ToUpper(first.Next), scim.InvalidCursor},
		"nonsense":          {w.session, session.Users, "cursor=x", scim.InvalidCursor},
	} {
		if _, err := list(c.session, c.kind, c.query); c.want == "" && err != nil || c.want != "" && (fault.KindOf(err) != fault.Invalid || err.(*fault.Error).Code != c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	now = now.Add(query.CursorLife + time.Second)
	if _, err := list(w.session, session.Users, "cursor="+first.Next); fault.KindOf(err) != fault.Invalid || err.(*fault.Error).Code != scim.ExpiredCursor {
		t.Errorf("expired: %v", err)
	}
}

func TestGroupsOfAUser(t *testing.T) {
	w := open(t)
	user, other := w.user(t, "ada").Meta.ID, w.user(t, "eve").Meta.ID
	group, gone := w.group(t, "g").Meta.ID, w.group(t, "gone").Meta.ID
	for _, g := range []string{group, gone} {
		if _, err := w.session.Patch(t.Context(), session.Groups, g, operations(t, add(user)), session.Condition{}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.session.Delete(t.Context(), session.Groups, gone, session.Condition{}); err != nil {
		t.Fatal(err)
	}
	groups, err := w.session.Groups(t.Context(), user, "https://x/Groups")
	if err != nil || len(groups) != 1 || groups[0].(map[string]any)["value"] != group || groups[0].(map[string]any)["display"] != "g" {
		t.Errorf("%v, %v", groups, err)
	}
	for text, want := range map[string][]string{
		`groups eq "` + group + `"`:                           {user},
		`groups eq "` + gone + `"`:                            nil,
		`groups eq "nothing"`:                                 nil,
		`not (groups eq "` + group + `")`:                     {other},
		`id eq "` + user + `" and groups eq "` + group + `"`:  {user},
		`id eq "` + other + `" and groups eq "` + group + `"`: nil,
	} {
		f, err := filter.Parse(scim.Users, text)
		if err != nil {
			t.Fatal(text, err)
		}
		page, err := w.session.List(t.Context(), session.Users, query.Query{Filter: f, StartIndex: 1, Count: 10})
		if err != nil || page.Total != len(want) || len(want) == 1 && page.Resources[0].Meta.ID != want[0] {
			t.Errorf("%s: %+v, %v", text, page, err)
		}
	}
}

// A name that was looked up before costs one read, and leads to whoever has it
// now: through a rename, a deletion, and another who takes the name.
func TestNameLookedUpBefore(t *testing.T) {
	w := open(t)
	find := func(name string, trips int, want string) {
		t.Helper()
		f, err := filter.Parse(scim.Users, `userName eq "`+name+`"`)
		if err != nil {
			t.Fatal(err)
		}
		ctx, meter := table.WithMeter(t.Context())
		page, err := w.session.List(ctx, session.Users, query.Query{Filter: f, StartIndex: 1, Count: 9})
		if err != nil || meter.RoundTrips != trips || page.Total != min(len(want), 1) || want != "" && page.Resources[0].Meta.ID != want {
			t.Errorf("%s: %+v after %d round trips, %v", name, page, meter.RoundTrips, err)
		}
	}
	ada := w.user(t, "ada").Meta.ID
	find("ada", 2, ada)
	find("ADA", 1, ada)
	if _, err := w.session.Patch(t.Context(), session.Users, ada, operations(t, `{"op":"replace","path":"userName","value":"eve"}`), session.Condition{}); err != nil {
		t.Fatal(err)
	}
	find("ada", 2, "")
	find("eve", 2, ada)
	other := w.user(t, "ada").Meta.ID
	find("ada", 3, other)
	find("ada", 1, other)
	if err := w.session.Delete(t.Context(), session.Users, other, session.Condition{}); err != nil {
		t.Fatal(err)
	}
	find("ada", 2, "")
}

// When the function's time runs out, a list ends early and says so, and a
// cursor goes on from there.
func TestOutOfTime(t *testing.T) {
	w := open(t)
	for i := range 3 {
		w.user(t, fmt.Sprint("u", i))
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	f, err := filter.Parse(scim.Users, "title pr or userName pr")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.session.List(ctx, session.Users, query.Query{Filter: f, StartIndex: 1, Count: 9}); fault.KindOf(err) != fault.Invalid {
		t.Errorf("by index: %v", err)
	}
	first := ""
	page, err := w.session.List(ctx, session.Users, query.Query{Filter: f, Count: 9, Cursor: &first})
	if err != nil || len(page.Resources) != 1 || page.Next == "" {
		t.Fatalf("by cursor: %+v, %v", page, err)
	}
	page, err = w.session.List(t.Context(), session.Users, query.Query{Filter: f, Count: 9, Cursor: &page.Next})
	if err != nil || len(page.Resources) != 2 || page.Next != "" {
		t.Errorf("the rest: %+v, %v", page, err)
	}
}

// A filter that asks of each resource whether it is a member is bounded.
func TestMembershipReads(t *testing.T) {
	w := still(t)
	group := w.group(t, "g").Meta.ID
	list := func(users int) error {
		for i := range users {
			w.user(t, fmt.Sprint(users, "-", i))
		}
		f, err := filter.Parse(scim.Users, `not (groups eq "`+group+`")`)
		if err != nil {
			t.Fatal(err)
		}
		_, err = w.session.List(t.Context(), session.Users, query.Query{Filter: f, StartIndex: 1, Count: 1})
		return err
	}
	if err := list(session.MaxMembershipReads); err != nil {
		t.Errorf("at the limit: %v", err)
	}
	if err := list(1); fault.KindOf(err) != fault.Invalid || err.(*fault.Error).Code != scim.TooMany {
		t.Errorf("above the limit: %v", err)
	}
}

// The members of a group fit an answer, or the answer says how to read them.
func TestInlineMembers(t *testing.T) {
	w := still(t)
	group := w.group(t, "g").Meta.ID
	w.fill(t, group, session.MaxInlineMembers)
	if members, err := w.listMembers(t.Context(), group); err != nil || len(members) != session.MaxInlineMembers {
		t.Errorf("at the limit: %d, %v", len(members), err)
	}
	w.fill(t, group, session.MaxInlineMembers+1)
	_, err := w.listMembers(t.Context(), group)
	if fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), `/Users?filter=groups eq "`+group+`"`) {
		t.Errorf("above the limit: %v", err)
	}
}

// A directory's own schema works like the standard ones; a directory without
// it does not know it.
func TestExtensions(t *testing.T) {
	w := open(t)
	const urn = "urn:ietf:params:scim:schemas:extension:Acme:2.0:User"
	declared := json.RawMessage(`{"id":"` + urn + `","name":"Acme","description":"Acme","attributes":[{"name":"tag","type":"string","multiValued":false,"description":"Tag"}]}`)
	s := management.Bootstrap(w.table, time.Now, rand.Reader)
	d, _, secret, err := s.CreateDirectory(t.Context(), management.NewDirectory{OrganizationID: w.directory.OrganizationID, Name: "Entra", Extensions: []json.RawMessage{declared}})
	if err != nil {
		t.Fatal(err)
	}
	plain := w.session
	w.directory, w.secret = d, secret
	w = w.open(t)
	users := w.session.Type(session.Users)
	user := w.create(t, users, `{"userName":"ada","`+urn+`":{"tag":"701984"}}`)
	if _, err := w.session.Patch(t.Context(), users, user.Meta.ID, operations(t, `{"op":"Replace","path":"`+urn+`:tag","value":"x"}`), session.Condition{}); err != nil {
		t.Fatal(err)
	}
	f, err := filter.Parse(users.ResourceType, urn+`:tag eq "x"`)
	if err != nil {
		t.Fatal(err)
	}
	page, err := w.session.List(t.Context(), users, query.Query{Filter: f, StartIndex: 1, Count: 10})
	if err != nil || page.Total != 1 || page.Resources[0].Document[urn].(map[string]any)["tag"] != "x" {
		t.Errorf("%+v, %v", page, err)
	}
	if _, err := filter.Parse(plain.Type(session.Users).ResourceType, urn+`:tag eq "x"`); err == nil {
		t.Error("a directory knows the schema of another")
	}
	for name, list := range map[string][]json.RawMessage{"twice": {declared, declared}, "broken": {json.RawMessage(`{}`)}} {
		if _, _, _, err := s.CreateDirectory(t.Context(), management.NewDirectory{OrganizationID: w.directory.OrganizationID, Extensions: list}); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

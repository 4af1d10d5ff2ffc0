package session_test

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"dsync/internal/scim"
	"dsync/internal/scim/query"
	"dsync/internal/session"
)

// Unions lead through each match once, in order, whatever the sources and pages.
func TestUnions(t *testing.T) {
	w := open(t)
	var ids []string
	for i := range 12 {
		ids = append(ids, w.create(t, session.Users, fmt.Sprintf(`{"userName":"u%02d","externalId":"x%d","emails":[{"value":"e%d@x"},{"type":"home","value":"E%d@x"}]}`, i, i%3, i%4, i%4)).Meta.ID)
	}
	at := func(list ...int) (found []string) {
		for _, i := range list {
			found = append(found, ids[i])
		}
		return found
	}
	first := w.create(t, session.Groups, `{"displayName":"a","members":[{"value":"`+strings.Join(at(1, 3, 5, 7), `"},{"value":"`)+`"}]}`).Meta.ID
	second := w.create(t, session.Groups, `{"displayName":"b","members":[{"value":"`+strings.Join(at(3, 4, 7, 8), `"},{"value":"`)+`"}]}`).Meta.ID
	for filter, want := range map[string][]string{
		`userName eq "u03" or userName eq "U03"`:                                                        at(3),
		`userName eq "u05" or userName eq "u01" or userName eq "nobody"`:                                at(1, 5),
		`externalId eq "x1" or userName eq "u04" or userName eq "u02"`:                                  at(1, 2, 4, 7, 10),
		`emails eq "e1@x" or externalId eq "x2"`:                                                        at(1, 2, 5, 8, 9, 11),
		`emails[type eq "home" and value eq "e1@x"] or id eq "` + ids[0] + `" or id eq "` + first + `"`: at(0, 1, 5, 9),
		`(emails eq "e1@x" or externalId eq "x2") and not (userName eq "u05")`:                          at(1, 2, 8, 9, 11),
		`groups eq "` + first + `" or groups eq "` + second + `"`:                                       at(1, 3, 4, 5, 7, 8),
		`groups eq "` + first + `" or groups eq "nothing" or userName eq "u11" or userName eq "u05"`:    at(1, 3, 5, 7, 11),
		`groups eq "` + first + `" and groups eq "` + second + `"`:                                      at(3, 7),
	} {
		for _, count := range []int{1, 2, 5, 100} {
			got := slices.Concat(w.pages(t, session.Users, "filter="+url.QueryEscape(filter)+fmt.Sprint("&count=", count))...)
			if !slices.Equal(got, want) {
				t.Errorf("%s by %d: %v, want %v", filter, count, got, want)
			}
		}
	}
}

// A look-up that is left behind leads to nobody: the user is read, and compared.
func TestLookupLeftBehind(t *testing.T) {
	w := open(t)
	user := w.create(t, session.Users, `{"userName":"ada","externalId":"x","emails":[{"value":"old@x"}]}`)
	find := func(filter string) int {
		q, err := query.Parse(scim.Users, "filter="+url.QueryEscape(filter))
		if err != nil {
			t.Fatal(err)
		}
		page, err := w.session.List(t.Context(), session.Users, q)
		if err != nil {
			t.Fatal(err)
		}
		return page.Total
	}
	for _, c := range []struct {
		change   func(context.Context) error
		old, new int
	}{
		{func(context.Context) error { return nil }, 1, 0},
		{w.patch(t, session.Users, user.Meta.ID, `{"op":"Replace","path":"emails","value":[{"type":"other","value":"new@x"}]}`), 0, 1},
		{w.patch(t, session.Users, user.Meta.ID, `{"op":"Add","path":"emails","value":[{"type":"home","value":"OLD@x"}]}`), 1, 1},
		{func(ctx context.Context) error {
			return w.session.Delete(ctx, session.Users, user.Meta.ID, session.Condition{})
		}, 0, 0},
	} {
		if err := c.change(t.Context()); err != nil {
			t.Fatal(err)
		}
		if old, now := find(`emails eq "old@x"`), find(`emails eq "new@x" or emails eq "nothing@x"`); old != c.old || now != c.new {
			t.Errorf("found %d and %d, want %d and %d", old, now, c.old, c.new)
		}
	}
}

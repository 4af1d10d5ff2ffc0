package session_test

import (
	"strings"
	"testing"

	"dsync/internal/session"
	"dsync/internal/table"
)

// A resource whose name an earlier version stored, and that is refused or changed
// today, can be read, found, changed by PUT and PATCH while its name stays, and
// deleted.
func TestStoredNames(t *testing.T) {
	for _, stored := range []string{" ada ", `ad\u200ba`, `a\nb`, `zoe\u0308`, `\u202eada`} {
		for _, kind := range []session.Type{session.Users, session.Groups} {
			w := open(t)
			attribute, other, of := "userName", "title", table.User
			if kind.ResourceType == session.Groups.ResourceType {
				attribute, other, of = "displayName", "externalId", table.Group
			}
			made := w.create(t, kind, `{"`+attribute+`":"plain"}`)
			record, err := w.table.Resource(t.Context(), of, w.directory.ID, made.Meta.ID)
			if err != nil {
				t.Fatal(err)
			}
			earlier := record
			earlier.Version++
			earlier.Document = strings.Replace(record.Document, "plain", stored, 1)
			name := decoded(t, stored)
			if err := w.table.Replace(t.Context(), record, earlier, table.Keys{Name: "plain"}, table.Keys{Name: name}); err != nil {
				t.Fatal(err)
			}
			if n := w.found(t, kind, attribute+` eq "`+stored+`"`); n != 1 {
				t.Errorf("%s %q is found %d times", attribute, name, n)
			}
			if err := w.patch(t, kind, made.Meta.ID, `{"op":"Replace","path":"`+other+`","value":"x"}`)(t.Context()); err != nil {
				t.Errorf("PATCH of %s %q: %v", attribute, name, err)
			}
			doc, members := parse(t, kind, `{"`+attribute+`":"`+stored+`","`+other+`":"y"}`)
			if _, err := w.session.Replace(t.Context(), kind, made.Meta.ID, doc, members, session.Condition{}); err != nil {
				t.Errorf("PUT of %s %q: %v", attribute, name, err)
			}
			if r, err := w.session.Get(t.Context(), kind, made.Meta.ID); err != nil || r.Document[attribute] != name || r.Document[other] != "y" {
				t.Errorf("%s %q: %v, %v", attribute, name, r.Document, err)
			}
			if err := w.session.Delete(t.Context(), kind, made.Meta.ID, session.Condition{}); err != nil {
				t.Errorf("DELETE of %s %q: %v", attribute, name, err)
			}
			if n := w.found(t, kind, attribute+` eq "`+stored+`"`); n != 0 {
				t.Errorf("%s %q is found after its deletion", attribute, name)
			}
		}
	}
}

// decoded is the text of a JSON string.
func decoded(t *testing.T, text string) string {
	t.Helper()
	doc, _ := parse(t, session.Users, `{"userName":"u","title":"`+text+`"}`)
	s, _ := doc["title"].(string)
	return s
}

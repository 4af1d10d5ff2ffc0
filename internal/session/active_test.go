package session_test

import (
	"testing"

	"dsync/internal/scim/resource"
	"dsync/internal/session"
	"dsync/internal/table"

	"pgregory.net/rapid"
)

// A user whom an earlier version stored without `active` is active, and the
// record changes with the next change of the user.
func TestUserWithoutActive(t *testing.T) {
	w := open(t)
	id := w.user(t, "ada").Meta.ID
	old, err := w.table.Resource(t.Context(), table.User, w.directory.ID, id)
	if err != nil {
		t.Fatal(err)
	}
	record := func() table.Resource {
		r, err := w.table.Resource(t.Context(), table.User, w.directory.ID, id)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	stored := old
	stored.Document, stored.Version = `{"userName":"ada"}`, old.Version+1
	if err := w.table.Replace(t.Context(), old, stored, table.Keys{Name: "ada"}, table.Keys{Name: "ada"}); err != nil {
		t.Fatal(err)
	}
	if r, err := w.session.Get(t.Context(), session.Users, id); err != nil || r.Document["active"] != true {
		t.Errorf("%v, %v", r.Document, err)
	}
	for _, o := range []string{`{"op":"remove","path":"active"}`, `{"op":"replace","path":"active","value":true}`, `{"op":"add","path":"userName","value":"ada"}`} {
		if err := w.patched(t, session.Users, id, o); err != nil || record().Document != stored.Document {
			t.Errorf("%s: %v, %s", o, err, record().Document)
		}
	}
	doc, _ := parse(t, session.Users, `{"userName":"ada"}`)
	if r, err := w.session.Replace(t.Context(), session.Users, id, doc, nil, session.Condition{}); err != nil || r.Meta.Version != stored.Version {
		t.Errorf("PUT: %+v, %v", r, err)
	}
	if err := w.patched(t, session.Users, id, `{"op":"add","path":"title","value":"x"}`); err != nil || record().Document != `{"active":true,"title":"x","userName":"ada"}` {
		t.Errorf("%v, %s", err, record().Document)
	}
}

// After any change a user has `active`, and a disabled user is active only if
// the change names a true value.
func TestDisabledStaysDisabled(t *testing.T) {
	for _, policy := range []string{"suspend", "delete"} {
		w := open(t).set(t, `{"deactivation_policy":"`+policy+`"}`)
		id := w.create(t, session.Users, `{"userName":"off","active":false}`).Meta.ID
		enabled, kept := 0, 0
		rapid.Check(t, func(rt *rapid.T) {
			value := rapid.SampledFrom([]string{`null`, `""`, `[]`, `[null]`, `{"value":""}`, `false`, `"False"`, `true`, `["True"]`}).Draw(rt, "value")
			other := rapid.SampledFrom([]string{`"x"`, `"y"`, `null`}).Draw(rt, "title")
			before, err := w.session.Get(t.Context(), session.Users, id)
			if err != nil {
				rt.Fatal(err)
			}
			names := value == `true` || value == `["True"]`
			title := `{"op":"replace","path":"title","value":` + other + `}`
			switch rapid.SampledFrom([]string{"PUT", "PUT without", "path", "pathless", "remove"}).Draw(rt, "form") {
			case "PUT":
				doc, _ := parse(t, session.Users, `{"userName":"off","title":`+other+`,"active":`+value+`}`)
				_, err = w.session.Replace(t.Context(), session.Users, id, doc, nil, session.Condition{})
			case "PUT without":
				doc, _ := parse(t, session.Users, `{"userName":"off","title":`+other+`}`)
				_, err = w.session.Replace(t.Context(), session.Users, id, doc, nil, session.Condition{})
				names = false
			case "path":
				err = w.patched(t, session.Users, id, `{"op":"Replace","path":"active","value":`+value+`}`, title)
			case "pathless":
				err = w.patched(t, session.Users, id, `{"op":"add","value":{"active":`+value+`}}`, title)
			default:
				err = w.patched(t, session.Users, id, `{"op":"remove","path":"active","value":`+value+`}`, title)
				names = false
			}
			after, readErr := w.session.Get(t.Context(), session.Users, id)
			if err != nil || readErr != nil {
				rt.Fatal(err, readErr)
			}
			record, err := w.table.Resource(t.Context(), table.User, w.directory.ID, id)
			if err != nil {
				rt.Fatal(err)
			}
			stored, err := resource.Decode(record.Document)
			if active, ok := stored["active"].(bool); err != nil || !ok || active != (after.Document["active"] == true) || record.Hidden != (policy == "delete" && !active) {
				rt.Fatalf("stored %s, hidden %v, shown %v (%v)", record.Document, record.Hidden, after.Document, err)
			}
			switch {
			case before.Document["active"] == true:
			case after.Document["active"] == true && !names:
				rt.Fatalf("%v has become %v", before.Document, after.Document)
			case after.Document["active"] == true:
				enabled++
			default:
				kept++
			}
		})
		if enabled == 0 || kept == 0 {
			t.Errorf("%s: one-sided: %d enabled, %d not", policy, enabled, kept)
		}
	}
}

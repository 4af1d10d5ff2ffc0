package console

import (
	"time"

	"dsync/internal/management"
	"dsync/internal/web"
	"dsync/internal/wording"
)

var styleguideRoutes = []Route{{Pattern: "GET " + Base + "/styleguide", Scope: management.Read, serve: showStyleguide}}

// showStyleguide shows all components together, on a local machine.
func showStyleguide(r *request) error {
	if r.Secure() {
		return nothing(r)
	}
	f := web.Form{}
	f.Invalid("name", "must be 1 to 256 characters, none of them a control character.")
	at := time.Date(2026, 11, 26, 14, 3, 7, 0, time.UTC)
	return r.render(view{Template: "styleguide", Title: "Components", Crumbs: homePage.under(), Data: struct {
		Form    web.Form
		Badges  []web.Badge
		Changes feed
		Pager   web.Pager
		At      time.Time
		Curl    string
	}{
		f, []web.Badge{web.Good("Connected"), web.Wait("Waiting for the first request"), web.Bad("Paused"), web.Off("Being deleted")},
		feed{Changes: []wording.Change{
			{At: at, Sequence: 3, Event: "dsync.user.updated", Subject: "Ada Lovelace", Verb: "was updated", Tone: "wait", Fields: []wording.ChangedField{{Name: "job_title", Before: "Analyst", After: "Mathematician"}, {Name: "department_name", After: "Engines"}}},
			{At: at, Sequence: 2, Event: "dsync.group.user_added", Subject: "Ada Lovelace", Verb: "was added to", Object: "Engineering", Tone: "good"},
			{At: at, Sequence: 1, Event: "dsync.user.created", Subject: "Ada Lovelace", Verb: "was created", Tone: "good"},
		}},
		web.Pager{Previous: "?before=x", Next: "?after=x"}, at, r.curl("POST", "/organizations", map[string]string{"name": "Acme Inc."}),
	}})
}

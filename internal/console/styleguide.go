package console

import (
	"time"

	"dsync/internal/management"
)

var styleguideRoutes = []Route{{"GET " + Base + "/styleguide", management.Read, showStyleguide}}

// showStyleguide shows all components together, on a local machine.
func showStyleguide(r *request) error {
	if r.secure() {
		return nothing(r)
	}
	f := form{}
	f.invalid("name", "must be 1 to 256 characters, none of them a control character.")
	at := time.Date(2026, 11, 26, 14, 3, 7, 0, time.UTC)
	return r.render(view{Template: "styleguide", Title: "Components", Crumbs: homePage.under(), Data: struct {
		Form    form
		Badges  []badge
		Changes feed
		Pager   pager
		At      time.Time
		Curl    string
	}{
		f, []badge{{"good", "Connected"}, {"wait", "Waiting for the first request"}, {"bad", "Paused"}, {"off", "Being deleted"}},
		feed{Changes: []change{
			{At: at, Sequence: 3, Event: "dsync.user.updated", Subject: "Ada Lovelace", Verb: "was updated", Tone: "wait", Fields: []changedField{{"job_title", "Analyst", "Mathematician"}, {"department_name", "", "Engines"}}},
			{At: at, Sequence: 2, Event: "dsync.group.user_added", Subject: "Ada Lovelace", Verb: "was added to", Object: "Engineering", Tone: "good"},
			{At: at, Sequence: 1, Event: "dsync.user.created", Subject: "Ada Lovelace", Verb: "was created", Tone: "good"},
		}},
		pager{"?before=x", "?after=x"}, at, r.curl("POST", "/organizations", map[string]string{"name": "Acme Inc."}),
	}})
}

package api_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"dsync/internal/eventlog"
)

// A key that is bound to an organization reads and manages what belongs to it, and
// lists nothing else. Package isolation shows that it reaches nothing else by id.
func TestBoundKeys(t *testing.T) {
	w := open(t)
	own, other := w.organization(t, "Own"), w.organization(t, "Other")
	d, foreign := w.directory(t, own, "Entra"), w.directory(t, other, "Entra elsewhere")
	user := d.user(t, "ada")
	group := d.group(t, "everybody", user)
	foreign.user(t, "eve")
	w.must(t, 200, "PATCH", "/directories/"+d.id, `{"settings":{"raw_attributes":false}}`)
	w.must(t, 200, "PATCH", "/directories/"+foreign.id, `{"settings":{"raw_attributes":false}}`)
	w.must(t, 201, "POST", "/api_keys", `{"name":"Other","scope":"manage keys","organization_id":"`+other+`"}`)
	k := w.must(t, 201, "POST", "/api_keys", `{"name":"Own","scope":"manage keys","organization_id":"`+own+`"}`)
	key := text(k, "value")
	if k["organization_id"] != own {
		t.Errorf("%v", k)
	}
	must := func(status int, method, path, body string) map[string]any {
		t.Helper()
		s := w.call(t, key, method, path, body)
		if s.status != status {
			t.Errorf("%s %s: %d %s", method, path, s.status, s.body)
		}
		return s.object(t)
	}
	jobs, _, _ := ids(t, w.call(t, w.read, "GET", "/directories/"+d.id+"/jobs", ""))
	for _, path := range []string{
		"/organizations/" + own, "/directories/" + d.id, "/directories/" + d.id + "/tokens", "/directories/" + d.id + "/requests", "/directories/" + d.id + "/findings",
		"/jobs/" + jobs[0], "/directory_users/" + user, "/directory_groups/" + group, "/directory_users?group=" + group, "/directory_groups?user=" + user,
	} {
		must(200, "GET", path, "")
	}
	for path, want := range map[string][]string{
		"/organizations":                                 {own},
		"/organizations?search=own":                      {own},
		"/organizations?search=other":                    nil,
		"/organizations?domains=nobody.example":          nil,
		"/directories":                                   {d.id},
		"/directories?search=entra":                      {d.id},
		"/directories?organization_id=" + own:            {d.id},
		"/directories?organization_id=" + other:          nil,
		"/api_keys":                                      {text(k, "id")},
		"/directory_users?directory=" + d.id:             {user},
		"/organizations?order=asc&after=" + own:          nil,
		"/audit_events?organization_id=" + other:         nil,
		"/audit_events?directory_id=" + foreign.id:       nil,
		"/audit_events?action=organization.deleted":      nil,
		"/audit_events?directory_id=directory_" + nobody: nil,
	} {
		if got, before, after := ids(t, w.call(t, key, "GET", path, "")); !slices.Equal(got, want) || after != "" || before != "" {
			t.Errorf("%s: %v %s %s, not %v", path, got, before, after, want)
		}
	}
	for path, count := range map[string]int{"/audit_events": 4, "/audit_events?organization_id=" + own: 4, "/audit_events?directory_id=" + d.id: 2} {
		events := must(200, "GET", path, "")["data"].([]any)
		if len(events) != count || slices.ContainsFunc(events, func(e any) bool { return e.(map[string]any)["organization_id"] != own }) {
			t.Errorf("%s: %v", path, events)
		}
	}

	// It is asked for the events of the organization, or of a directory of it.
	for query, want := range map[string]*eventlog.Query{
		"":                               {OrganizationID: own},
		"?organization_id=" + own:        {OrganizationID: own},
		"?directory=" + d.id:             {OrganizationID: own, DirectoryID: d.id},
		"?organization_id=" + other:      nil,
		"?directory=" + foreign.id:       nil,
		"?directory=directory_" + nobody: nil,
	} {
		w.events.asked = eventlog.Query{}
		must(200, "GET", "/events"+query, "")
		asked := w.events.asked
		if want == nil && asked.Limit != 0 || want != nil && (asked.OrganizationID != want.OrganizationID || asked.DirectoryID != want.DirectoryID) {
			t.Errorf("/events%s asks for %+v", query, asked)
		}
	}

	// It manages directories, tokens and keys, and not organizations.
	made := must(201, "POST", "/directories", `{"name":"More","organization_id":"`+own+`"}`)
	must(201, "POST", "/directories/"+text(made, "id")+"/tokens", "")
	must(202, "DELETE", "/directories/"+text(made, "id"), "")
	created := must(201, "POST", "/api_keys", `{"name":"More","scope":"read"}`)
	if created["organization_id"] != own || created["created_by"] != k["id"] {
		t.Errorf("%v", created)
	}
	must(204, "DELETE", "/api_keys/"+text(created, "id"), "")
	if got := states(t, w.call(t, key, "GET", "/api_keys", "")); got[text(created, "id")] != "revoked" || len(got) != 2 {
		t.Errorf("%v", got)
	}
	before := w.records(t)
	for _, id := range []string{own, other, "org_" + nobody} {
		must(403, "PUT", "/organizations/"+id, `{"name":"x"}`)
		must(403, "DELETE", "/organizations/"+id, "")
	}
	must(403, "POST", "/organizations", `{"name":"x"}`)
	must(403, "GET", "/console_sessions", "")
	must(403, "GET", "/setup_page", "")
	must(403, "PATCH", "/setup_page", `{"name":"x"}`)
	must(403, "DELETE", "/console_sessions/console_session_"+nobody, "")
	for _, id := range []string{other, "org_" + nobody} {
		want := fmt.Sprintf("Organization not found: '%s'.", id)
		for _, request := range []string{"/directories", "/api_keys"} {
			body := strings.Replace(`{"name":"x","organization_id":"ID"}`, "ID", id, 1)
			if request == "/api_keys" {
				body = strings.Replace(body, "}", `,"scope":"read"}`, 1)
			}
			if o := must(404, "POST", request, body); o["message"] != want {
				t.Errorf("%v", o)
			}
		}
	}
	w.unchanged(t, before)
	w.must(t, 404, "POST", "/api_keys", `{"name":"x","scope":"read","organization_id":"org_`+nobody+`"}`)
	invalid(t, "organization_id", w.call(t, w.manage, "POST", "/api_keys", `{"name":"x","scope":"read","organization_id":"x"}`), "organization_id")
}

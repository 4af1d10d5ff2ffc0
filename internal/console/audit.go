package console

import (
	"cmp"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"

	"dsync/internal/id"
	"dsync/internal/management"
	"dsync/internal/web"
	"dsync/internal/wording"
)

var auditRoutes = []Route{{Pattern: "GET " + Base + "/audit", Scope: management.Read, serve: listAuditEvents}}

// auditRow is a change and who made it, as people read it.
type auditRow struct {
	Event  management.AuditEvent
	Who    string // a person, or an API key
	By     string // what Who is
	Verb   string // what was done, before the target
	Target string // name of the target, or its id
	Link   string // page of the target, "" for none
	Fields []wording.ChangedField
}

// maxUnfolded is how many values of a change are shown at once. The others are in
// the page, and folded with them.
const maxUnfolded = 3

// Folded reports whether the values are folded.
func (r auditRow) Folded() bool { return len(r.Fields) > maxUnfolded }

// doings say what the actions mean, between who did it and the target.
var doings = map[string]string{
	"organization.created":    "created the organization",
	"organization.updated":    "changed the organization",
	"organization.deleted":    "deleted the organization",
	"directory.created":       "created the directory",
	"directory.updated":       "changed the directory",
	"directory.paused":        "paused the directory",
	"directory.resumed":       "resumed the directory",
	"directory.deleted":       "deleted the directory",
	"directory_token.created": "created a token of the directory",
	"directory_token.revoked": "revoked a token of the directory",
	"api_key.created":         "created the API key",
	"api_key.revoked":         "revoked the API key",
	"console_session.created": "signed in",
	"console_session.revoked": "ended a session of",
}

func listAuditEvents(r *request) error {
	q := r.Request.URL.Query()
	f := management.AuditFilter{Action: q.Get("action"), OrganizationID: strings.TrimSpace(q.Get("organization_id"))}
	if !slices.Contains(management.AuditActions, f.Action) {
		f.Action = ""
	}
	asked := web.Filled(q)
	if f.OrganizationID != "" && !id.Organization.Valid(f.OrganizationID) {
		asked.Invalid("organization_id", "No organization has this ID. An ID begins with org_.")
		f.OrganizationID = ""
	}
	found, err := r.session.AuditEvents(r.Request.Context(), f, r.pageRequest())
	if err != nil {
		return err
	}
	rows := make([]auditRow, len(found.Items))
	for i, e := range found.Items {
		if rows[i], err = auditRowOf(e); err != nil {
			return err
		}
	}
	path := web.WithQuery("/audit_events", "action", f.Action, "organization_id", f.OrganizationID)
	return r.render(view{Template: "audit", Title: "Audit log", Section: auditLog, Data: struct {
		Form     web.Form
		Action   string
		Filtered bool
		Actions  []string
		Events   []auditRow
		Pager    web.Pager
		Curl     string
	}{asked, f.Action, f != management.AuditFilter{}, management.AuditActions, rows, pagerOf(r, found), r.curl(http.MethodGet, path, nil)}})
}

func auditRowOf(e management.AuditEvent) (auditRow, error) {
	row := auditRow{Event: e, Verb: cmp.Or(doings[e.Action], e.Action)}
	switch a := e.Actor; {
	case a.SessionID != "":
		row.Who, row.By = a.Person, "in the console"
	case a.KeyName != "":
		row.Who, row.By = a.KeyName, "API key"
	default:
		row.Who, row.By = cmp.Or(a.KeyID, "Somebody"), "with access to the account"
	}
	var changes map[string]struct{ Before, After any }
	if e.Changes.Members != "" {
		if err := json.Unmarshal([]byte(e.Changes.Members), &changes); err != nil {
			return row, err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(changes)) {
		if name == "name" && strings.HasSuffix(e.Action, ".created") {
			continue // it is that of the target
		}
		row.Fields = append(row.Fields, wording.ChangedField{Name: name, Before: wording.Brief(changes[name].Before), After: wording.Brief(changes[name].After)})
	}
	named := func(member string) string {
		return cmp.Or(wording.Brief(changes[member].After), wording.Brief(changes[member].Before))
	}
	switch e.Target.Type {
	case "organization":
		row.Target, row.Link = cmp.Or(named("name"), e.Target.ID), organizationPath(e.Target.ID)
	case "directory":
		row.Target, row.Link = cmp.Or(named("name"), e.Target.ID), directoryPath(e.Target.ID)
	case "directory_token":
		row.Target, row.Link = e.DirectoryID, directoryPath(e.DirectoryID)
	case "console_session":
		if e.Action == "console_session.revoked" {
			row.Target = cmp.Or(named("person"), e.Target.ID)
		}
	default:
		row.Target = cmp.Or(named("name"), e.Target.ID)
	}
	if strings.HasSuffix(e.Action, ".deleted") {
		row.Link = ""
	}
	return row, nil
}

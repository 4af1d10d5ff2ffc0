package console

import (
	"net/http"
	"net/url"

	"dsync/internal/credential"
	"dsync/internal/management"
	"dsync/internal/web"
)

var setupLinkRoutes = []Route{
	{Pattern: "POST " + Base + "/directories/{directory}/setup-links", Scope: management.Manage, serve: createSetupLink},
	{Pattern: "POST " + Base + "/directories/{directory}/setup-links/{link}/revoke", Scope: management.Manage, serve: revokeSetupLink},
}

// steps say in words which step a setup has reached.
var steps = map[string]string{
	management.StepWelcome:     "not opened",
	management.StepApplication: "opened, no token yet",
	management.StepConnect:     "has a token, no request came yet",
	management.StepMappings:    "connected, no user came yet",
	management.StepTestUser:    "one user came",
	management.StepPeople:      "a user and groups came",
	management.StepDone:        "done",
}

// setupLinkRow is a setup link in a list.
type setupLinkRow struct {
	management.SetupLink
	Badge  web.Badge
	Active bool
	Words  string // the step
}

// maxSetupLinks is how many links the page of a directory shows.
const maxSetupLinks = 3

func (r *request) setupLinks(directoryID string) (rows []setupLinkRow, err error) {
	found, err := r.session.SetupLinks(r.Request.Context(), directoryID, management.PageRequest{Limit: maxSetupLinks})
	for _, l := range found.Items {
		row := setupLinkRow{SetupLink: l, Badge: web.Off("Revoked"), Active: l.State == credential.Active, Words: steps[l.Step]}
		switch {
		case row.Active && l.Used:
			row.Badge = web.Good("Opened")
		case row.Active:
			row.Badge = web.Wait("Sent")
		case l.State == credential.Expired:
			row.Badge = web.Off("Expired")
		}
		rows = append(rows, row)
	}
	return rows, err
}

// createSetupLink shows the link on its answer, as createDirectory does the token.
func createSetupLink(r *request) error {
	d, err := r.directory()
	if err != nil {
		return err
	}
	l, secret, err := r.session.CreateSetupLink(r.Request.Context(), management.NewSetupLink{DirectoryID: d.ID})
	if err != nil {
		return err
	}
	return r.render(view{
		Template: "setup-link", Title: "Setup link", Section: organizations, Status: http.StatusCreated, Crumbs: directoryCrumbs(d),
		Data: struct {
			Link management.SetupLink
			Path string
			URL  string
			Curl string
		}{l, directoryPath(d.ID), r.URL(management.SetupPath + "?token=" + url.QueryEscape(secret)), r.curl(http.MethodPost, "/directories/"+d.ID+"/setup_links", nil)},
	})
}

func revokeSetupLink(r *request) error {
	directoryID := r.Request.PathValue("directory")
	if err := r.session.RevokeSetupLink(r.Request.Context(), directoryID, r.Request.PathValue("link")); err != nil {
		return err
	}
	return r.Done(directoryPath(directoryID), "The setup link was revoked, and who opened it is signed out.")
}

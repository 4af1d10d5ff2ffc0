package console

import (
	"net/http"

	"dsync/internal/credential"
	"dsync/internal/management"
	"dsync/internal/web"
)

var setupLinkRoutes = []Route{
	{Pattern: "GET " + Base + "/directories/{directory}/setup-links", Scope: management.Read, serve: listSetupLinks},
	{Pattern: "POST " + Base + "/directories/{directory}/setup-links", Scope: management.Manage, serve: createSetupLink},
	{Pattern: "POST " + Base + "/directories/{directory}/setup-links/{link}/revoke", Scope: management.Manage, serve: revokeSetupLink},
}

func setupLinksPath(directoryID string) string { return directoryPath(directoryID) + "/setup-links" }

// setupSteps say how far a setup is.
var setupSteps = map[string]string{
	"welcome": "not opened", "application": "creates the application", "connect": "connects", "mappings": "connected, no user came yet",
	"test_user": "one user came", "users_and_groups": "a user and a group came", "done": "users come",
}

// setupLinkRow is a setup link in a list.
type setupLinkRow struct {
	management.SetupLink
	Badge  web.Badge
	Active bool
	Step   string
}

func listSetupLinks(r *request) error {
	d, err := r.directory()
	if err != nil {
		return err
	}
	return r.showSetupLinks(d, "", http.StatusOK)
}

// showSetupLinks shows the links of a directory; with the URL of a new one, which is
// shown once. The page then replaces its address, so that loading it again makes no
// other.
func (r *request) showSetupLinks(d management.Directory, url string, status int) error {
	found, err := r.session.SetupLinks(r.Request.Context(), d.ID, r.pageRequest())
	if err != nil {
		return err
	}
	rows := make([]setupLinkRow, len(found.Items))
	for i, l := range found.Items {
		rows[i] = setupLinkRow{l, web.Off("Revoked"), l.State == credential.Active, setupSteps[l.Step]}
		switch {
		case rows[i].Active && l.Used:
			rows[i].Badge = web.Good("Opened")
		case rows[i].Active:
			rows[i].Badge = web.Wait("Not opened yet")
		case l.State == credential.Expired:
			rows[i].Badge = web.Off("Expired")
		}
	}
	path := "/directories/" + d.ID + "/setup_links"
	return r.render(view{
		Template: "setup-links", Title: "Setup links", Section: organizations, Status: status, Crumbs: directoryCrumbs(d),
		Data: struct {
			Directory management.Directory
			Path, URL string
			Links     []setupLinkRow
			Pager     web.Pager
			Curl      []choice
		}{d, setupLinksPath(d.ID), url, rows, pagerOf(r, found), []choice{
			{r.curl(http.MethodPost, path, map[string]string{}), "Make"}, {r.curl(http.MethodGet, path, nil), "List"}, {r.curl(http.MethodDelete, path+"/setup_link_…", nil), "Revoke"},
		}},
	})
}

// createSetupLink shows the URL on its answer, as createToken does.
func createSetupLink(r *request) error {
	d, err := r.directory()
	if err != nil {
		return err
	}
	_, secret, err := r.session.CreateSetupLink(r.Request.Context(), management.NewSetupLink{DirectoryID: d.ID})
	if err != nil {
		return err
	}
	return r.showSetupLinks(d, r.URL(management.SetupPath)+"?token="+secret, http.StatusCreated)
}

func revokeSetupLink(r *request) error {
	directoryID := r.Request.PathValue("directory")
	if err := r.session.RevokeSetupLink(r.Request.Context(), directoryID, r.Request.PathValue("link")); err != nil {
		return err
	}
	return r.Done(setupLinksPath(directoryID), "The setup link was revoked. Whoever opened it is signed out.")
}

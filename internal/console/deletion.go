package console

import (
	"net/http"

	"dsync/internal/management"
	"dsync/internal/web"
)

var deletionRoutes = []Route{
	{Pattern: "GET " + Base + "/directories/{directory}/delete", Scope: management.Manage, serve: func(r *request) error { return r.showDirectoryDeletion(web.Form{}) }},
	{Pattern: "POST " + Base + "/directories/{directory}/delete", Scope: management.Manage, serve: deleteDirectory},
	{Pattern: "GET " + Base + "/organizations/{organization}/delete", Scope: management.Manage, serve: func(r *request) error { return r.showOrganizationDeletion(web.Form{}) }},
	{Pattern: "POST " + Base + "/organizations/{organization}/delete", Scope: management.Manage, serve: deleteOrganization},
}

// deletion is a page that deletes what has a name, if that name is typed.
type deletion struct {
	Form         web.Form
	What, Name   string
	Consequences []string
	Blocked      string // why it cannot be deleted; "" if it can
	Action, Back string
	Curl         string
}

func (r *request) showDirectoryDeletion(f web.Form) error {
	d, err := r.directory()
	if err != nil {
		return err
	}
	p := deletion{
		Form: f, What: "directory", Name: d.Name, Action: directoryPath(d.ID) + "/delete", Back: directoryPath(d.ID),
		Consequences: []string{
			"Its tokens stop working at once, so the provider gets errors.",
			"Your application gets one event, dsync.deleted, and none for each user and group.",
			"Its users, groups and memberships are deleted, and later its events. This cannot be undone.",
		},
		Curl: r.curl(http.MethodDelete, "/directories/"+d.ID, nil),
	}
	if d.State == management.Deleting {
		p.Blocked = "The directory is being deleted already."
	}
	return r.render(view{
		Template: "delete", Title: "Delete directory", Section: organizations, Status: f.Status(), Data: p,
		Crumbs: directoryCrumbs(d),
	})
}

func deleteDirectory(r *request) error {
	f, err := r.Form()
	if err != nil {
		return err
	}
	d, err := r.directory()
	if err != nil {
		return err
	}
	if !f.Confirmed(d.Name) {
		return r.showDirectoryDeletion(f)
	}
	if err := r.session.DeleteDirectory(r.Request.Context(), d.ID); f.Refused(err) {
		return r.showDirectoryDeletion(f)
	} else if err != nil {
		return err
	}
	return r.Done(organizationPath(d.OrganizationID), "The directory is being deleted. Its tokens do not work any more.")
}

func (r *request) showOrganizationDeletion(f web.Form) error {
	o, err := r.organization()
	if err != nil {
		return err
	}
	found, err := r.session.Directories(r.Request.Context(), o.ID, "", management.PageRequest{Limit: 1})
	if err != nil {
		return err
	}
	p := deletion{
		Form: f, What: "organization", Name: o.Name, Action: organizationPath(o.ID) + "/delete", Back: organizationPath(o.ID),
		Consequences: []string{"Its name, external ID, domains and metadata are deleted. This cannot be undone.", "Its events can be read until they are 90 days old."},
		Curl:         r.curl(http.MethodDelete, "/organizations/"+o.ID, nil),
	}
	if len(found.Items) > 0 {
		p.Blocked = "The organization has directories. Delete them first, and wait until they are gone."
	}
	return r.render(view{
		Template: "delete", Title: "Delete organization", Section: organizations, Status: f.Status(), Data: p,
		Crumbs: organizationCrumbs(o),
	})
}

func deleteOrganization(r *request) error {
	f, err := r.Form()
	if err != nil {
		return err
	}
	o, err := r.organization()
	if err != nil {
		return err
	}
	if !f.Confirmed(o.Name) {
		return r.showOrganizationDeletion(f)
	}
	if err := r.session.DeleteOrganization(r.Request.Context(), o.ID); f.Refused(err) {
		return r.showOrganizationDeletion(f)
	} else if err != nil {
		return err
	}
	return r.Done(organizations.Path, "The organization was deleted.")
}

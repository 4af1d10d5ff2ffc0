package console

import (
	"net/http"
	"strings"

	"dsync/internal/management"
)

var deletionRoutes = []Route{
	{"GET " + Base + "/directories/{directory}/delete", management.Manage, func(r *request) error { return r.showDirectoryDeletion(form{}) }},
	{"POST " + Base + "/directories/{directory}/delete", management.Manage, deleteDirectory},
	{"GET " + Base + "/organizations/{organization}/delete", management.Manage, func(r *request) error { return r.showOrganizationDeletion(form{}) }},
	{"POST " + Base + "/organizations/{organization}/delete", management.Manage, deleteOrganization},
}

// deletion is a page that deletes what has a name, if that name is typed.
type deletion struct {
	Form         form
	What, Name   string
	Consequences []string
	Blocked      string // why it cannot be deleted; "" if it can
	Action, Back string
	Curl         string
}

// confirmed notes that the name was not typed, if so. What a page shows of a name
// counts as the name: nobody can type characters that have no shape.
func (f *form) confirmed(name string) bool {
	typed := strings.TrimSpace(f.Value("confirmation"))
	if typed == strings.TrimSpace(name) || typed == visible(name) {
		return true
	}
	f.invalid("confirmation", "This is not the name. Nothing was deleted.")
	return false
}

func (r *request) showDirectoryDeletion(f form) error {
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
		Template: "delete", Title: "Delete directory", Section: organizations, Status: f.status(), Data: p,
		Crumbs: directoryCrumbs(d),
	})
}

func deleteDirectory(r *request) error {
	f, err := r.form()
	if err != nil {
		return err
	}
	d, err := r.directory()
	if err != nil {
		return err
	}
	if !f.confirmed(d.Name) {
		return r.showDirectoryDeletion(f)
	}
	if err := r.session.DeleteDirectory(r.http.Context(), d.ID); f.refused(err) {
		return r.showDirectoryDeletion(f)
	} else if err != nil {
		return err
	}
	return r.done(organizationPath(d.OrganizationID), "The directory is being deleted. Its tokens do not work any more.")
}

func (r *request) showOrganizationDeletion(f form) error {
	o, err := r.organization()
	if err != nil {
		return err
	}
	found, err := r.session.Directories(r.http.Context(), o.ID, "", management.PageRequest{Limit: 1})
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
		Template: "delete", Title: "Delete organization", Section: organizations, Status: f.status(), Data: p,
		Crumbs: organizationCrumbs(o),
	})
}

func deleteOrganization(r *request) error {
	f, err := r.form()
	if err != nil {
		return err
	}
	o, err := r.organization()
	if err != nil {
		return err
	}
	if !f.confirmed(o.Name) {
		return r.showOrganizationDeletion(f)
	}
	if err := r.session.DeleteOrganization(r.http.Context(), o.ID); f.refused(err) {
		return r.showOrganizationDeletion(f)
	} else if err != nil {
		return err
	}
	return r.done(organizations.Path, "The organization was deleted.")
}

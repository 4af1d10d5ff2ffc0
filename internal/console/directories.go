package console

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"dsync/internal/management"
	"dsync/internal/settings"
)

var directoryRoutes = []Route{
	{"GET " + Base + "/organizations/{organization}/directories/new", management.Manage, func(r *request) error { return r.showNewDirectory(form{}) }},
	{"POST " + Base + "/organizations/{organization}/directories", management.Manage, createDirectory},
	{"GET " + Base + "/directories/{directory}", management.Read, showDirectory},
	{"POST " + Base + "/directories/{directory}/pause", management.Manage, pauseDirectory},
	{"POST " + Base + "/directories/{directory}/resume", management.Manage, resumeDirectory},
}

func directoryPath(directoryID string) string { return Base + "/directories/" + directoryID }

// badge is a state in words. The tone chooses its colour and its shape.
type badge struct{ Tone, Text string }

// stateOf is the state of a directory in words.
func stateOf(d management.Directory) badge {
	switch d.State {
	case management.Linked:
		return badge{"good", "Connected"}
	case management.Validating:
		return badge{"wait", "Waiting for the first request"}
	case management.Unlinked:
		return badge{"bad", "Paused"}
	}
	return badge{"off", "Being deleted"}
}

// provider is a choice of *Add Directory*.
type provider struct{ Type, Name, Text string }

// providers are the choices, in the order of settings.DirectoryTypes.
var providers = []provider{
	{settings.Entra, "Entra ID", "Microsoft Entra ID, formerly Azure AD. The customer's admin adds an enterprise application."},
	{settings.Okta, "Okta", "An Okta application with SCIM 2.0 provisioning."},
	{settings.Generic, "Other SCIM 2.0", "Any identity provider that speaks SCIM 2.0."},
}

func providerName(directoryType string) string {
	for _, p := range providers {
		if p.Type == directoryType {
			return p.Name
		}
	}
	return directoryType
}

func (r *request) showNewDirectory(f form) error {
	o, err := r.session.Organization(r.http.Context(), r.http.PathValue("organization"))
	if err != nil {
		return err
	}
	return r.render(view{
		Template: "new-directory", Title: "Add Directory", Section: organizations, Status: f.status(),
		Crumbs: []crumb{{organizations.Name, organizations.Path}, {o.Name, organizationPath(o.ID)}},
		Data: struct {
			Form      form
			Providers []provider
			Action    string
			Back      string
			Curl      string
		}{f, providers, organizationPath(o.ID) + "/directories", organizationPath(o.ID),
			r.curl(http.MethodPost, "/directories", map[string]string{"organization_id": o.ID, "name": "Entra ID", "type": settings.Entra})},
	})
}

// createDirectory shows the secret of the first token on its answer: it cannot be
// read again, so no redirect may lead to it. The page replaces its address by that
// of the directory, so that loading it again creates no second one.
func createDirectory(r *request) error {
	f, err := r.form()
	if err != nil {
		return err
	}
	n := management.NewDirectory{OrganizationID: r.http.PathValue("organization"), Name: strings.TrimSpace(f.Value("name")), Type: f.Value("type"), Settings: settings.Change{}}
	if policy := f.Value("deactivation_policy"); policy != "" {
		n.Settings["deactivation_policy"] = quotedJSON(policy)
	}
	if !slices.ContainsFunc(providers, func(p provider) bool { return p.Type == n.Type }) {
		f.invalid("type", "Choose an identity provider.")
		return r.showNewDirectory(f)
	}
	d, _, secret, err := r.session.CreateDirectory(r.http.Context(), n)
	if f.refused(err) {
		return r.showNewDirectory(f)
	} else if err != nil {
		return err
	}
	return r.render(view{
		Template: "directory-created", Title: d.Name, Section: organizations, Status: http.StatusCreated,
		Crumbs: []crumb{{organizations.Name, organizations.Path}},
		Data: struct {
			Path, Endpoint, Secret, Provider string
			Entra                            bool
		}{directoryPath(d.ID), r.endpoint(d), secret, providerName(d.Type), d.Type == settings.Entra},
	})
}

func quotedJSON(s string) json.RawMessage {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err) // a string marshals
	}
	return b
}

// endpoint is the Tenant URL of a directory.
func (r *request) endpoint(d management.Directory) string {
	return r.http.URL.Scheme + "://" + r.http.Host + r.console.scimBase + d.ExternalKey
}

// directoryPage is what the page of a directory shows.
type directoryPage struct {
	Directory    management.Directory
	Organization management.Organization
	State        badge
	Last         *management.Day
	Provider     string
	Endpoint     string
	Tokens       []management.Token
	Changes      feed
	Curl         map[string]string // by action
}

func showDirectory(r *request) error {
	d, err := r.session.Directory(r.http.Context(), r.http.PathValue("directory"))
	if err != nil {
		return err
	}
	p := directoryPage{Directory: d, State: stateOf(d), Provider: providerName(d.Type), Endpoint: r.endpoint(d)}
	if p.Organization, err = r.session.Organization(r.http.Context(), d.OrganizationID); err != nil {
		return err
	}
	if p.Last, err = r.session.LastDay(r.http.Context(), d); err != nil {
		return err
	}
	tokens, err := r.session.Tokens(r.http.Context(), d.ID, management.PageRequest{Limit: pageSize})
	if err != nil {
		return err
	}
	p.Tokens = tokens.Items
	if p.Changes, err = r.newestChanges(d.ID); err != nil {
		return err
	}
	path := "/directories/" + d.ID
	p.Curl = map[string]string{
		"read": r.curl(http.MethodGet, path, nil), "pause": r.curl(http.MethodPost, path+"/pause", nil), "resume": r.curl(http.MethodPost, path+"/resume", nil),
		"changes": r.curl(http.MethodGet, "/events?order=desc&directory="+d.ID, nil),
	}
	return r.render(view{
		Template: "directory", Title: d.Name, Section: organizations, Data: p,
		Crumbs: []crumb{{organizations.Name, organizations.Path}, {p.Organization.Name, organizationPath(d.OrganizationID)}},
	})
}

func pauseDirectory(r *request) error {
	d, err := r.session.PauseDirectory(r.http.Context(), r.http.PathValue("directory"))
	if err != nil {
		return err
	}
	return r.done(directoryPath(d.ID), "The directory is paused: its SCIM requests are refused.")
}

func resumeDirectory(r *request) error {
	d, err := r.session.ResumeDirectory(r.http.Context(), r.http.PathValue("directory"))
	if err != nil {
		return err
	}
	return r.done(directoryPath(d.ID), "The directory accepts SCIM requests again.")
}

// ago says how long ago something was, roughly.
func ago(at, now time.Time) string {
	d := now.Sub(at)
	for _, unit := range []struct {
		of   time.Duration
		name string
	}{{24 * time.Hour, "day"}, {time.Hour, "hour"}, {time.Minute, "minute"}} {
		if n := int(d / unit.of); n == 1 {
			return "1 " + unit.name + " ago"
		} else if n > 1 {
			return strconv.Itoa(n) + " " + unit.name + "s ago"
		}
	}
	return "just now"
}

package console

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"dsync/internal/management"
	"dsync/internal/settings"
	"dsync/internal/web"

	"golang.org/x/sync/errgroup"
)

var directoryRoutes = []Route{
	{Pattern: "GET " + Base + "/organizations/{organization}/directories/new", Scope: management.Manage, serve: func(r *request) error { return r.showNewDirectory(web.Form{}) }},
	{Pattern: "POST " + Base + "/organizations/{organization}/directories", Scope: management.Manage, serve: createDirectory},
	{Pattern: "GET " + Base + "/directories/{directory}", Scope: management.Read, serve: showDirectory},
	{Pattern: "POST " + Base + "/directories/{directory}/pause", Scope: management.Manage, serve: pauseDirectory},
	{Pattern: "POST " + Base + "/directories/{directory}/resume", Scope: management.Manage, serve: resumeDirectory},
}

func directoryPath(directoryID string) string { return Base + "/directories/" + directoryID }

// stateOf is the state of a directory in words.
func stateOf(d management.Directory) web.Badge {
	switch d.State {
	case management.Linked:
		return web.Good("Connected")
	case management.Validating:
		return web.Wait("Waiting for the first request")
	case management.Unlinked:
		return web.Bad("Paused")
	}
	return web.Off("Being deleted")
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

func (r *request) showNewDirectory(f web.Form) error {
	o, err := r.organization()
	if err != nil {
		return err
	}
	return r.render(view{
		Template: "new-directory", Title: "Add Directory", Section: organizations, Status: f.Status(),
		Crumbs: organizationCrumbs(o),
		Data: struct {
			Form      web.Form
			Providers []provider
			Action    string
			Back      string
			Curl      string
		}{f, providers, organizationPath(o.ID) + "/directories", organizationPath(o.ID),
			r.curl(http.MethodPost, "/directories", map[string]string{"organization_id": o.ID, "name": "Entra ID", "type": settings.Entra})},
	})
}

// createDirectory shows the secret of the first token on its answer.
func createDirectory(r *request) error {
	f, err := r.Form()
	if err != nil {
		return err
	}
	n := management.NewDirectory{OrganizationID: r.Request.PathValue("organization"), Name: strings.TrimSpace(f.Value("name")), Type: f.Value("type"), Settings: settings.Change{}}
	if policy := f.Value("deactivation_policy"); policy != "" {
		n.Settings["deactivation_policy"] = quotedJSON(policy)
	}
	if !slices.ContainsFunc(providers, func(p provider) bool { return p.Type == n.Type }) {
		f.Invalid("type", "Choose an identity provider.")
		return r.showNewDirectory(f)
	}
	d, _, secret, err := r.session.CreateDirectory(r.Request.Context(), n)
	if f.Refused(err) {
		return r.showNewDirectory(f)
	} else if err != nil {
		return err
	}
	return r.renderConnection(d, connection{Title: d.Name, Text: "The directory was created. It waits for the first request.", Secret: secret})
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
	return r.URL(r.console.scimBase + d.ExternalKey)
}

// directoryPage is what the page of a directory shows.
type directoryPage struct {
	Directory    management.Directory
	Organization management.Organization
	Path         string
	State        web.Badge
	Deleting     bool
	Counts       management.Counts
	Last         *management.Day
	Strip        web.Strip
	Reasons      []string
	Provider     string
	Endpoint     string
	Tokens       []tokenRow
	MayAddToken  bool // there are fewer active ones than a directory may have
	Lifetimes    []tokenLifetime
	Findings     []findingRow
	Notes        []findingRow // findings that inform
	SetupLinks   []setupLinkRow
	Changes      feed
	Curl         map[string]string // by action
}

func showDirectory(r *request) error {
	ctx := r.Request.Context()
	d, err := r.directory()
	if err != nil {
		return err
	}
	p := directoryPage{
		Directory: d, Path: directoryPath(d.ID), State: stateOf(d), Deleting: d.State == management.Deleting, Provider: providerName(d.Type), Endpoint: r.endpoint(d),
		MayAddToken: d.State != management.Deleting && r.activeTokens(d) < management.MaxTokens, Lifetimes: tokenLifetimes,
	}
	var reads errgroup.Group
	reads.Go(func() (err error) {
		p.Organization, err = r.session.Organization(ctx, d.OrganizationID)
		return err
	})
	reads.Go(func() error {
		a, err := r.session.Activity(ctx, d)
		p.Last, p.Strip = a.Day, web.StripOf(a.Hours)
		p.Reasons = directoryRow{Directory: d, Last: a.Day}.reasons(r.console.now())
		return err
	})
	reads.Go(func() error {
		tokens, err := r.session.Tokens(ctx, d.ID, management.PageRequest{Limit: pageSize})
		p.Tokens = r.tokenRows(tokens.Items)
		return err
	})
	reads.Go(func() error {
		counts, err := r.session.Counts(ctx, d.ID)
		p.Counts = counts[d.ID]
		return err
	})
	reads.Go(func() error {
		found, err := r.console.findings.get(d.ID, func() ([]management.Finding, error) { return r.session.Findings(ctx, d.ID) })
		p.Findings, p.Notes = findingRows(d.ID, found)
		return err
	})
	reads.Go(func() (err error) {
		p.SetupLinks, err = r.setupLinks(d.ID)
		return err
	})
	reads.Go(func() (err error) {
		p.Changes, err = r.newestChanges(d.ID)
		return err
	})
	if err := reads.Wait(); err != nil {
		return err
	}
	path := "/directories/" + d.ID
	p.Curl = map[string]string{
		"read": r.curl(http.MethodGet, path, nil), "changes": r.curl(http.MethodGet, "/events?order=desc&directory="+d.ID, nil),
		"pause": r.curl(http.MethodPost, path+"/pause", nil), "resume": r.curl(http.MethodPost, path+"/resume", nil),
		"findings": r.curl(http.MethodGet, path+"/findings", nil), "link": r.curl(http.MethodPost, path+"/setup_links", nil), "end": r.curl(http.MethodDelete, path+"/setup_links/$SETUP_LINK_ID", nil),
		"token": r.curl(http.MethodPost, path+"/tokens", map[string]any{"expires_at": nil}), "revoke": r.curl(http.MethodDelete, path+"/tokens/$TOKEN_ID", nil),
	}
	return r.render(view{
		Template: "directory", Title: d.Name, Section: organizations, Data: p,
		Crumbs: organizationCrumbs(p.Organization),
	})
}

// activeTokens is how many tokens of a directory can be used.
func (r *request) activeTokens(d management.Directory) (n int) {
	for _, t := range d.Tokens {
		if !t.Expired(r.console.now()) {
			n++
		}
	}
	return n
}

func pauseDirectory(r *request) error {
	d, err := r.session.PauseDirectory(r.Request.Context(), r.Request.PathValue("directory"))
	if err != nil {
		return err
	}
	return r.Done(directoryPath(d.ID), "The directory is paused: its SCIM requests are refused.")
}

func resumeDirectory(r *request) error {
	d, err := r.session.ResumeDirectory(r.Request.Context(), r.Request.PathValue("directory"))
	if err != nil {
		return err
	}
	return r.Done(directoryPath(d.ID), "The directory accepts SCIM requests again.")
}

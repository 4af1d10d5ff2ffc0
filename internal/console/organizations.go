package console

import (
	"cmp"
	"net/http"
	"strings"

	"dsync/internal/fault"
	"dsync/internal/id"
	"dsync/internal/management"
	"dsync/internal/web"
)

var organizationRoutes = []Route{
	{Pattern: "GET " + Base + "/organizations", Scope: management.Read, serve: listOrganizations},
	{Pattern: "GET " + Base + "/organizations/new", Scope: management.Manage, serve: func(r *request) error { return r.showNewOrganization(web.Form{}) }},
	{Pattern: "POST " + Base + "/organizations", Scope: management.Manage, serve: createOrganization},
	{Pattern: "GET " + Base + "/organizations/{organization}", Scope: management.Read, serve: showOrganization},
	{Pattern: "GET " + Base + "/organizations/{organization}/edit", Scope: management.Manage, serve: showOrganizationForm},
	{Pattern: "POST " + Base + "/organizations/{organization}/edit", Scope: management.Manage, serve: changeOrganization},
}

func organizationPath(organizationID string) string {
	return organizations.Path + "/" + organizationID
}

func listOrganizations(r *request) error {
	search := r.Search("search")
	if id.Organization.Valid(search) {
		return r.Redirect(organizationPath(search))
	}
	found, err := r.session.Organizations(r.Request.Context(), nil, search, r.pageRequest())
	if err == nil && search != "" && len(found.Items) == 0 && found.After == "" {
		found, err = r.organizationsKeyed(search)
	}
	if err != nil {
		return err
	}
	return r.render(view{Template: "organizations", Title: "Organizations", Section: organizations, Data: struct {
		Organizations []management.Organization
		Search        string
		Order         sorting
		Pager         web.Pager
		Curl          string
	}{found.Items, search, r.order(), pagerOf(r, found), r.curl(http.MethodGet, web.WithQuery("/organizations", "search", search), nil)}})
}

// organizationsKeyed finds organizations by external id, or else by domain.
func (r *request) organizationsKeyed(key string) (management.Page[management.Organization], error) {
	o, err := r.session.OrganizationByExternalID(r.Request.Context(), key)
	if err == nil {
		return management.Page[management.Organization]{Items: []management.Organization{o}}, nil
	}
	if fault.KindOf(err) != fault.NotFound {
		return management.Page[management.Organization]{}, err
	}
	found, err := r.session.Organizations(r.Request.Context(), []string{key}, "", r.pageRequest())
	if fault.KindOf(err) == fault.Invalid { // no domain
		return found, nil
	}
	return found, err
}

func (r *request) showNewOrganization(f web.Form) error {
	return r.render(view{
		Template: "new-organization", Title: "New organization", Section: organizations, Status: f.Status(),
		Crumbs: organizations.under(),
		Data: struct {
			Form web.Form
			Curl string
		}{f, r.curl(http.MethodPost, "/organizations", map[string]string{"name": cmp.Or(f.Value("name"), "Acme Inc.")})},
	})
}

func createOrganization(r *request) error {
	f, err := r.Form()
	if err != nil {
		return err
	}
	u := management.OrganizationUpdate{}
	if name := strings.TrimSpace(f.Value("name")); name != "" {
		u.Name = &name
	}
	if externalID := strings.TrimSpace(f.Value("external_id")); externalID != "" {
		u.ExternalID = &externalID
	}
	if domains := domainsOf(f.Value("domain_data")); len(domains) > 0 {
		u.Domains = &domains
	}
	created, err := r.session.CreateOrganization(r.Request.Context(), u)
	if f.Refused(err) {
		return r.showNewOrganization(f)
	} else if err != nil {
		return err
	}
	return r.Done(organizationPath(created.ID), "The organization was created.")
}

// domainsOf reads domains that are separated by spaces or commas.
func domainsOf(text string) (domains []management.NewDomain) {
	for _, d := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ';' || r <= ' ' }) {
		domains = append(domains, management.NewDomain{Domain: d})
	}
	return domains
}

func showOrganization(r *request) error {
	o, err := r.organization()
	if err != nil {
		return err
	}
	found, err := r.session.Directories(r.Request.Context(), o.ID, "", r.pageRequest())
	if err != nil {
		return err
	}
	rows, err := r.directoryRows(found.Items)
	if err != nil {
		return err
	}
	return r.render(view{
		Template: "organization", Title: o.Name, Section: organizations,
		Crumbs: organizations.under(),
		Data: struct {
			Organization management.Organization
			Directories  []directoryRow
			Pager        web.Pager
			Path         string
			Curl         string
		}{o, rows, pagerOf(r, found), organizationPath(o.ID), r.curl(http.MethodGet, "/directories?organization_id="+o.ID, nil)},
	})
}

package console

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"dsync/internal/management"
	"dsync/internal/web"
)

// removed is what the form says of a domain instead of a state.
const removed = "remove"

// domainRow is a domain in the form of an organization.
type domainRow struct{ Name, Domain, State string }

// domainRows are the domains in a form.
func domainRows(f web.Form) (rows []domainRow) {
	for n := range management.MaxDomains {
		name := strconv.Itoa(n)
		domain := f.Value("domain." + name)
		if domain == "" {
			break
		}
		rows = append(rows, domainRow{name, domain, f.Value("state." + name)})
	}
	return rows
}

func showOrganizationForm(r *request) error {
	o, err := r.organization()
	if err != nil {
		return err
	}
	values := url.Values{"name": {o.Name}, "external_id": {o.ExternalID}}
	for n, d := range o.Domains {
		values.Set("domain."+strconv.Itoa(n), d.Domain)
		values.Set("state."+strconv.Itoa(n), d.State)
	}
	return r.renderOrganizationForm(o, web.Filled(values))
}

func (r *request) renderOrganizationForm(o management.Organization, f web.Form) error {
	path := organizationPath(o.ID)
	return r.render(view{
		Template: "edit-organization", Title: "Edit organization", Section: organizations, Status: f.Status(),
		Crumbs: organizationCrumbs(o),
		Data: struct {
			Form    web.Form
			Domains []domainRow
			States  []string
			Path    string
			Curl    string
		}{f, domainRows(f), slices.Concat(management.DomainStates, []string{removed}), path, r.curl(http.MethodPut, "/organizations/"+o.ID, map[string]string{"name": f.Value("name")})},
	})
}

func changeOrganization(r *request) error {
	f, err := r.Form()
	if err != nil {
		return err
	}
	name, externalID := strings.TrimSpace(f.Value("name")), strings.TrimSpace(f.Value("external_id"))
	domains := []management.NewDomain{}
	for _, d := range domainRows(f) {
		if d.State != removed {
			domains = append(domains, management.NewDomain{Domain: strings.TrimSpace(d.Domain), State: d.State})
		}
	}
	domains = append(domains, domainsOf(f.Value("domain_data"))...)
	organizationID := r.Request.PathValue("organization")
	_, err = r.session.UpdateOrganization(r.Request.Context(), organizationID, management.OrganizationUpdate{Name: &name, ExternalID: &externalID, Domains: &domains})
	if f.Refused(err) {
		o, err := r.session.Organization(r.Request.Context(), organizationID)
		if err != nil {
			return err
		}
		return r.renderOrganizationForm(o, f)
	} else if err != nil {
		return err
	}
	return r.Done(organizationPath(organizationID), "The organization was saved.")
}

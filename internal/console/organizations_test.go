package console_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"dsync/internal/management"
)

// The form saves what it shows, changes states, removes and adds domains, and keeps
// what was refused.
func TestEditOrganization(t *testing.T) {
	w := newWorld(t)
	operator := w.signIn("operator")
	path := "/console/organizations/" + w.organization + "/edit"
	save := func(values url.Values) *http.Response { return w.send("POST", path, host, values, operator) }
	domains := func() (all []string) {
		o, err := w.session().Organization(t.Context(), w.organization)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range o.Domains {
			all = append(all, d.Domain+" "+d.State)
		}
		return all
	}
	if r := save(url.Values{"name": {"Acme"}, "external_id": {"42"}, "domain_data": {"acme.example, b.example"}}); r.StatusCode != http.StatusSeeOther {
		t.Fatalf("%d %.300s", r.StatusCode, body(t, r))
	}
	page := body(t, w.send("GET", path, "", nil, operator))
	for _, part := range []string{`name="domain.1" value="b.example"`, `name="external_id" type="text" value="42"`} {
		if !strings.Contains(page, part) {
			t.Errorf("the form has no %s", part)
		}
	}
	values := url.Values{"name": {"Acme"}, "external_id": {""}, "domain.0": {"acme.example"}, "state.0": {"verified"}, "domain.1": {"b.example"}, "state.1": {"remove"}, "domain_data": {"c.example"}}
	if r := save(values); r.StatusCode != http.StatusSeeOther || !slices.Equal(domains(), []string{"acme.example verified", "c.example pending"}) {
		t.Errorf("%d %v", r.StatusCode, domains())
	}
	values.Set("domain_data", "no domain")
	r := save(values)
	if page := body(t, r); r.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(page, `value="no domain"`) || !strings.Contains(page, "must be a domain") {
		t.Errorf("%d %.300s", r.StatusCode, page)
	}
}

// An organization is found by a part of its name, and by its keys.
func TestSearchOrganizations(t *testing.T) {
	w := newWorld(t)
	viewer := w.signIn("viewer")
	key, other := "crm/7", "Globex"
	if _, err := w.session().UpdateOrganization(t.Context(), w.organization, management.OrganizationUpdate{ExternalID: &key, Domains: &[]management.NewDomain{{Domain: "acme.example"}}}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.session().CreateOrganization(t.Context(), management.OrganizationUpdate{Name: &other}); err != nil {
		t.Fatal(err)
	}
	for text, found := range map[string]bool{"cme": true, "ACME": true, "crm/7": true, "acme.example": true, "crm": false, "nobody": false, "\u202e": false, strings.Repeat("x", 5000): false} {
		page := body(t, w.send("GET", "/console/organizations?"+url.Values{"search": {text}}.Encode(), "", nil, viewer))
		if strings.Contains(page, organizationLink(w.organization)) != found || strings.Contains(page, ">Globex<") {
			t.Errorf("%.20q: found %v, or another: %.300s", text, !found, page)
		}
	}
	if r := w.send("GET", "/console/organizations?search="+w.organization, "", nil, viewer); r.Header.Get("Location") != "/console/organizations/"+w.organization {
		t.Errorf("the id leads to %q", r.Header.Get("Location"))
	}
	for _, cursor := range []string{"x", strings.Repeat("x", 5000)} {
		for _, path := range []string{"/console/organizations", "/console/changes", "/console/changes/news", "/console/directories/" + w.directory, "/console/directories/" + w.directory + "/changes", "/console/directories/" + w.directory + "/users"} {
			for _, name := range []string{"after", "before", "older"} {
				if r := w.send("GET", path+"?"+name+"="+cursor, "", nil, viewer); r.StatusCode >= 500 {
					t.Errorf("%s with the %s %.5s: %d", path, name, cursor, r.StatusCode)
				}
			}
		}
	}
}

func organizationLink(organizationID string) string {
	return `href="/console/organizations/` + organizationID + `"`
}

package console

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"dsync/internal/fault"
	"dsync/internal/management"
	"dsync/internal/scim"
	"dsync/internal/web"
)

var keyRoutes = []Route{
	{Pattern: "GET " + Base + "/api-keys", Scope: management.Keys, serve: listKeys},
	{Pattern: "GET " + Base + "/api-keys/new", Scope: management.Keys, serve: func(r *request) error { return r.showNewKey(web.Form{}) }},
	{Pattern: "POST " + Base + "/api-keys", Scope: management.Keys, serve: createKey},
	{Pattern: "POST " + Base + "/api-keys/{key}/revoke", Scope: management.Keys, serve: revokeKey},
}

// scopes are the choices of a new key, in the order of management.Scopes.
var scopes = []choice{
	{management.Read, "Read everything but the API keys and the sessions of the console."},
	{management.Manage, "Read and change everything but the API keys and the sessions of the console."},
	{management.Keys, "Create, list and revoke API keys, list and end sessions of the console."},
	{management.Read + " " + management.Keys, "Both read and keys."},
	{management.Manage + " " + management.Keys, "Everything."},
}

// keyLifetimes are the choices of how many days a new key lasts; "" is for ever.
var keyLifetimes = []choice{{"", "Never"}, {"30", "In 30 days"}, {"90", "In 90 days"}, {"365", "In 365 days"}}

func listKeys(r *request) error {
	found, err := r.session.APIKeys(r.Request.Context(), r.pageRequest())
	if err != nil {
		return err
	}
	return r.render(view{Template: "api-keys", Title: "API keys", Section: apiKeys, Data: struct {
		Keys  []management.APIKey
		Pager web.Pager
		Curl  []choice
	}{found.Items, pagerOf(r, found), []choice{
		{r.curl(http.MethodGet, "/api_keys", nil), "List"}, {r.curl(http.MethodDelete, "/api_keys/api_key_…", nil), "Revoke"},
	}}})
}

func (r *request) showNewKey(f web.Form) error {
	body := map[string]any{"name": cmp.Or(f.Value("name"), "billing service"), "scope": cmp.Or(f.Value("scope"), management.Read)}
	if organizationID := f.Value("organization_id"); organizationID != "" {
		body["organization_id"] = organizationID
	}
	return r.render(view{
		Template: "new-api-key", Title: "New API key", Section: apiKeys, Status: f.Status(),
		Crumbs: apiKeys.under(),
		Data: struct {
			Form      web.Form
			Scopes    []choice
			Lifetimes []choice
			Curl      string
		}{f, scopes, keyLifetimes, r.curl(http.MethodPost, "/api_keys", body)},
	})
}

// createKey shows the value of the key on its answer, as createDirectory does.
func createKey(r *request) error {
	f, err := r.Form()
	if err != nil {
		return err
	}
	n := management.NewAPIKey{Name: strings.TrimSpace(f.Value("name")), Scope: f.Value("scope"), OrganizationID: strings.TrimSpace(f.Value("organization_id"))}
	if days := f.Value("expires"); days != "" {
		count, err := strconv.Atoi(days)
		if err != nil || !slices.ContainsFunc(keyLifetimes, func(c choice) bool { return c.Value == days }) {
			f.Invalid("expires", "Choose when the key expires.")
			return r.showNewKey(f)
		}
		n.Expires = r.console.now().Add(time.Duration(count) * day).UTC().Truncate(time.Second)
	}
	created, value, err := r.session.CreateAPIKey(r.Request.Context(), n)
	if n.OrganizationID != "" && fault.KindOf(err) == fault.NotFound {
		f.Invalid("organization_id", "No organization has this ID.")
		return r.showNewKey(f)
	}
	if f.Refused(err) {
		return r.showNewKey(f)
	} else if err != nil {
		return err
	}
	return r.render(view{
		Template: "api-key-created", Title: created.Name, Section: apiKeys, Status: http.StatusCreated,
		Crumbs: apiKeys.under(),
		Data: struct {
			Key                  management.APIKey
			Path, Value, Expires string
		}{created, apiKeys.Path, value, expiryOf(created.Expires)},
	})
}

// expiryOf is a time of expiry in the form of the REST API, "" for never.
func expiryOf(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return scim.Timestamp(t)
}

func revokeKey(r *request) error {
	if err := r.session.RevokeAPIKey(r.Request.Context(), r.Request.PathValue("key")); err != nil {
		return err
	}
	return r.Done(apiKeys.Path, "The API key was revoked. It stops working within 10 seconds.")
}

package isolation

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"dsync/infra/topology"
	"dsync/internal/api"
	"dsync/internal/console"
	"dsync/internal/scim"
	"dsync/internal/setup"
)

// public is what answers whoever asks, because it says nothing of anybody.
var public = []string{"GET /openapi.json"}

var methods = []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodHead, http.MethodOptions}

// ask is a request on a route. In its path and body {directory}, {user} and so
// on stand for values of the one whom it is about.
type ask struct {
	function, key string // of the topology
	scim          bool   // else REST, or the console
	console       bool
	route         *api.Route
	method, path  string
	body          string
}

func (a ask) String() string { return a.method + " " + a.path }

// bare reports whether the path is below no Tenant URL: there is nothing,
// whoever asks.
func (a ask) bare() bool { return a.scim && !strings.Contains(a.path, "{external_key}") }

// asks are requests for every route of the topology.
func asks(t *testing.T) (all []ask) {
	t.Helper()
	served := map[string]bool{} // patterns of the REST API
	for _, f := range topology.Dsync().Functions {
		for _, key := range f.Routes {
			before := len(all)
			method, path, _ := strings.Cut(key, " ")
			switch {
			case key == "$default":
				all = append(all, each("ANY", elsewhere...)...)
			case f.Role == topology.ServesConsole:
				all = append(all, pages(path)...)
			case f.Role == topology.ServesSetup:
				all = append(all, setupPages(path)...)
			case strings.HasPrefix(path, tenant):
				all = append(all, each(method, below(t, path)...)...)
			default:
				all = append(all, rest(t, method, path, served)...)
			}
			for i := range all[before:] {
				all[before+i].function, all[before+i].key = f.Name, key
			}
			if len(all) == before {
				t.Errorf("%s of the function %s: there is no request for it", key, f.Name)
			}
		}
	}
	for _, r := range api.Routes() {
		if !served[r.Pattern] {
			t.Errorf("%s %s: no route of the topology leads there", r.Method, r.Pattern)
		}
	}
	return all
}

const tenant = "/scim/v2.0/{external_key}"

// elsewhere is what $default gets: all that no route names.
var elsewhere = []string{
	tenant, tenant + "/", tenant + "/ServiceProviderConfig", tenant + "/ResourceTypes", tenant + "/ResourceTypes/User",
	tenant + "/Schemas", tenant + "/Schemas/" + scim.UserURN, tenant + "/Me", tenant + "/Bulk", tenant + "/.search", tenant + "/nothing",
	tenant + "//Users", tenant + "//Users/{user}", tenant + "//Groups", tenant + "//Groups/{group}",
	"/", "/nothing", "/scim/v2.0", "/scim/v2.0/",
}

// below are paths of a SCIM endpoint's route.
func below(t *testing.T, path string) []string {
	t.Helper()
	endpoint, greedy := strings.CutSuffix(path, "/{proxy+}")
	resource := map[string]string{tenant + "/Users": "user", tenant + "/Groups": "group"}[endpoint]
	switch {
	case resource == "":
		t.Errorf("%s: what is there to ask for?", path)
		return nil
	case greedy:
		return []string{endpoint + "/", endpoint + "/{" + resource + "}", endpoint + "/.search", endpoint + "/{" + resource + "}/nothing"}
	}
	return []string{endpoint, endpoint + `?filter=` + map[string]string{"user": "userName", "group": "displayName"}[resource] + `+eq+%22{name}%22`}
}

// each is every method on each of the paths.
func each(method string, paths ...string) (all []ask) {
	for _, path := range paths {
		for _, m := range allowed(method) {
			all = append(all, ask{scim: true, method: m, path: path, body: resourceBody(m, path)})
		}
	}
	return all
}

func allowed(method string) []string {
	if method == "ANY" {
		return methods
	}
	return []string{method}
}

// resourceBody is a body with which whoever may changes something.
func resourceBody(method, path string) string {
	const user, group = `{"schemas":["` + scim.UserURN + `"],"userName":"intruder@x.example"}`, `{"schemas":["` + scim.GroupURN + `"],"displayName":"Intruders"}`
	created, endpoint := user, "/Users"
	if strings.Contains(path, "/Groups") {
		created, endpoint = group, "/Groups"
	}
	switch {
	case method == http.MethodPost && strings.HasSuffix(path, "/.search"):
		return `{"schemas":["` + scim.SearchURN + `"]}`
	case method == http.MethodPost && strings.HasSuffix(path, "/Bulk"):
		return `{"schemas":["` + scim.BulkRequestURN + `"],"Operations":[{"method":"POST","path":"` + endpoint + `","bulkId":"1","data":` + created + `}]}`
	case method == http.MethodPost, method == http.MethodPut:
		return created
	case method == http.MethodPatch:
		return `{"schemas":["` + scim.PatchOpURN + `"],"Operations":[{"op":"replace","path":"displayName","value":"Intruder"}]}`
	}
	return ""
}

// pages are the requests on a route of the console: each of its pages and actions
// that are not public, with the method that it has and one that it has not.
func pages(path string) (all []ask) {
	base, greedy := strings.CutSuffix(path, "/{proxy+}")
	for _, r := range console.Routes() {
		method, pattern, _ := strings.Cut(r.Pattern, " ")
		pattern = strings.TrimSuffix(pattern, "{$}")
		if r.Scope == console.Public || greedy != strings.HasPrefix(pattern, base+"/") {
			continue
		}
		pattern = strings.NewReplacer("{key}", "api_key_01ARZ3NDEKTSV4RRFFQ69G5FAV", "{session}", "console_session_01ARZ3NDEKTSV4RRFFQ69G5FAV", "{link}", "setup_link_01ARZ3NDEKTSV4RRFFQ69G5FAV").Replace(pattern)
		for _, m := range []string{method, http.MethodPut} {
			all = append(all, ask{console: true, method: m, path: pattern})
		}
	}
	if greedy {
		all = append(all, ask{console: true, method: http.MethodGet, path: base + "/nothing/at/all"})
	}
	return all
}

// setupPages are the requests on a route of the setup page that need a session, with the
// method that it has and one that it has not. A link that is none needs one, too.
func setupPages(path string) (all []ask) {
	base, greedy := strings.CutSuffix(path, "/{proxy+}")
	if !greedy {
		return []ask{{console: true, method: http.MethodPut, path: base}}
	}
	for _, r := range setup.Routes() {
		if r.Public {
			continue
		}
		method, pattern, _ := strings.Cut(r.Pattern, " ")
		pattern = strings.NewReplacer("{token}", "{token}", "{script}", "connect-entra.sh").Replace(pattern)
		for _, m := range []string{method, http.MethodPut} {
			all = append(all, ask{console: true, method: m, path: pattern})
		}
	}
	return append(all, ask{console: true, method: http.MethodGet, path: base + "/"}, ask{console: true, method: http.MethodGet, path: base + "/nothing/at/all"})
}

// rest are the requests on a route of the REST API: every method on each path
// that the API has there, and on one that it has not. served notes the paths.
func rest(t *testing.T, method, path string, served map[string]bool) (all []ask) {
	t.Helper()
	base, greedy := strings.CutSuffix(path, "/{proxy+}")
	patterns := map[string][]api.Route{}
	for _, r := range api.Routes() {
		if r.Pattern == path || greedy && strings.HasPrefix(r.Pattern, base+"/") {
			patterns[r.Pattern] = append(patterns[r.Pattern], r)
			served[r.Pattern] = true
		}
	}
	if greedy {
		patterns[base+"/{id}/nothing/at/all"] = nil
	} else if patterns[path] == nil {
		patterns[path] = nil // a route, and nothing there
	}
	for _, pattern := range slices.Sorted(maps.Keys(patterns)) {
		for _, m := range allowed(method) {
			if slices.Contains(public, m+" "+pattern) {
				continue
			}
			a := ask{method: m, path: named(t, base, pattern) + neededQuery[pattern]}
			if i := slices.IndexFunc(patterns[pattern], func(r api.Route) bool { return r.Method == m }); i >= 0 {
				a.route = &patterns[pattern][i]
				a.body = fieldsBody(t, a.route.Body)
			}
			all = append(all, a)
			if m != http.MethodGet {
				continue
			}
			for _, query := range queries[pattern] {
				a.path = named(t, base, pattern) + query
				all = append(all, a)
			}
		}
	}
	return all
}

// neededQuery is what a list cannot do without.
var neededQuery = map[string]string{"/directory_users": "?directory={directory}", "/directory_groups": "?user={user}"}

// queries are more requests on lists, whose parameters name an owner.
var queries = map[string][]string{
	"/organizations":         {"?domains={domain}", "?search={external_id}"},
	"/directories":           {"?organization_id={organization}"},
	"/directory_users":       {"?group={group}", "?directory={directory}&group={group}", "?directory={directory}&email={name}"},
	"/directory_groups":      {"?directory={directory}", "?directory={directory}&user={user}"},
	"/events":                {"?organization_id={organization}", "?directory={directory}", "?after={event}", "?before={event}", "?directory={directory}&after={event}"},
	"/audit_events":          {"?organization_id={organization}", "?directory_id={directory}", "?organization_id={organization}&directory_id={directory}"},
	"/directory_users/{id}":  {"?directory={directory}"},
	"/directory_groups/{id}": {"?directory={directory}"},
}

// named is a pattern whose parameters say of what they are.
func named(t *testing.T, base, pattern string) string {
	t.Helper()
	kinds := map[string]string{
		"/organizations": "organization", "/directories": "directory", "/directory_users": "user", "/directory_groups": "group", "/jobs": "job", "/api_keys": "api_key",
		"/console_sessions": "console_session",
	}
	if strings.Contains(pattern, "{id}") && kinds[base] == "" {
		t.Errorf("%s: an id of what?", pattern)
	}
	return strings.NewReplacer("{id}", "{"+kinds[base]+"}", "{token_id}", "{token}", "{setup_link_id}", "{setup_link}", "{external_id+}", "{external_id}").Replace(pattern)
}

// fieldsBody is a body with which whoever may does what the route is for.
func fieldsBody(t *testing.T, fields []api.Field) string {
	t.Helper()
	examples := map[string]any{"name": "Intruder", "organization_id": "{organization}", "organization": "{organization}", "scope": "manage"}
	body := map[string]any{}
	for _, f := range fields {
		if v, ok := examples[f.Name]; ok {
			body[f.Name] = v
		} else if f.Required {
			t.Errorf("what is a %s?", f.Name)
		}
	}
	b, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

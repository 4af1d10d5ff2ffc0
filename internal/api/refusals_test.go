package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"dsync/internal/api"
	"dsync/internal/id"
	"dsync/internal/management"
)

const nobody = "01ARZ3NDEKTSV4RRFFQ69G5FAV"

// full is a world with one object of each kind, and what stands for each
// parameter of a path.
func full(t *testing.T) (w *world, path func(pattern string) string, scimSecret string) {
	t.Helper()
	w = open(t)
	org := text(w.must(t, 201, "POST", "/organizations", `{"name":"Acme","external_id":"acme","domain_data":[{"domain":"acme.example"}]}`), "id")
	d := w.directory(t, org, "Entra")
	user := d.user(t, "ada")
	group := d.group(t, "everybody", user)
	w.must(t, 200, "PATCH", "/directories/"+d.id, `{"settings":{"raw_attributes":false}}`)
	tokens, _, _ := ids(t, w.call(t, w.read, "GET", "/directories/"+d.id+"/tokens", ""))
	jobs, _, _ := ids(t, w.call(t, w.read, "GET", "/directories/"+d.id+"/jobs", ""))
	key := text(w.must(t, 201, "POST", "/api_keys", `{"name":"x","scope":"read"}`), "id")
	person, _ := w.person(t, "Ada Lovelace", management.Viewer)
	link := text(w.must(t, 201, "POST", "/directories/"+d.id+"/setup_links", ""), "id")
	byPrefix := map[string]string{
		"/console_sessions/": person,
		"/organizations/":    org, "/directories/": d.id, "/directory_users/": user, "/directory_groups/": group, "/jobs/": jobs[0], "/api_keys/": key,
	}
	return w, func(pattern string) string {
		for prefix, id := range byPrefix {
			if strings.HasPrefix(pattern, prefix) {
				return strings.NewReplacer("{id}", id, "{token_id}", tokens[0], "{setup_link_id}", link, "{external_id+}", "acme").Replace(pattern)
			}
		}
		return pattern
	}, d.secret
}

// body is a body with all fields of a route that must be given, or one of them
// as it is told.
func body(fields []api.Field, name, value string) string {
	examples := map[string]string{"name": `"x"`, "organization_id": `"org_` + nobody + `"`, "organization": `"org_` + nobody + `"`, "scope": `"read"`}
	o := map[string]json.RawMessage{}
	for _, f := range fields {
		if f.Required {
			o[f.Name] = json.RawMessage(examples[f.Name])
		}
	}
	if value != "" {
		o[name] = json.RawMessage(value)
	} else {
		delete(o, name)
	}
	b, _ := json.Marshal(o)
	return string(b)
}

// routes are those that take a key.
func routes() []api.Route {
	return slices.DeleteFunc(api.Routes(), func(r api.Route) bool { return r.Scope == api.Public })
}

// Whoever has no good key learns nothing, on any path.
func TestUnauthorized(t *testing.T) {
	w, path, scimSecret := full(t)
	revoked := w.must(t, 201, "POST", "/api_keys", `{"name":"x","scope":"manage"}`)
	w.must(t, 204, "DELETE", "/api_keys/"+text(revoked, "id"), "")
	expired := w.must(t, 201, "POST", "/api_keys", `{"name":"x","scope":"manage","expires_at":"`+w.clock.now().Add(time.Minute).UTC().Format(time.RFC3339)+`"}`)
	w.clock.advance(time.Minute)
	other := open(t).manage
	broken := w.manage[:len(w.manage)-1] + string('A'+(w.manage[len(w.manage)-1]+1)%26)
	before := w.records(t)
	for _, r := range append(routes(), api.Route{Method: "GET", Pattern: "/nothing"}, api.Route{Method: "GET", Pattern: "/"}) {
		for name, key := range map[string]string{
			"none": "", "nonsense": "nonsense", "of SCIM": scimSecret, "broken": broken, "of another system": other,
			"revoked": text(revoked, "value"), "expired": text(expired, "value"),
		} {
			s := w.call(t, key, r.Method, path(r.Pattern), body(r.Body, "", ""))
			if s.status != 401 || s.body != `{"message":"Unauthorized"}`+"\n" || s.header.Get("X-Request-Id") != "request-1" || s.header.Get("WWW-Authenticate") == "" {
				t.Errorf("%s %s, key %s: %d %s", r.Method, r.Pattern, name, s.status, s.body)
			}
		}
		if s := w.call(t, "", r.Method, path(r.Pattern), "", "Authorization", "Basic "+w.manage); s.status != 401 {
			t.Errorf("Basic: %d", s.status)
		}
	}
	w.unchanged(t, before)
}

// wrong are values that are none of a kind of parameter.
func wrong(p api.Parameter) []string {
	switch p.Kind {
	case api.ID:
		other := id.Organization
		if p.Of == other {
			other = id.User
		}
		return []string{"x", nobody, p.Of.Of("01"), p.Of.Of(strings.ToLower(nobody)), other.Of(nobody), p.Of.Of(nobody) + "x", "*"}
	case api.Number:
		return []string{"0", "101", "-1", "1.5", "01", "%2B1", "ten", "1e1", "99999999999999999999"}
	case api.Choice:
		return []string{"up", "ASC", "1"}
	case api.Time:
		return []string{"yesterday", "2026-13-01", "2026-01-31T12:00:00", "1767225600"}
	}
	return []string{strings.Repeat("x", 1025)}
}

// What is wrong with a request is told in the documented shape, and nothing is
// written: every route, every parameter, every member of every body.
func TestBadInput(t *testing.T) {
	w, path, _ := full(t)
	before := w.records(t)
	for _, r := range api.Routes() {
		name := r.Method + " " + r.Pattern
		call := func(query, body string, header ...string) said {
			return w.call(t, w.manage, r.Method, path(r.Pattern)+query, body, header...)
		}
		full := body(r.Body, "", "")
		invalid(t, name+": unknown parameter", call("?colour=red", full), "colour")
		if s := call("?a=%zz", full); s.status != 400 || s.object(t)["code"] != "invalid_query" {
			t.Errorf("%s: %d %s", name, s.status, s.body)
		}
		has := func(n string) bool {
			return slices.ContainsFunc(r.Parameters, func(p api.Parameter) bool { return p.Name == n })
		}
		for _, p := range r.Parameters {
			for _, v := range wrong(p) {
				invalid(t, name+": "+p.Name+"="+v, call("?"+p.Name+"="+v, full), p.Name)
			}
			if p.Kind != api.Texts {
				good := map[api.Kind]string{api.ID: p.Of.Of(nobody), api.Number: "1", api.Choice: "asc", api.Time: "2026-01-31", api.Text: "x"}[p.Kind]
				invalid(t, name+": "+p.Name+" twice", call("?"+p.Name+"="+good+"&"+p.Name+"="+good, full), p.Name)
			}
		}
		if has("after") {
			i := slices.IndexFunc(r.Parameters, func(p api.Parameter) bool { return p.Name == "after" })
			cursor := "x"
			if of := r.Parameters[i].Of; of != "" {
				cursor = of.Of(nobody)
			}
			invalid(t, name+": after and before", call("?after="+cursor+"&before="+cursor, full), "before")
		}
		if r.Method == http.MethodGet || r.Method == http.MethodDelete {
			continue
		}
		for _, b := range []string{`[]`, `"x"`, `null`, `{"name":`, full + full, `1`, "\xff", "{\"name\":\"Ren\xe9\"}", `{"name":"\ud800"}`, `{"name":"\u0000"}`} {
			if s := call("", b); s.status != 400 || s.object(t)["code"] != "invalid_json" || len(s.object(t)) != 2 {
				t.Errorf("%s %q: %d %s", name, b, s.status, s.body)
			}
		}
		if s := call("", full, "Content-Type", "text/xml"); s.status != 415 || s.object(t)["code"] != "unsupported_media_type" {
			t.Errorf("%s: %d %s", name, s.status, s.body)
		}
		large := `{"x":"` + strings.Repeat("x", api.MaxBody) + `"}`
		if s := call("", large[:api.MaxBody+1]); s.status != 413 || s.object(t)["code"] != "body_too_large" {
			t.Errorf("%s: %d %s", name, s.status, s.body)
		}
		if s := call("", large[:api.MaxBody]); s.status != 400 {
			t.Errorf("%s: a body at the limit: %d", name, s.status)
		}
		invalid(t, name+": unknown member", call("", body(r.Body, "colour", `"red"`)), "colour")
		for _, f := range r.Body {
			for _, v := range []string{`1`, `true`, `"x"`, `[]`, `["x"]`, `{}`, `{"x":1}`, `null`} {
				if fits(f, v) {
					continue
				}
				invalid(t, name+": "+f.Name+" "+v, call("", body(r.Body, f.Name, v)), f.Name)
			}
			if f.Required {
				invalid(t, name+": no "+f.Name, call("", body(r.Body, f.Name, "")), f.Name)
			}
			if f.Name == "name" {
				invalid(t, name+": control character", call("", body(r.Body, f.Name, `"a\nb"`)), f.Name)
				invalid(t, name+": empty", call("", body(r.Body, f.Name, `""`)), f.Name)
			}
		}
	}
	for name, c := range map[string]struct{ method, path, body, field string }{
		"organization_id of another kind": {"POST", "/directories", `{"name":"x","organization_id":"directory_` + nobody + `"}`, "organization_id"},
		"type of nobody":                  {"POST", "/directories", `{"name":"x","organization_id":"org_` + nobody + `","type":"workday"}`, "type"},
		"domain twice":                    {"POST", "/organizations", `{"name":"x","domain_data":[{"domain":"a.b"},{"domain":"A.B"}]}`, "domain_data.1.domain"},
		"domain that is none":             {"POST", "/organizations", `{"name":"x","domain_data":[{"domain":"a b"}]}`, "domain_data.0.domain"},
		"domain without a name":           {"POST", "/organizations", `{"name":"x","domain_data":[{"state":"pending"}]}`, "domain_data.0.domain"},
		"state of a domain":               {"POST", "/organizations", `{"name":"x","domain_data":[{"domain":"a.b","state":"failed"}]}`, "domain_data.0.state"},
		"unknown member of a domain":      {"POST", "/organizations", `{"name":"x","domain_data":[{"domain":"a.b","x":1}]}`, "domain_data.0.x"},
		"metadata key":                    {"POST", "/organizations", `{"name":"x","metadata":{"":"v"}}`, "metadata"},
		"users of nothing":                {"GET", "/directory_users", "", "directory"},
		"groups of nothing":               {"GET", "/directory_groups", "", "directory"},
		"idp_id alone":                    {"GET", "/directory_users?group=directory_group_" + nobody + "&idp_id=x", "", "idp_id"},
		"name alone":                      {"GET", "/directory_groups?user=directory_user_" + nobody + "&name=x", "", "name"},
		"email alone":                     {"GET", "/directory_users?email=x", "", "directory"},
		"idp_id and email":                {"GET", "/directory_users?directory=directory_" + nobody + "&email=x&idp_id=x", "", "email"},
		"domains that are none":           {"GET", "/organizations?domains=a", "", "domains"},
		"events of two":                   {"GET", "/events?organization_id=org_" + nobody + "&directory=directory_" + nobody, "", "organization_id"},
	} {
		invalid(t, name, w.call(t, w.manage, c.method, c.path, c.body), c.field)
	}
	if s := w.call(t, w.manage, "GET", "/directory_users", ""); s.body != `{"errors":[{"field":"directory","code":"Please provide either \"directory\" or \"group\" parameters."},{"field":"group","code":"Please provide either \"directory\" or \"group\" parameters."}],"message":"Validation failed"}`+"\n" {
		t.Errorf("not as WorkOS says it: %s", s.body)
	}
	w.unchanged(t, before)
}

func fits(f api.Field, v string) bool {
	switch v {
	case `"x"`:
		return f.Type == api.String
	case `{}`:
		return f.Type == api.Object || f.Type == api.Strings
	case `{"x":1}`:
		return f.Type == api.Object // for the domain to refuse
	case `[]`:
		return f.Type == api.Array || f.Type == api.TextList
	case `["x"]`:
		return f.Type == api.TextList // for the domain to refuse
	case `null`:
		return f.Nullable
	}
	return false
}

// What is not there is 404, on every path and for every id, and 405 tells what
// a path can do.
func TestNotFound(t *testing.T) {
	w, path, _ := full(t)
	before := w.records(t)
	patterns := map[string][]string{}
	for _, r := range api.Routes() {
		patterns[r.Pattern] = append(patterns[r.Pattern], r.Method)
		for _, wrong := range []string{"x", nobody, "*", "%20", "event_" + nobody, "org_" + nobody, "directory_" + nobody, "directory_user_" + nobody, "directory_group_" + nobody,
			"directory_token_" + nobody, "job_" + nobody, "api_key_" + nobody, strings.Repeat("x", 2000)} {
			for _, p := range []string{"{id}", "{token_id}", "{setup_link_id}", "{external_id+}"} {
				if !strings.Contains(r.Pattern, p) {
					continue
				}
				at := path(strings.Replace(r.Pattern, p, wrong, 1))
				s := w.call(t, w.manage, r.Method, at, body(r.Body, "", ""))
				o := s.object(t)
				named := len(o) == 3 && o["code"] == "entity_not_found" && strings.HasSuffix(text(o, "message"), fmt.Sprintf(" not found: '%s'.", o["entity_id"]))
				unnamed := len(o) == 1 && o["message"] == "Not Found"
				if s.status != 404 || !named && !unnamed || unnamed != strings.HasPrefix(r.Pattern, "/directory_") {
					t.Errorf("%s %.100s: %d %.300s", r.Method, at, s.status, s.body)
				}
			}
		}
	}
	for pattern, methods := range patterns {
		slices.Sort(methods)
		for _, m := range []string{"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE"} {
			if slices.Contains(methods, m) {
				continue
			}
			s := w.call(t, w.manage, m, path(pattern), "")
			if s.status != 405 || s.header.Get("Allow") != strings.Join(methods, ", ") || s.body != `{"message":"Method Not Allowed"}`+"\n" {
				t.Errorf("%s %s: %d %s %v", m, pattern, s.status, s.body, s.header)
			}
		}
	}
	for _, path := range []string{"/", "/nothing", "/directories/a/b", "/directories//tokens", "/directory_users/a/b", "/events/x", "/organizations/external_id/", "/Directories"} {
		if s := w.call(t, w.manage, "GET", path, ""); s.status != 404 {
			t.Errorf("%s: %d %s", path, s.status, s.body)
		}
	}
	if s := w.call(t, w.manage, "POST", "/directories", `{"name":"x","organization_id":"org_`+nobody+`"}`); s.status != 404 || s.object(t)["entity_id"] != "org_"+nobody {
		t.Errorf("%d %s", s.status, s.body)
	}
	for _, query := range []string{"directory=directory_" + nobody, "group=directory_group_" + nobody, "directory=directory_" + nobody + "&group=directory_group_" + nobody} {
		if s := w.call(t, w.manage, "GET", "/directory_users?"+query, ""); s.status != 404 {
			t.Errorf("%s: %d %s", query, s.status, s.body)
		}
	}
	w.unchanged(t, before)
}

// No two routes answer one path.
func TestRoutesAreDistinct(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range api.Routes() {
		if at := r.Method + " " + r.Pattern; seen[at] {
			t.Errorf("%s is there twice", at)
		} else {
			seen[at] = true
		}
		if r.Summary == "" || r.Status == 0 || r.Scope == "" || r.List && r.Object == "" {
			t.Errorf("%s %s is not described: %+v", r.Method, r.Pattern, r)
		}
	}
}

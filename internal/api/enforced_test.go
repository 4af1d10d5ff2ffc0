package api_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// values are candidates for what a schema refuses.
var values = []string{
	`null`, `true`, `0`, `"x"`, `""`, `[]`, `["x"]`, `[{}]`, `[null]`, `{}`, `{"colour":"red"}`, `{"colour":1}`, `"2026-13-01T00:00:00Z"`, `"READ"`,
	`{"deactivation_policy":"forgive"}`, `{"nested_groups":true}`, `{"attribute_mapping":["x"]}`, `{"attribute_mapping":{"Title":"title"}}`,
	`{"attribute_mapping":{"title":7}}`, `{"email_fallback":"true"}`, `{"raw_attributes":0}`, `{"lenient_patch":[]}`, `{"unique_group_names":{}}`,
	`{"group_patch_response":"200"}`, `{"put_without_members":false}`, `{"user_groups":"always"}`, `{"foreign_emails":true}`, `{"import_ids":"yes"}`, `{"max_users":0}`, `{"max_groups":10000001}`,
	`[{"domain":"a.example","state":"failed"}]`, `[{"state":"verified"}]`, `[{"domain":7}]`, `[{"domain":"a.example","owner":"x"}]`, `[{"id":"urn:x"}]`,
}

// Whatever the document says that a body must not be is refused for it, and
// what it says that one may be is not: every member of every body, every
// setting, every member of a domain.
func TestBodiesAreAsDocumented(t *testing.T) {
	w, path, _ := full(t)
	before := w.records(t)
	refused := map[string]int{}
	for _, r := range routes() {
		o := at(parsedOnce(), "paths", strings.ReplaceAll(r.Pattern, "+}", "}"), strings.ToLower(r.Method)).(tree)
		if o["requestBody"] == nil {
			continue
		}
		name := r.Method + " " + r.Pattern
		schema := schemas()(pointer("paths", r.Pattern, strings.ToLower(r.Method), "requestBody", "content", "application/json", "schema"))
		for _, f := range r.Body {
			for _, v := range values {
				b := body(r.Body, f.Name, v)
				parsed, err := jsonschema.UnmarshalJSON(strings.NewReader(b))
				if err != nil {
					t.Fatal(err)
				}
				if schema.Validate(parsed) == nil {
					continue
				}
				s := w.call(t, w.manage, r.Method, path(r.Pattern), b)
				if s.status != 422 || !strings.Contains(s.body, `"field":"`+f.Name) {
					t.Errorf("%s %s: the document refuses it, the API says %d %s", name, b, s.status, s.body)
				}
				refused[f.Name]++
			}
			if f.Required {
				if s := w.call(t, w.manage, r.Method, path(r.Pattern), body(r.Body, f.Name, "")); s.status != 422 {
					t.Errorf("%s without %s: %d", name, f.Name, s.status)
				}
			}
			if refused[f.Name] < 3 {
				t.Errorf("%s: %s was not put to the test", name, f.Name)
			}
		}
	}
	if refused["settings"] < 10 || refused["domain_data"] < 8 {
		t.Errorf("%v", refused)
	}
	w.unchanged(t, before)
}

// What the document lists as a choice is taken.
func TestChoicesAreTaken(t *testing.T) {
	w, path, _ := full(t)
	choices := func(v any) (all []any) {
		all, _ = at(v, "enum").([]any)
		return all
	}
	taken := 0
	take := func(method, at, body string) {
		t.Helper()
		taken++
		if s := w.call(t, w.manage, method, at, body); s.status/100 != 2 {
			t.Errorf("%s %s: %d %s", at, body, s.status, s.body)
		}
	}
	for _, r := range routes() {
		o := at(parsedOnce(), "paths", strings.ReplaceAll(r.Pattern, "+}", "}"), strings.ToLower(r.Method)).(tree)
		members, _ := at(o, "requestBody", "content", "application/json", "schema", "properties").(tree)
		for name, m := range members {
			for _, v := range choices(m) {
				b, _ := json.Marshal(v)
				at := body(r.Body, name, string(b))
				if r.Pattern == "/portal/generate_link" { // by now the organization has several directories
					fresh := w.must(t, 201, "POST", "/organizations", `{"name":"x"}`)
					at = strings.ReplaceAll(at, "org_"+nobody, text(fresh, "id"))
				}
				take(r.Method, path(r.Pattern), strings.ReplaceAll(at, "org_"+nobody, strings.TrimPrefix(path("/organizations/{id}"), "/organizations/")))
			}
		}
		list, _ := o["parameters"].([]any)
		for _, p := range list {
			for _, v := range choices(at(p, "schema")) {
				needed := map[string]string{"/directory_users": "&directory=", "/directory_groups": "&directory="}[r.Pattern]
				if needed != "" {
					needed += strings.TrimPrefix(path("/directories/{id}"), "/directories/")
				}
				take(r.Method, path(r.Pattern)+"?"+text(p.(tree), "name")+"="+url.QueryEscape(fmt.Sprint(v))+needed, "")
			}
		}
	}
	settings := at(parsedOnce(), "components", "schemas", "directory_settings_change", "properties").(tree)
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		all := choices(settings[name])
		if slices.Contains(texts(at(settings[name], "type")), "boolean") {
			all = []any{true, false, nil}
		}
		for _, v := range append(all, nil) {
			b, _ := json.Marshal(map[string]any{"settings": map[string]any{name: v}})
			take("PATCH", path("/directories/{id}"), string(b))
		}
	}
	if taken < 40 {
		t.Errorf("%d choices", taken)
	}
}

// Whatever the document says that a parameter must not be is refused for it.
func TestParametersAreAsDocumented(t *testing.T) {
	w, path, _ := full(t)
	before := w.records(t)
	candidates := []string{"x", "0", "1", "101", "1.5", "ASC", "asc", "2026-01-31", "yesterday", nobody, "org_" + nobody, "directory_" + nobody, strings.Repeat("x", 1025)}
	for _, r := range routes() {
		pattern := strings.ReplaceAll(r.Pattern, "+}", "}")
		list, _ := at(parsedOnce(), "paths", pattern, strings.ToLower(r.Method), "parameters").([]any)
		for i, p := range list {
			if text(p.(tree), "in") != "query" {
				continue
			}
			schema := schemas()(pointer("paths", pattern, strings.ToLower(r.Method), "parameters", fmt.Sprint(i), "schema"))
			kind, name := text(at(p, "schema").(tree), "type"), text(p.(tree), "name")
			refused := 0
			for _, v := range candidates {
				var value any = v
				switch kind {
				case "integer":
					var n any
					if json.Unmarshal([]byte(v), &n) == nil {
						value = n
					}
				case "array":
					value = []any{v}
				}
				if schema.Validate(value) == nil {
					continue
				}
				refused++
				s := w.call(t, w.manage, r.Method, path(r.Pattern)+"?"+name+"="+v, "")
				if s.status != 422 && (r.Pattern != "/events" || s.status != 400) || !strings.Contains(s.body, name) && r.Pattern != "/events" {
					t.Errorf("%s %s: %s=%.50s: the document refuses it, the API says %d %s", r.Method, r.Pattern, name, v, s.status, s.body)
				}
			}
			if refused == 0 {
				t.Errorf("%s %s: the document takes anything for %s", r.Method, r.Pattern, name)
			}
		}
	}
	w.unchanged(t, before)
}

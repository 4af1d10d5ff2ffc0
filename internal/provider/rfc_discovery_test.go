package provider_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"dsync/internal/management"
	"dsync/internal/scim"
	"dsync/internal/scim/bulk"
	"dsync/internal/scim/query"
)

const custom = "urn:ietf:params:scim:schemas:extension:CustomExtensionName:2.0:User"

// everyType is an extension with an attribute of each type.
const everyType = `{"id":"` + custom + `","name":"Custom","attributes":[
	{"name":"tag"},
	{"name":"exact","caseExact":true},
	{"name":"flag","type":"boolean"},
	{"name":"rank","type":"integer"},
	{"name":"rate","type":"decimal"},
	{"name":"since","type":"dateTime"},
	{"name":"link","type":"reference","referenceTypes":["external"]},
	{"name":"tags","multiValued":true},
	{"name":"ranks","type":"integer","multiValued":true},
	{"name":"desk","type":"complex","subAttributes":[{"name":"floor","type":"integer"},{"name":"room"}]},
	{"name":"phones","type":"complex","multiValued":true,"subAttributes":[{"name":"value"},{"name":"type"},{"name":"primary","type":"boolean"}]}]}`

// extended is a second directory of the tenant, which declares an extension.
func (v tenant) extended(t *testing.T) tenant {
	t.Helper()
	return v.with(t, management.NewDirectory{Name: "Custom", Extensions: []json.RawMessage{[]byte(everyType)}})
}

func TestRFCDiscovery(t *testing.T) {
	v := open(t)
	base := "https://dsync.example" + scim.BasePath + v.key
	for _, list := range []string{"/ResourceTypes", "/Schemas"} {
		a := v.ask(t, 200, "GET", list, "")
		equal(t, list, a.body["schemas"], any([]any{scim.ListResponseURN}))
		equal(t, list, a.body["totalResults"], any(float64(len(a.resources()))))
		// RFC 7644 section 4: filters, order and pages are ignored.
		for _, query := range []string{"?filter=id+eq+%22x%22", "?count=1&startIndex=2", "?sortBy=x&sortOrder=y", "?attributes=x", "?cursor=x&count=x"} {
			equal(t, list+query, v.ask(t, 200, "GET", list+query, "").text, a.text)
		}
		for _, r := range a.resources() {
			id := r["id"].(string)
			equal(t, id, v.ask(t, 200, "GET", list+"/"+id, "").body, r)
			equal(t, id, r["meta"].(map[string]any)["location"], any(base+list+"/"+id))
			if r["name"] == "" || r["name"] == nil {
				t.Errorf("%s has no name", id)
			}
		}
		v.refused(t, 404, "", "GET", list+"/nothing", "")
	}
	types := v.ask(t, 200, "GET", "/ResourceTypes", "")
	equal(t, "types", types.each("id"), []string{"User", "Group"})
	for _, rt := range types.resources() {
		v.ask(t, 200, "GET", rt["endpoint"].(string), "")
		v.ask(t, 200, "GET", "/Schemas/"+rt["schema"].(string), "")
		extensions, _ := rt["schemaExtensions"].([]any)
		for _, e := range extensions {
			v.ask(t, 200, "GET", "/Schemas/"+e.(map[string]any)["schema"].(string), "")
			if _, ok := e.(map[string]any)["required"].(bool); !ok {
				t.Errorf("%v", e)
			}
		}
	}
	for _, s := range v.ask(t, 200, "GET", "/Schemas", "").resources() {
		for _, a := range s["attributes"].([]any) {
			published(t, s["id"].(string), a.(map[string]any), true)
		}
	}
	if w := v.send(v.discovery, "GET", "/Schemas", "", "Authorization", ""); w.Code != 401 {
		t.Errorf("without a token: %d", w.Code)
	}
}

// published checks the form of an attribute (RFC 7643 section 7).
func published(t *testing.T, where string, a map[string]any, top bool) {
	t.Helper()
	where = fmt.Sprint(where, " ", a["name"])
	for name, allowed := range map[string][]string{
		"type":       {"string", "boolean", "decimal", "integer", "dateTime", "reference", "complex"},
		"mutability": {"readOnly", "readWrite", "immutable", "writeOnly"},
		"returned":   {"always", "never", "default", "request"},
		"uniqueness": {"none", "server", "global"},
	} {
		if s, _ := a[name].(string); !slices.Contains(allowed, s) {
			t.Errorf("%s: %s is %v", where, name, a[name])
		}
	}
	for _, name := range []string{"multiValued", "required", "caseExact"} {
		if _, ok := a[name].(bool); !ok {
			t.Errorf("%s: %s is %v", where, name, a[name])
		}
	}
	parts, _ := a["subAttributes"].([]any)
	if complex := a["type"] == "complex"; complex != (len(parts) > 0) || complex && !top {
		t.Errorf("%s: %v with %d parts", where, a["type"], len(parts))
	}
	if types, _ := a["referenceTypes"].([]any); (a["type"] == "reference") != (len(types) > 0) {
		t.Errorf("%s: reference to %v", where, types)
	}
	for _, part := range parts {
		published(t, where, part.(map[string]any), false)
	}
}

// What is announced works, and what works is announced.
func TestRFCServiceProviderConfig(t *testing.T) {
	v := open(t)
	c := v.ask(t, 200, "GET", "/ServiceProviderConfig", "")
	part := func(name string) map[string]any { m, _ := c.body[name].(map[string]any); return m }
	for name, want := range map[string]bool{"patch": true, "bulk": true, "filter": true, "changePassword": false, "sort": true, "etag": true} {
		equal(t, name, part(name)["supported"], any(want))
	}
	equal(t, "bulk", part("bulk"), map[string]any{"supported": true, "maxOperations": float64(bulk.MaxOperations), "maxPayloadSize": float64(scim.MaxBody)})
	equal(t, "filter", part("filter")["maxResults"], any(float64(query.MaxCount)))
	equal(t, "pagination", part("pagination"), map[string]any{
		"cursor": true, "index": true, "defaultPaginationMethod": "index", "defaultPageSize": float64(query.DefaultCount),
		"maxPageSize": float64(query.MaxCount), "cursorTimeout": query.CursorLife.Seconds(),
	})
	schemes, _ := c.body["authenticationSchemes"].([]any)
	if len(schemes) != 1 {
		t.Fatalf("%v", schemes)
	}
	for _, name := range []string{"type", "name", "description"} {
		if s, _ := schemes[0].(map[string]any)[name].(string); s == "" {
			t.Errorf("authenticationSchemes: no %s", name)
		}
	}
	if strings.Contains(c.text, `""`) || strings.Contains(c.text, "null") { // entra.md section 15
		t.Errorf("an empty value: %s", c.text)
	}
	if l, _ := c.meta("location").(string); !strings.HasSuffix(l, v.key+"/ServiceProviderConfig") {
		t.Errorf("location %s", l)
	}

	path, _ := v.made(t, "/Users", ada)
	v.made(t, "/Users", `{"userName":"grace"}`)
	v.ask(t, 200, "PATCH", path, patchOf(`{"op":"replace","path":"title","value":"x"}`))
	equal(t, "filter", v.ask(t, 200, "GET", `/Users?filter=title+eq+"X"`, "").each("userName"), []string{"ada"})
	equal(t, "sort", v.ask(t, 200, "GET", "/Users?sortBy=userName&sortOrder=descending", "").each("userName"), []string{"grace", "ada"})
	v.ask(t, 200, "POST", "/Bulk", `{"schemas":["`+scim.BulkRequestURN+`"],"Operations":[{"method":"DELETE","path":"`+path+`"}]}`)
	equal(t, "cursor", v.ask(t, 200, "GET", "/Users?cursor", "").each("userName"), []string{"grace"})
}

// Every attribute that /Schemas publishes takes add, replace and remove and
// reads back, under its full name, in a resource as in a list; what clients
// cannot write is refused (entra.md section 15).
func TestRFCEveryAttribute(t *testing.T) {
	v := open(t).extended(t)
	tried := 0
	for _, s := range v.ask(t, 200, "GET", "/Schemas", "").resources() {
		urn := s["id"].(string)
		endpoint, body := "/Users", `{"userName":"x"}`
		if urn == scim.GroupURN {
			endpoint, body = "/Groups", `{"displayName":"x"}`
		}
		path, _ := v.made(t, endpoint, body)
		for _, a := range s["attributes"].([]any) {
			a := a.(map[string]any)
			if urn == scim.GroupURN && a["name"] == "members" {
				continue // TestRFCMembers
			}
			tried++
			x := attributeTrial{v, path, urn, a}
			t.Run(fmt.Sprint(s["name"], ".", a["name"]), x.run)
		}
		v.ask(t, 204, "DELETE", path, "")
	}
	if tried < 36 {
		t.Errorf("%d attributes only", tried)
	}
}

type attributeTrial struct {
	tenant
	path, urn string
	a         map[string]any
}

func (x attributeTrial) run(t *testing.T) {
	name := x.a["name"].(string)
	full := x.urn + ":" + name
	if x.a["mutability"] == "readOnly" {
		for _, op := range []string{"add", "replace"} {
			x.refused(t, 400, "mutability", "PATCH", x.path, patchOf(fmt.Sprintf(`{"op":%q,"path":%q,"value":"x"}`, op, full)))
		}
		x.refused(t, 400, "mutability", "PATCH", x.path, patchOf(fmt.Sprintf(`{"op":"remove","path":%q}`, full)))
		return
	}
	first, second := sample(x.a, 1), sample(x.a, 2)
	x.change(t, "add", full, first, first)
	x.change(t, "replace", full, second, second)
	parts, _ := x.a["subAttributes"].([]any)
	for _, part := range parts {
		part := part.(map[string]any)
		if part["mutability"] == "readOnly" || part["name"] == "primary" {
			continue
		}
		at, holder := full, second
		if x.a["multiValued"] == true {
			by := parts[0].(map[string]any)["name"]
			if part["name"] == by {
				by = "type"
			}
			element := second.([]any)[0].(map[string]any)
			at, holder = fmt.Sprintf("%s[%s eq %q]", full, by, element[by.(string)]), element
		}
		was := holder.(map[string]any)[part["name"].(string)]
		holder.(map[string]any)[part["name"].(string)] = sample(part, 3)
		x.change(t, "replace", at+"."+part["name"].(string), sample(part, 3), second)
		holder.(map[string]any)[part["name"].(string)] = was
		x.change(t, "replace", full, second, second)
	}
	if x.a["required"] == true {
		x.refused(t, 400, "mutability", "PATCH", x.path, patchOf(fmt.Sprintf(`{"op":"remove","path":%q}`, full)))
		return
	}
	if x.a["name"] == "active" { // it stays: see TestActiveStays
		x.change(t, "remove", full, nil, second)
		return
	}
	x.change(t, "remove", full, nil, nil)
}

// change does one operation and looks at the outcome.
func (x attributeTrial) change(t *testing.T, op, path string, value, want any) {
	t.Helper()
	operation := map[string]any{"op": op, "path": path}
	if value != nil {
		operation["value"] = value
	}
	b, _ := json.Marshal(operation)
	status := 200
	if strings.HasPrefix(x.path, "/Groups") {
		status = 204
	}
	x.ask(t, status, "PATCH", x.path, patchOf(string(b)))
	full := x.urn + ":" + x.a["name"].(string)
	read := func(r map[string]any) any {
		if x.urn == scim.EnterpriseURN || x.urn == custom {
			r, _ = r[x.urn].(map[string]any)
		}
		return r[x.a["name"].(string)]
	}
	equal(t, op+" "+path, read(x.ask(t, 200, "GET", x.path, "").body), want)
	equal(t, op+" "+path, read(x.ask(t, 200, "GET", x.path+"?attributes="+full, "").body), want)
	found := x.ask(t, 200, "GET", x.path[:strings.LastIndexByte(x.path, '/')]+"?filter="+full+"+pr", "")
	equal(t, full+" pr", len(found.resources()), map[bool]int{true: 1}[want != nil])
}

// sample is a value of the attribute.
func sample(a map[string]any, n int) any {
	var v any
	switch a["type"] {
	case "boolean":
		v = n%2 == 0
	case "integer":
		v = float64(n)
	case "decimal":
		v = float64(n) + 0.5
	case "dateTime":
		v = fmt.Sprintf("2026-01-0%dT00:00:00Z", n)
	case "complex":
		object := map[string]any{}
		for _, part := range a["subAttributes"].([]any) {
			part := part.(map[string]any)
			if part["mutability"] != "readOnly" {
				object[part["name"].(string)] = sample(part, n)
			}
		}
		v = object
	default:
		v = fmt.Sprintf("https://example.com/%d", n)
	}
	if a["multiValued"] == true {
		return []any{v}
	}
	return v
}

package provider_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"dsync/internal/scim"

	"github.com/google/go-cmp/cmp"
)

// The tests named TestRFC… are what a checker of RFC 7643, 7644 and 9865 would
// ask, through the handlers, on the real engine. A row begins with the section
// of RFC 7644, or with the number of the RFC and its section.

// reply is an answer that was checked for what holds of every answer.
type reply struct {
	body   map[string]any
	header http.Header
	text   string
}

// ask sends a request to the function that serves its path, and checks status
// and form of the answer.
func (v tenant) ask(t testing.TB, status int, method, path, body string, header ...string) reply {
	t.Helper()
	h := v.discovery
	switch {
	case strings.HasPrefix(path, "/Users"):
		h = v.users
	case strings.HasPrefix(path, "/Groups"):
		h = v.groups
	}
	w := v.send(h, method, path, body, header...)
	if w.Code != status {
		t.Fatalf("%s %s: %d, want %d: %s", method, path, w.Code, status, w.Body)
	}
	a := reply{header: w.Header(), text: w.Body.String()}
	if status == 204 || status == 304 {
		want := map[int]string{204: scim.MediaType}[status] // scim-sdk: a 204 has the type, too
		if got := a.header.Get("Content-Type"); a.text != "" || got != want {
			t.Errorf("%s %s: %d with Content-Type %q and the body %q", method, path, status, got, a.text)
		}
		return a
	}
	if got := a.header.Get("Content-Type"); got != scim.MediaType {
		t.Errorf("%s %s: Content-Type %q", method, path, got)
	}
	a.body = object(t, w)
	schemas, _ := a.body["schemas"].([]any)
	if len(schemas) == 0 {
		t.Errorf("%s %s: no schemas: %s", method, path, a.text)
	}
	if isError := slices.Contains(schemas, any(scim.ErrorURN)); isError != (status >= 400) || isError && a.body["status"] != strconv.Itoa(status) {
		t.Errorf("%s %s: %d with %s", method, path, status, a.text)
	}
	if meta, ok := a.body["meta"].(map[string]any); ok && status < 400 {
		if l := a.header.Get("Location"); l != "" && l != meta["location"] {
			t.Errorf("%s %s: Location %s, meta.location %v", method, path, l, meta["location"])
		}
		if tag := a.header.Get("ETag"); tag != "" && tag != meta["version"] {
			t.Errorf("%s %s: ETag %s, meta.version %v", method, path, tag, meta["version"])
		}
	}
	return a
}

// refused is ask for a request that fails with that scimType, "" for none.
func (v tenant) refused(t testing.TB, status int, scimType, method, path, body string, header ...string) {
	t.Helper()
	a := v.ask(t, status, method, path, body, header...)
	if got, _ := a.body["scimType"].(string); got != scimType {
		t.Errorf("%s %s: scimType %q, want %q: %s", method, path, got, scimType, a.text)
	}
}

// made creates a resource and returns its path and the answer.
func (v tenant) made(t testing.TB, endpoint, body string) (path string, a reply) {
	t.Helper()
	a = v.ask(t, 201, "POST", endpoint, body)
	return endpoint + "/" + a.id(), a
}

func (a reply) id() string { s, _ := a.body["id"].(string); return s }

func (a reply) meta(name string) any {
	meta, _ := a.body["meta"].(map[string]any)
	return meta[name]
}

// resources of a list.
func (a reply) resources() []map[string]any {
	var all []map[string]any
	list, _ := a.body["Resources"].([]any)
	for _, r := range list {
		all = append(all, r.(map[string]any))
	}
	return all
}

// each is the value of an attribute of each resource of a list.
func (a reply) each(attribute string) []string {
	all := []string{}
	for _, r := range a.resources() {
		s, _ := r[attribute].(string)
		all = append(all, s)
	}
	return all
}

// attributes are the names of what a resource holds, sorted.
func attributes(r map[string]any) string {
	var names []string
	for name := range r {
		names = append(names, name)
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

func equal(t testing.TB, what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func patchOf(operations string) string {
	return `{"schemas":["` + scim.PatchOpURN + `"],"Operations":[` + operations + `]}`
}

const ada = `{"schemas":["` + scim.UserURN + `"],"userName":"ada","externalId":"x-1","title":"Countess",
	"name":{"givenName":"Ada","familyName":"Lovelace"},
	"emails":[{"type":"work","value":"ada@example.com","primary":true},{"type":"home","value":"ada@home.example"}]}`

func TestRFCCreate(t *testing.T) {
	v := open(t)
	path, created := v.made(t, "/Users", ada)
	t.Run("3.3: 201, Location, ETag and the resource", func(t *testing.T) {
		want := "https://dsync.example" + scim.BasePath + v.key + path
		equal(t, "Location", created.header.Get("Location"), want)
		equal(t, "meta.location", created.meta("location"), any(want))
		equal(t, "meta.resourceType", created.meta("resourceType"), any("User"))
		equal(t, "created", created.meta("created"), created.meta("lastModified"))
		equal(t, "version", created.meta("version"), any(created.header.Get("ETag")))
		equal(t, "GET", v.ask(t, 200, "GET", path, "").body, created.body)
	})
	t.Run("3.3: what a client says of read-only attributes is ignored", func(t *testing.T) {
		_, a := v.made(t, "/Users", `{"userName":"mine","id":"mine","meta":{"version":"mine","created":"1999-01-01T00:00:00Z","resourceType":"Group"},"groups":[{"value":"mine"}]}`)
		if strings.Count(a.text, "mine") != 1 || strings.Contains(a.text, "1999") || a.meta("resourceType") != "User" {
			t.Errorf("%s", a.text)
		}
	})
	t.Run("3.3: unknown attributes and schemas are ignored", func(t *testing.T) {
		_, a := v.made(t, "/Users", `{"schemas":["`+scim.UserURN+`","urn:x:2.0:User"],"userName":"unknown","shoeSize":44,"urn:x:2.0:User":{"a":1},"name":{"nick":"x"}}`)
		equal(t, "attributes", attributes(a.body), "active id meta schemas userName")
		equal(t, "schemas", a.body["schemas"], any([]any{scim.UserURN}))
	})
	t.Run("3.3: schemas names the extensions that have values", func(t *testing.T) {
		_, a := v.made(t, "/Users", `{"userName":"employee","`+scim.EnterpriseURN+`":{"department":"d"}}`)
		equal(t, "schemas", a.body["schemas"], any([]any{scim.UserURN, scim.EnterpriseURN}))
	})
	t.Run("3.3: 409 uniqueness", func(t *testing.T) {
		v.refused(t, 409, "uniqueness", "POST", "/Users", `{"userName":"ADA"}`)
	})
	t.Run("7643 2.1: names in any letter case", func(t *testing.T) {
		_, a := v.made(t, "/Users", `{"USERNAME":"caps","Name":{"GIVENNAME":"C"}}`)
		equal(t, "name", a.body["name"], any(map[string]any{"givenName": "C"}))
	})
	t.Run("7643 2.5: null and [] are unassigned", func(t *testing.T) {
		_, a := v.made(t, "/Users", `{"userName":"nulls","title":null,"emails":[],"name":{"givenName":null}}`)
		equal(t, "attributes", attributes(a.body), "active id meta schemas userName")
	})
	t.Run("7643 2.4: one primary", func(t *testing.T) {
		_, a := v.made(t, "/Users", `{"userName":"two","emails":[{"value":"a","primary":true},{"value":"b","primary":true}]}`)
		equal(t, "primary", strings.Count(a.text, `"primary":true`), 1)
	})
	t.Run("3.3: a group", func(t *testing.T) {
		path, a := v.made(t, "/Groups", `{"displayName":"Engineers","members":[{"value":"`+created.id()+`"}]}`)
		equal(t, "resourceType", a.meta("resourceType"), any("Group"))
		equal(t, "GET", v.ask(t, 200, "GET", path, "").body, a.body)
	})
}

func TestRFCReplace(t *testing.T) {
	v := open(t)
	path, created := v.made(t, "/Users", ada)
	t.Run("3.5.1: what is not named is cleared", func(t *testing.T) {
		a := v.ask(t, 200, "PUT", path, `{"schemas":["`+scim.UserURN+`"],"id":"other","userName":"ada","displayName":"Ada","meta":{"created":"1999-01-01T00:00:00Z"}}`)
		equal(t, "attributes", attributes(a.body), "active displayName id meta schemas userName")
		equal(t, "id", a.id(), created.id())
		equal(t, "created", a.meta("created"), created.meta("created"))
		equal(t, "Location", a.header.Get("Location"), created.header.Get("Location"))
		if a.meta("version") == created.meta("version") {
			t.Error("the version stays")
		}
		equal(t, "GET", v.ask(t, 200, "GET", path, "").body, a.body)
	})
	t.Run("3.14: the same again moves neither version nor lastModified", func(t *testing.T) {
		before := v.ask(t, 200, "GET", path, "")
		equal(t, "PUT", v.ask(t, 200, "PUT", path, before.text).body, before.body)
	})
	t.Run("3.5.1: without a required attribute", func(t *testing.T) {
		v.refused(t, 400, "invalidValue", "PUT", path, `{"displayName":"Ada"}`)
	})
	t.Run("3.5.1: creates nothing", func(t *testing.T) {
		v.refused(t, 404, "", "PUT", "/Users/directory_user_00000000000000000000000000", `{"userName":"new"}`)
	})
	t.Run("3.5.1: 409 uniqueness", func(t *testing.T) {
		v.made(t, "/Users", `{"userName":"taken"}`)
		v.refused(t, 409, "uniqueness", "PUT", path, `{"userName":"taken"}`)
	})
	t.Run("3.5.1: the members of a group", func(t *testing.T) {
		group, _ := v.made(t, "/Groups", `{"displayName":"g","members":[{"value":"`+created.id()+`"}]}`)
		if a := v.ask(t, 200, "PUT", group, `{"displayName":"h","members":[]}`); strings.Contains(a.text, created.id()) {
			t.Errorf("%s", a.text)
		}
	})
}

func TestRFCDelete(t *testing.T) {
	v := open(t)
	for endpoint, body := range map[string]string{"/Users": `{"userName":"ada"}`, "/Groups": `{"displayName":"g"}`} {
		path, created := v.made(t, endpoint, body)
		v.ask(t, 204, "DELETE", path, "")
		v.refused(t, 404, "", "GET", path, "")
		v.refused(t, 404, "", "PUT", path, body)
		v.refused(t, 404, "", "PATCH", path, patchOf(`{"op":"replace","path":"externalId","value":"x"}`))
		v.refused(t, 404, "", "DELETE", path, "")
		equal(t, "found", v.ask(t, 200, "GET", endpoint+`?filter=id+eq+"`+created.id()+`"`, "").body["totalResults"], any(0.0))
		if _, again := v.made(t, endpoint, body); again.id() == created.id() {
			t.Error("the id came back")
		}
	}
}

func TestRFCConditions(t *testing.T) {
	v := open(t)
	path, created := v.made(t, "/Users", ada)
	tag := created.header.Get("ETag")
	stale := `W/"999"`
	title := patchOf(`{"op":"replace","path":"title","value":"Dr"}`)
	v.refused(t, 412, "", "PUT", path, ada, "If-Match", stale)
	v.refused(t, 412, "", "PATCH", path, title, "If-Match", stale)
	v.refused(t, 412, "", "DELETE", path, "", "If-Match", stale)
	v.ask(t, 304, "GET", path, "", "If-None-Match", tag)
	v.ask(t, 304, "GET", path, "", "If-None-Match", stale+", "+tag)
	v.ask(t, 200, "GET", path, "", "If-None-Match", stale)
	patched := v.ask(t, 200, "PATCH", path, title, "If-Match", tag)
	if patched.header.Get("ETag") == tag || patched.meta("lastModified") == created.meta("lastModified") {
		t.Errorf("nothing moved: %s", patched.text)
	}
	v.ask(t, 200, "GET", path, "", "If-None-Match", tag)
	v.ask(t, 200, "PUT", path, ada, "If-Match", patched.header.Get("ETag"))
	v.ask(t, 204, "DELETE", path, "", "If-Match", "*")
}

func TestRFCProjection(t *testing.T) {
	v := open(t)
	path, created := v.made(t, "/Users", ada)
	v.made(t, "/Groups", `{"displayName":"g","members":[{"value":"`+created.id()+`"}]}`)
	everything := "active emails externalId id meta name schemas title userName"
	for _, row := range []struct{ name, query, want string }{
		{"3.9: default", "", everything},
		{"3.9: attributes", "attributes=userName", "id schemas userName"},
		{"3.9: a list of attributes", "attributes=userName,title,%20emails", "emails id schemas title userName"},
		{"3.10: full name, any letter case", "attributes=URN:ietf:params:scim:schemas:core:2.0:User:USERNAME", "id schemas userName"},
		{"3.9: unknown attributes", "attributes=shoeSize", "id schemas"},
		{"3.9: excludedAttributes", "excludedAttributes=emails,name", "active externalId id meta schemas title userName"},
		{"3.9: excludedAttributes that are always returned", "excludedAttributes=id,schemas,meta", "active emails externalId id name schemas title userName"},
		{"7643 7: returned on request", "attributes=groups", "groups id schemas"},
	} {
		t.Run(row.name, func(t *testing.T) {
			q := "?" + row.query
			a := v.ask(t, 200, "GET", path+q, "")
			equal(t, "GET", attributes(a.body), row.want)
			if a.header.Get("Location") == "" {
				t.Error("no Location")
			}
			for _, r := range v.ask(t, 200, "GET", "/Users"+q, "").resources() {
				equal(t, "list", attributes(r), row.want)
			}
			equal(t, "PUT", attributes(v.ask(t, 200, "PUT", path+q, ada).body), row.want)
			equal(t, "PATCH", attributes(v.ask(t, 200, "PATCH", path+q, patchOf(`{"op":"replace","path":"title","value":"Countess"}`)).body), row.want)
			if row.query != "attributes=groups" {
				fresh := strings.Replace(ada, `"ada"`, strconv.Quote(row.name), 1)
				a := v.ask(t, 201, "POST", "/Users"+q, fresh)
				equal(t, "POST", attributes(a.body), row.want)
				v.ask(t, 204, "DELETE", "/Users/"+a.id(), "")
			}
		})
	}
	t.Run("3.9: sub-attributes", func(t *testing.T) {
		a := v.ask(t, 200, "GET", path+"?attributes=name.givenName,emails.value", "")
		equal(t, "name", a.body["name"], any(map[string]any{"givenName": "Ada"}))
		a = v.ask(t, 200, "GET", path+"?excludedAttributes=name.givenName", "")
		equal(t, "name", a.body["name"], any(map[string]any{"familyName": "Lovelace"}))
	})
	t.Run("3.5.2: PATCH of a group answers 200 where attributes are asked for", func(t *testing.T) {
		group, _ := v.made(t, "/Groups", `{"displayName":"h"}`)
		a := v.ask(t, 200, "PATCH", group+"?attributes=displayName", patchOf(`{"op":"replace","path":"displayName","value":"i"}`))
		equal(t, "attributes", attributes(a.body), "displayName id schemas")
	})
}

func TestRFCHTTP(t *testing.T) {
	v := open(t)
	path, _ := v.made(t, "/Users", ada)
	t.Run("2: 401 with a challenge", func(t *testing.T) {
		a := v.ask(t, 401, "GET", "/Users", "", "Authorization", "")
		equal(t, "WWW-Authenticate", a.header.Get("WWW-Authenticate"), `Bearer realm="dsync"`)
		a = v.ask(t, 401, "GET", "/Users", "", "Authorization", "Bearer wrong")
		equal(t, "WWW-Authenticate", a.header.Get("WWW-Authenticate"), `Bearer realm="dsync", error="invalid_token"`)
	})
	t.Run("3.8: both media types, no other", func(t *testing.T) {
		for i, mediaType := range []string{"application/scim+json", "application/json", "application/json; charset=utf-8"} {
			v.ask(t, 201, "POST", "/Users", `{"userName":"m`+strconv.Itoa(i)+`"}`, "Content-Type", mediaType)
		}
		v.refused(t, 415, "", "POST", "/Users", `{"userName":"x"}`, "Content-Type", "text/plain")
	})
	t.Run("3.12: 405 with Allow", func(t *testing.T) {
		for _, c := range [][3]string{
			{"DELETE", "/Users", "GET, POST"}, {"POST", path, "DELETE, GET, PATCH, PUT"}, {"PUT", "/Schemas", "GET"},
			{"GET", "/Bulk", "POST"}, {"GET", "/.search", "POST"}, {"PUT", "/Groups/.search", "POST"},
		} {
			a := v.ask(t, 405, c[0], c[1], "")
			equal(t, c[1], a.header.Get("Allow"), c[2])
		}
	})
	t.Run("3.11: /Me answers 501", func(t *testing.T) {
		for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE"} {
			v.refused(t, 501, "", method, "/Me", "{}")
		}
	})
	t.Run("3.12: broken bodies", func(t *testing.T) {
		for _, body := range []string{`{`, `[]`, `null`, `"x"`, ``} {
			v.refused(t, 400, "invalidSyntax", "POST", "/Users", body)
			v.refused(t, 400, "invalidSyntax", "PATCH", path, body)
		}
	})
	t.Run("3.12: detail says something", func(t *testing.T) {
		var e struct{ Detail string }
		_ = json.Unmarshal([]byte(v.ask(t, 404, "GET", "/Users/x", "").text), &e)
		if e.Detail == "" {
			t.Error("no detail")
		}
	})
}

package provider_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"dsync/internal/scim"
)

// Names of endpoints match in any letter case, at the function that the routes of
// the API send them to; ids do not. Addresses in responses have the letter case of
// the resource types.
func TestEndpointsInAnyCase(t *testing.T) {
	v := open(t)
	path, created := v.made(t, "/Users", ada)
	group, _ := v.made(t, "/Groups", `{"displayName":"g"}`)
	user := strings.TrimPrefix(path, "/Users")
	for _, c := range []struct{ name, method, path, body string }{
		{"keycloak: a list of users", "GET", "/users", ""},
		{"keycloak: a user", "GET", "/users" + user, ""},
		{"keycloak: a filter", "GET", `/USERS?filter=userName+eq+"ada"`, ""},
		{"keycloak: a search of users", "POST", "/users/.search", "{}"},
		{"keycloak: PUT", "PUT", "/users" + user, ada},
		{"keycloak: PATCH", "PATCH", "/uSERS" + user, patchOf(`{"op":"replace","path":"title","value":"x"}`)},
		{"keycloak: a slash at the end", "GET", "/users/", ""},
		{"canaille: a search", "POST", "/.SEARCH", "{}"},
		{"canaille: a search of users by its function", "POST", "/Users/.Search", "{}"},
		{"canaille: a search of groups by its function", "POST", "/Groups/.SEARCH", "{}"},
		{"canaille: groups", "GET", "/groups", ""},
		{"canaille: a group", "GET", strings.ToLower("/Groups") + strings.TrimPrefix(group, "/Groups"), ""},
		{"canaille: a schema", "GET", "/schemas/" + scim.UserURN, ""},
		{"canaille: schemas", "GET", "/SCHEMAS", ""},
		{"canaille: resource types", "GET", "/resourcetypes", ""},
		{"canaille: a resource type", "GET", "/resourceTypes/user", ""},
		{"canaille: the configuration", "GET", "/serviceproviderconfig", ""},
		{"canaille: the configuration in camel case", "GET", "/serviceProviderConfig", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := v.ask(t, 200, c.method, c.path, c.body)
			if location, ok := a.meta("location").(string); ok && a.body["userName"] != nil {
				equal(t, "location", location, "https://dsync.example"+scim.BasePath+v.key+path)
			}
		})
	}
	v.refused(t, 501, "", "GET", "/me", "")
	a := v.ask(t, 405, "PUT", "/bulk", "")
	equal(t, "Allow", a.header.Get("Allow"), "POST")
	v.refused(t, 404, "", "GET", "/users/"+strings.ToLower(created.id()), "")
	v.refused(t, 404, "", "GET", "/users/{id}", "")
	v.refused(t, 404, "", "GET", "/users/{ID}/x", "")
	v.refused(t, 404, "", "GET", "/user", "")
	made := v.ask(t, 201, "POST", "/users", `{"userName":"lower"}`)
	equal(t, "Location", made.header.Get("Location"), "https://dsync.example"+scim.BasePath+v.key+"/Users/"+made.id())
	t.Run("canaille: a bulk request with endpoints in lower case", func(t *testing.T) {
		a := v.ask(t, 200, "POST", "/bulk", `{"Operations":[`+post("/users", "a", `{"userName":"bulk"}`)+`,{"method":"PATCH","path":"/groups`+strings.TrimPrefix(group, "/Groups")+
			`","data":`+patchOf(`{"op":"add","path":"members","value":[{"value":"bulkId:a"}]}`)+`},{"method":"DELETE","path":"/USERS/bulkId:a"}]}`)
		var got []string
		for _, r := range a.body["Operations"].([]any) {
			location, _ := r.(map[string]any)["location"].(string)
			got = append(got, fmt.Sprint(r.(map[string]any)["status"], " ", strings.Split(location, "/")[6]))
		}
		equal(t, "operations", got, []string{"201 Users", "204 Groups", "204 Users"})
	})
}

// A DELETE and a PATCH of a group answer 204 with a Content-Type: SCIM-SDK refuses
// one without.
func TestNoContentHasAType(t *testing.T) {
	v := open(t)
	path, created := v.made(t, "/Users", ada)
	group, _ := v.made(t, "/Groups", `{"displayName":"g"}`)
	for _, c := range []struct{ name, method, path, body string }{
		{"scim-sdk: PATCH of members", "PATCH", group, patchOf(`{"op":"add","path":"members","value":[{"value":"` + created.id() + `"}]}`)},
		{"scim-sdk: PATCH of a name", "PATCH", group, patchOf(`{"op":"replace","path":"displayName","value":"h"}`)},
		{"scim-sdk: PATCH without effect", "PATCH", group, patchOf(`{"op":"replace","path":"displayName","value":"h"}`)},
		{"scim-sdk: DELETE of a group", "DELETE", group, ""},
		{"scim-sdk: DELETE of a user", "DELETE", path, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			equal(t, "Content-Type", v.ask(t, 204, c.method, c.path, c.body).header.Get("Content-Type"), scim.MediaType)
		})
	}
}

// Quotation marks other than " are an error wherever a path or a filter is read:
// as part of a value they would find nobody, and be stored.
func TestForeignQuotes(t *testing.T) {
	v := open(t)
	path, _ := v.made(t, "/Users", ada)
	before := v.ask(t, 200, "GET", path, "").text
	for _, c := range []struct{ name, scimType, method, path, body string }{
		{"canaille: filter", "invalidFilter", "GET", `/Users?filter=userName+eq+'ada'`, ""},
		{"canaille: filter in brackets", "invalidFilter", "GET", `/Users?filter=emails[type+eq+'work'].value+eq+"x"`, ""},
		{"canaille: filter of a search", "invalidFilter", "POST", "/Users/.search", `{"filter":"userName eq 'ada'"}`},
		{"canaille: filter of a search of all types", "invalidFilter", "POST", "/.search", `{"filter":"userName eq 'ada'"}`},
		{"canaille: attributes", "invalidFilter", "GET", `/Users?attributes=emails[type+eq+'work']`, ""},
		{"canaille: attributes of one user", "invalidFilter", "GET", path + `?excludedAttributes=emails[type+eq+'work']`, ""},
		{"canaille: names of attributes", "invalidPath", "GET", path + `?attributes='userName'`, ""},
		{"canaille: sortBy", "invalidValue", "GET", `/Users?sortBy='userName'`, ""},
		{"canaille: add", "invalidFilter", "PATCH", path, patchOf(`{"op":"add","path":"emails[type eq 'work'].value","value":"x@x"}`)},
		{"canaille: replace", "invalidFilter", "PATCH", path, patchOf(`{"op":"replace","path":"emails[type eq 'work'].value","value":"x@x"}`)},
		{"canaille: remove", "invalidFilter", "PATCH", path, patchOf(`{"op":"remove","path":"emails[type eq 'work']"}`)},
		{"canaille: a path in quotes", "invalidPath", "PATCH", path, patchOf(`{"op":"replace","path":"'title'","value":"x"}`)},
		{"canaille: a key without a path", "invalidFilter", "PATCH", path, patchOf(`{"op":"replace","value":{"emails[type eq 'work'].value":"x@x"}}`)},
		{"canaille: typographic quotes", "invalidFilter", "PATCH", path, patchOf(`{"op":"replace","path":"emails[type eq ”work”].value","value":"x@x"}`)},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := v.ask(t, 400, c.method, c.path, c.body)
			if got, _ := a.body["scimType"].(string); got != c.scimType {
				t.Errorf("scimType %q: %s", got, a.text)
			}
		})
	}
	results := v.bulk(t, "", `{"method":"PATCH","path":"`+path+`","data":`+patchOf(`{"op":"add","path":"emails[type eq 'work'].value","value":"x@x"}`)+`}`)
	equal(t, "bulk", statuses(results), "400")
	equal(t, "the user", v.ask(t, 200, "GET", path, "").text, before)
}

// What clients send or need that other providers refuse or leave out. Others
// depend on it, so it stays.
func TestClientsDependOn(t *testing.T) {
	v := open(t)
	path, _ := v.made(t, "/Users", `{"userName":"a+b@x.example","externalId":"x","emails":[{"type":"work","value":"work@x.example"},{"type":"home","value":"home@x.example"}]}`)
	group, made := v.made(t, "/Groups", `{"displayName":"g"}`)
	t.Run("nextcloud: an empty group has a list of members", func(t *testing.T) {
		for _, r := range []map[string]any{v.ask(t, 200, "GET", group, "").body, v.ask(t, 200, "GET", "/Groups", "").resources()[0]} {
			equal(t, "members", r["members"], any([]any{}))
		}
	})
	t.Run("nextcloud: a word with a plus", func(t *testing.T) {
		for _, filter := range []string{`userName eq a+b@x.example`, `externalId eq "nobody" or userName eq a+b@x.example`} {
			a := v.ask(t, 200, "GET", "/Users?filter="+url.QueryEscape(filter), "")
			equal(t, filter, a.each("userName"), []string{"a+b@x.example"})
		}
	})
	t.Run("canaille: attributes without a value", func(t *testing.T) {
		for _, query := range []string{"?attributes=", "?attributes", "?attributes=&excludedAttributes="} {
			equal(t, query, attributes(v.ask(t, 200, "GET", path+query, "").body), "active emails externalId id meta schemas userName")
		}
		equal(t, "members", v.ask(t, 200, "GET", group+"?attributes=", "").body["members"], any([]any{}))
	})
	t.Run("keycloak: POST and PATCH without schemas", func(t *testing.T) {
		other, _ := v.made(t, "/Users", `{"userName":"plain"}`)
		v.ask(t, 200, "PATCH", other, `{"Operations":[{"op":"replace","path":"title","value":"x"}]}`)
		plain, _ := v.made(t, "/Groups", `{"displayName":"plain"}`)
		v.ask(t, 204, "PATCH", plain, `{"Operations":[{"op":"replace","path":"displayName","value":"plainer"}]}`)
	})
	t.Run("okta: a rename of a group without a path, with schemas and id", func(t *testing.T) {
		v.ask(t, 204, "PATCH", group, patchOf(`{"op":"replace","value":{"schemas":["`+scim.GroupURN+`"],"id":"`+made.id()+`","displayName":"renamed"}}`))
		a := v.ask(t, 200, "GET", group, "")
		equal(t, "displayName", a.body["displayName"], any("renamed"))
		equal(t, "id", a.id(), made.id())
	})
	t.Run("aws-sso: bulkId in path and members", func(t *testing.T) {
		results := v.bulk(t, "", post("/Users", "u", `{"userName":"bulk"}`)+","+post("/Groups", "g", `{"displayName":"bulk","members":[{"value":"bulkId:u"}]}`)+
			`,{"method":"PATCH","path":"/Users/bulkId:u","data":`+patchOf(`{"op":"replace","path":"title","value":"x"}`)+`}`)
		equal(t, "status", statuses(results), "201 201 200")
		a := v.ask(t, 200, "GET", `/Groups?filter=displayName+eq+"bulk"`, "")
		if members, _ := a.resources()[0]["members"].([]any); len(members) != 1 {
			t.Errorf("members %v", a.resources())
		}
	})
	t.Run("gitlab: a value path in attributes", func(t *testing.T) {
		want := []any{map[string]any{"value": "work@x.example"}}
		query := "?attributes=" + url.QueryEscape(`emails[type eq "work"].value`)
		equal(t, "GET", v.ask(t, 200, "GET", path+query, "").body["emails"], any(want))
		equal(t, "list", v.ask(t, 200, "GET", "/Users"+query, "").resources()[0]["emails"], any(want))
		equal(t, "PUT", v.ask(t, 200, "PATCH", path+query, patchOf(`{"op":"replace","path":"title","value":"y"}`)).body["emails"], any(want))
	})
	t.Run("gitlab: a value path in attributes of members", func(t *testing.T) {
		id := v.ask(t, 200, "GET", `/Users?filter=userName+eq+"bulk"`, "").resources()[0]["id"].(string)
		query := `/Groups?filter=displayName+eq+"bulk"&attributes=` + url.QueryEscape(`members[value eq "`+id+`"].value`)
		equal(t, "members", v.ask(t, 200, "GET", query, "").resources()[0]["members"], any([]any{map[string]any{"value": id}}))
		if other := v.ask(t, 200, "GET", strings.Replace(query, url.QueryEscape(id), "nobody", 1), "").resources()[0]["members"]; other != nil {
			t.Errorf("members %v", other)
		}
	})
	t.Run("python-scim: strings in a search", func(t *testing.T) {
		a := v.ask(t, 200, "POST", "/Users/.search", `{"attributes":"userName,title","count":"1","startIndex":"1","sortBy":"userName","sortOrder":"DESCENDING"}`)
		equal(t, "users", a.each("userName"), []string{"plain"})
		equal(t, "attributes", attributes(a.resources()[0]), "id schemas title userName")
		a = v.ask(t, 200, "POST", "/.search", `{"attributes":["userName,displayName"],"excludedAttributes":"userName","count":" 5 "}`)
		if names := a.each("displayName"); !slices.Contains(names, "renamed") {
			t.Errorf("groups %v", names)
		}
	})
}

package provider_test

import (
	"encoding/json"
	"maps"
	"strconv"
	"strings"
	"testing"

	"dsync/internal/scim"
)

// TestRFCPatch holds the rules of RFC 7644 section 3.5.2, a row each.
func TestRFCPatch(t *testing.T) {
	v := open(t)
	const work, home = `{"type":"work","value":"ada@example.com","primary":true}`, `{"type":"home","value":"ada@home.example"}`
	for i, row := range []struct {
		name, operations string
		want             string // attributes that differ afterwards, null for gone; "" for no change at all
		refused          string // the scimType of a 400
	}{
		{"3.5.2.1 add: without a path", `{"op":"add","value":{"nickName":"A","emails":[{"value":"n@x"}]}}`, `{"nickName":"A","emails":[` + work + `,` + home + `,{"value":"n@x"}]}`, ""},
		{"3.5.2.1 add: an attribute that is not there", `{"op":"add","path":"nickName","value":"A"}`, `{"nickName":"A"}`, ""},
		{"3.5.2.1 add: a single value replaces", `{"op":"add","path":"title","value":"Dr"}`, `{"title":"Dr"}`, ""},
		{"3.5.2.1 add: a complex value merges", `{"op":"add","path":"name","value":{"givenName":"A","honorificPrefix":"Lady"}}`, `{"name":{"givenName":"A","familyName":"Lovelace","honorificPrefix":"Lady"}}`, ""},
		{"3.5.2.1 add: a sub-attribute", `{"op":"add","path":"name.middleName","value":"King"}`, `{"name":{"givenName":"Ada","familyName":"Lovelace","middleName":"King"}}`, ""},
		{"3.5.2.1 add: to a list", `{"op":"add","path":"emails","value":[{"value":"n@x"}]}`, `{"emails":[` + work + `,` + home + `,{"value":"n@x"}]}`, ""},
		{"3.5.2.1 add: what is there changes nothing", `{"op":"add","path":"emails","value":[` + home + `]}`, ``, ""},
		{"3.5.2.1 add: a single value that is there", `{"op":"add","path":"title","value":"Countess"}`, ``, ""},
		{"3.5.2.1 add: to the elements that match", `{"op":"add","path":"emails[type eq \"home\"]","value":{"display":"Home"}}`, `{"emails":[` + work + `,{"type":"home","value":"ada@home.example","display":"Home"}]}`, ""},
		{"3.5.2.1 add: an extension's attribute", `{"op":"add","path":"` + scim.EnterpriseURN + `:department","value":"d"}`, `{"schemas":["` + scim.UserURN + `","` + scim.EnterpriseURN + `"],"` + scim.EnterpriseURN + `":{"department":"d"}}`, ""},
		{"3.5.2.1 add: without a value", `{"op":"add","path":"title"}`, "", "invalidValue"},

		{"3.5.2.2 remove: without a path", `{"op":"remove"}`, "", "noTarget"},
		{"3.5.2.2 remove: a single value", `{"op":"remove","path":"title"}`, `{"title":null}`, ""},
		{"3.5.2.2 remove: a complex value", `{"op":"remove","path":"name"}`, `{"name":null}`, ""},
		{"3.5.2.2 remove: a sub-attribute", `{"op":"remove","path":"name.givenName"}`, `{"name":{"familyName":"Lovelace"}}`, ""},
		{"3.5.2.2 remove: a list", `{"op":"remove","path":"emails"}`, `{"emails":null}`, ""},
		{"3.5.2.2 remove: the elements that match", `{"op":"remove","path":"emails[type eq \"work\" and value ew \"example.com\"]"}`, `{"emails":[` + home + `]}`, ""},
		{"3.5.2.2 remove: the last element", `{"op":"remove","path":"emails[value pr]"}`, `{"emails":null}`, ""},
		{"3.5.2.2 remove: a sub-attribute of those that match", `{"op":"remove","path":"emails[type eq \"work\"].primary"}`, `{"emails":[{"type":"work","value":"ada@example.com"},` + home + `]}`, ""},
		{"3.5.2.2 remove: what is not there", `{"op":"remove","path":"nickName"}`, ``, ""},
		{"3.5.2.2 remove: a required attribute", `{"op":"remove","path":"userName"}`, "", "mutability"},
		{"3.5.2.2 remove: a read-only attribute", `{"op":"remove","path":"groups"}`, "", "mutability"},

		{"3.5.2.3 replace: without a path", `{"op":"replace","value":{"title":"Dr","emails":[` + home + `]}}`, `{"title":"Dr","emails":[` + home + `]}`, ""},
		{"3.5.2.3 replace: a single value", `{"op":"replace","path":"title","value":"Dr"}`, `{"title":"Dr"}`, ""},
		{"3.5.2.3 replace: what is not there is added", `{"op":"replace","path":"nickName","value":"A"}`, `{"nickName":"A"}`, ""},
		{"3.5.2.3 replace: sub-attributes that are not named stay", `{"op":"replace","path":"name","value":{"givenName":"A"}}`, `{"name":{"givenName":"A","familyName":"Lovelace"}}`, ""},
		{"3.5.2.3 replace: a list", `{"op":"replace","path":"emails","value":[{"value":"n@x"}]}`, `{"emails":[{"value":"n@x"}]}`, ""},
		{"3.5.2.3 replace: the elements that match", `{"op":"replace","path":"emails[type eq \"home\"]","value":{"type":"home","value":"n@x"}}`, `{"emails":[` + work + `,{"type":"home","value":"n@x"}]}`, ""},
		{"3.5.2.3 replace: a sub-attribute of all that match", `{"op":"replace","path":"emails[value pr].display","value":"d"}`, `{"emails":[{"type":"work","value":"ada@example.com","primary":true,"display":"d"},{"type":"home","value":"ada@home.example","display":"d"}]}`, ""},
		{"3.5.2.3 replace: nothing matches", `{"op":"replace","path":"emails[type eq \"nonexistent\"].value","value":"x"}`, "", "noTarget"},
		{"3.5.2.3 replace: without a value", `{"op":"replace","path":"title"}`, "", "invalidValue"},

		{"3.5.2: op in any letter case", `{"op":"REPLACE","path":"title","value":"Dr"}`, `{"title":"Dr"}`, ""},
		{"3.5.2: path in any letter case", `{"op":"replace","path":"NAME.GIVENNAME","value":"A"}`, `{"name":{"givenName":"A","familyName":"Lovelace"}}`, ""},
		{"3.5.2: full name", `{"op":"replace","path":"` + scim.UserURN + `:name.givenName","value":"A"}`, `{"name":{"givenName":"A","familyName":"Lovelace"}}`, ""},
		{"3.5.2: one after the other", `{"op":"remove","path":"emails"},{"op":"add","path":"emails","value":[{"value":"n@x"}]},{"op":"replace","path":"emails[value eq \"n@x\"].type","value":"other"}`, `{"emails":[{"value":"n@x","type":"other"}]}`, ""},
		{"3.5.2: another primary clears the first", `{"op":"replace","path":"emails[type eq \"home\"].primary","value":true}`, `{"emails":[{"type":"work","value":"ada@example.com","primary":false},{"type":"home","value":"ada@home.example","primary":true}]}`, ""},
		{"3.5.2: all or nothing", `{"op":"replace","path":"title","value":"Dr"},{"op":"remove","path":"emails"},{"op":"remove","path":"userName"}`, "", "mutability"},
		{"3.5.2: read-only", `{"op":"replace","path":"id","value":"x"}`, "", "mutability"},
		{"3.5.2: read-only, meta", `{"op":"replace","path":"meta.created","value":"1999-01-01T00:00:00Z"}`, "", "mutability"},
		{"3.5.2: read-only beside others, without a path", `{"op":"replace","value":{"id":"x","title":"Dr"}}`, `{"title":"Dr"}`, ""},
		{"3.5.2: unknown path", `{"op":"replace","path":"nothing","value":"x"}`, "", "invalidPath"},
		{"3.5.2: unknown op", `{"op":"copy","path":"title","value":"x"}`, "", "invalidSyntax"},
		{"3.5.2: broken filter", `{"op":"remove","path":"emails[type eq]"}`, "", "invalidFilter"},
		{"3.5.2: wrong type", `{"op":"replace","path":"active","value":"sometimes"}`, "", "invalidValue"},
		{"7643 4.1.1: a required attribute cannot be empty", `{"op":"replace","path":"userName","value":""}`, "", "invalidValue"},
	} {
		t.Run(row.name, func(t *testing.T) {
			path, before := v.made(t, "/Users", strings.Replace(ada, `"ada"`, strconv.Quote("u"+strconv.Itoa(i)), 1))
			if row.refused != "" {
				v.refused(t, 400, row.refused, "PATCH", path, patchOf(row.operations))
				equal(t, "afterwards", v.ask(t, 200, "GET", path, "").body, before.body)
				return
			}
			a := v.ask(t, 200, "PATCH", path, patchOf(row.operations))
			equal(t, "GET", v.ask(t, 200, "GET", path, "").body, a.body)
			if row.want == "" {
				equal(t, "what changes nothing", a.body, before.body)
				return
			}
			if a.meta("version") == before.meta("version") {
				t.Error("the version stays")
			}
			want := maps.Clone(before.body)
			var differs map[string]any
			if err := json.Unmarshal([]byte(row.want), &differs); err != nil {
				t.Fatal(err)
			}
			maps.Copy(want, differs)
			maps.DeleteFunc(want, func(_ string, v any) bool { return v == nil })
			want["meta"] = a.body["meta"]
			equal(t, "attributes", a.body, want)
		})
	}
	t.Run("3.5.2: 409 uniqueness", func(t *testing.T) {
		path, _ := v.made(t, "/Users", `{"userName":"rename"}`)
		v.refused(t, 409, "uniqueness", "PATCH", path, patchOf(`{"op":"replace","path":"userName","value":"U0"}`))
	})
	t.Run("3.5.2: the message", func(t *testing.T) {
		path, _ := v.made(t, "/Users", `{"userName":"message"}`)
		for _, body := range []string{
			`{"schemas":["` + scim.PatchOpURN + `"],"Operations":[]}`,
			`{"schemas":["` + scim.PatchOpURN + `"]}`,
			`{"schemas":["` + scim.UserURN + `"],"Operations":[{"op":"replace","path":"title","value":"x"}]}`,
		} {
			v.refused(t, 400, "invalidSyntax", "PATCH", path, body)
		}
	})
}

// The members of a group are changed one by one (RFC 7644 section 3.5.2, RFC
// 7643 section 4.2).
func TestRFCMembers(t *testing.T) {
	v := open(t)
	_, a := v.made(t, "/Users", `{"userName":"a","displayName":"A"}`)
	user, b := v.made(t, "/Users", `{"userName":"b"}`)
	path, _ := v.made(t, "/Groups", `{"displayName":"g"}`)
	one, two := `{"value":"`+a.id()+`"}`, `{"value":"`+b.id()+`"}`
	members := func(group string) string {
		t.Helper()
		var ids []string
		list, _ := v.ask(t, 200, "GET", group, "").body["members"].([]any)
		for _, m := range list {
			m := m.(map[string]any)
			equal(t, "type", m["type"], any("User"))
			ids = append(ids, map[any]string{a.id(): "a", b.id(): "b"}[m["value"]])
		}
		return strings.Join(ids, " ")
	}
	for _, row := range []struct{ name, operations, want string }{
		{"add", `{"op":"add","path":"members","value":[` + one + `]}`, "a"},
		{"add the same again", `{"op":"add","path":"members","value":[` + one + `]}`, "a"},
		{"add without a path", `{"op":"add","value":{"members":[` + two + `]}}`, "a b"},
		{"remove what matches", `{"op":"remove","path":"members[value eq \"` + a.id() + `\"]"}`, "b"},
		{"remove what does not match", `{"op":"remove","path":"members[value eq \"` + a.id() + `\"]"}`, "b"},
		{"replace", `{"op":"replace","path":"members","value":[` + one + `]}`, "a"},
		{"remove all", `{"op":"remove","path":"members"}`, ""},
		{"several operations", `{"op":"add","path":"members","value":[` + one + `,` + two + `]},{"op":"replace","path":"displayName","value":"h"},{"op":"remove","path":"members","value":[` + one + `]}`, "b"},
	} {
		before := v.ask(t, 200, "GET", path, "")
		v.ask(t, 204, "PATCH", path, patchOf(row.operations))
		equal(t, row.name, members(path), row.want)
		after := v.ask(t, 200, "GET", path, "")
		same := strings.HasSuffix(row.name, "again") || strings.Contains(row.name, "not match")
		equal(t, row.name+": the version stays", after.meta("version") == before.meta("version"), same)
	}
	v.refused(t, 400, "mutability", "PATCH", path, patchOf(`{"op":"replace","path":"members[value eq \"`+b.id()+`\"].value","value":"x"}`))
	v.refused(t, 400, "mutability", "PATCH", path, patchOf(`{"op":"remove","path":"displayName"}`))
	v.refused(t, 409, "uniqueness", "POST", "/Groups", `{"displayName":"H"}`)

	// A user names its groups, on request, and cannot change them.
	groups, _ := v.ask(t, 200, "GET", user+"?attributes=groups", "").body["groups"].([]any)
	equal(t, "groups", groups, []any{map[string]any{"value": path[len("/Groups/"):], "$ref": v.base() + path, "display": "h", "type": "direct"}})
	v.refused(t, 400, "mutability", "PATCH", user, patchOf(`{"op":"remove","path":"groups"}`))
}

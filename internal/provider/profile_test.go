package provider_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"dsync/internal/id"
	"dsync/internal/management"
	"dsync/internal/scim"
	"dsync/internal/settings"
)

// typed is the tenant with another directory of a type, with these settings.
func (v tenant) typed(t testing.TB, directoryType, change string) tenant {
	t.Helper()
	var c settings.Change
	if err := json.Unmarshal([]byte(change), &c); err != nil {
		t.Fatal(err)
	}
	return v.with(t, management.NewDirectory{Name: "x", Type: directoryType, Settings: c})
}

// What differs by the type of a directory, and what settings change about it.
// Each name begins with the kind of client.
func TestProfiles(t *testing.T) {
	v := open(t)
	for _, row := range []struct {
		name, directoryType, settings string

		patched int    // status of a PATCH of a group
		lookup  bool   // groups come with a user that was looked up
		kept    string // what is left of the members after a PUT without them
	}{
		{"entra: defaults", settings.Entra, `{}`, 204, false, "kept"},
		{"okta: defaults", settings.Okta, `{}`, 200, true, "kept"},
		{"rauthy: defaults of generic", settings.Generic, `{}`, 204, true, "kept"},
		{"nextcloud: PUT keeps", settings.Generic, `{"put_without_members":"keep"}`, 204, true, "kept"},
		{"canaille: PUT empties", settings.Generic, `{"put_without_members":"remove"}`, 204, true, "removed"},
		{"entra: everything the other way", settings.Entra, `{"group_patch_response":"group","user_groups":"lookup","put_without_members":"remove"}`, 200, true, "removed"},
		{"okta: everything the other way", settings.Okta, `{"group_patch_response":"none","user_groups":"request"}`, 204, false, "kept"},
	} {
		t.Run(row.name, func(t *testing.T) {
			v := v.typed(t, row.directoryType, row.settings)
			user, made := v.made(t, "/Users", `{"userName":"ada","externalId":"x","emails":[{"type":"work","value":"ada@example.com"}]}`)
			group, _ := v.made(t, "/Groups", `{"displayName":"g","externalId":"y","members":[{"value":"`+made.id()+`"}]}`)

			for _, operation := range []string{`{"op":"add","path":"members","value":[{"value":"` + made.id() + `"}]}`, `{"op":"replace","value":{"id":"` + group[len("/Groups/"):] + `","displayName":"h"}}`} {
				a := v.ask(t, row.patched, "PATCH", group, patchOf(operation))
				if row.patched == 200 && attributes(a.body) != "displayName externalId id meta schemas" {
					t.Errorf("PATCH of a group: %s", a.text)
				}
			}
			bulk := `{"schemas":["` + scim.BulkRequestURN + `"],"Operations":[{"method":"PATCH","path":"` + group + `","data":` + patchOf(`{"op":"replace","path":"displayName","value":"i"}`) + `}]}`
			status := map[int]string{200: `"status":"200"`, 204: `"status":"204"`}[row.patched]
			if a := v.ask(t, 200, "POST", "/Bulk", bulk); !strings.Contains(a.text, status) {
				t.Errorf("Bulk: %s, want %s", a.text, status)
			}

			has := func(what string, r map[string]any, want bool) {
				t.Helper()
				if groups, ok := r["groups"].([]any); ok != want || want && len(groups) != 1 {
					t.Errorf("%s: groups %v, want them: %v", what, r["groups"], want)
				}
			}
			first := func(path string) map[string]any {
				t.Helper()
				list := v.ask(t, 200, "GET", path, "").resources()
				if len(list) != 1 {
					t.Fatalf("%s: %v", path, list)
				}
				return list[0]
			}
			has("GET", v.ask(t, 200, "GET", user, "").body, row.lookup)
			for _, filter := range []string{`userName+eq+"ADA"`, `externalId+eq+"x"`, `id+eq+"` + made.id() + `"`, `emails[type+eq+"work"].value+eq+"ada@example.com"`, `userName+eq+"ada"+and+active+eq+true`} {
				has(filter, first("/Users?filter="+filter), row.lookup)
			}
			has("search", v.ask(t, 200, "POST", "/Users/.search", `{"filter":"userName eq \"ada\""}`).resources()[0], row.lookup)
			has("excluded", v.ask(t, 200, "GET", user+"?excludedAttributes=groups", "").body, false)
			has("others excluded", v.ask(t, 200, "GET", user+"?excludedAttributes=name", "").body, row.lookup)
			has("named", v.ask(t, 200, "GET", user+"?attributes=groups", "").body, true)
			has("others named", v.ask(t, 200, "GET", user+"?attributes=userName", "").body, false)
			// Elsewhere they come on request alone.
			for _, path := range []string{"/Users", `/Users?filter=userName+sw+"a"`, `/Users?filter=groups+eq+"` + group[len("/Groups/"):] + `"`, `/Users?filter=not+(userName+eq+"x")`} {
				has(path, first(path), false)
			}
			has("named in a list", first("/Users?attributes=groups"), true)
			has("POST", made.body, false)
			has("PUT", v.ask(t, 200, "PUT", user, `{"userName":"ada","groups":[]}`).body, false)
			has("PATCH", v.ask(t, 200, "PATCH", user, patchOf(`{"op":"replace","path":"title","value":"x"}`)).body, false)
			for _, a := range v.ask(t, 200, "GET", "/Schemas/"+scim.UserURN, "").body["attributes"].([]any) {
				if a := a.(map[string]any); a["name"] == "groups" {
					equal(t, "published", a["returned"], any(map[bool]string{true: "default", false: "request"}[row.lookup]))
				}
			}
			if without, _ := v.made(t, "/Users", `{"userName":"eve"}`); row.lookup {
				if groups, ok := v.ask(t, 200, "GET", without, "").body["groups"].([]any); !ok || len(groups) != 0 {
					t.Error("a user without groups has no empty list of them")
				}
			}

			members := func() string {
				if list, _ := v.ask(t, 200, "GET", group, "").body["members"].([]any); len(list) == 1 {
					return "kept"
				}
				return "removed"
			}
			v.ask(t, 200, "PUT", group, `{"displayName":"j"}`)
			equal(t, "PUT", members(), row.kept)
			v.ask(t, 200, "PUT", group, `{"displayName":"j","members":[{"value":"`+made.id()+`"}]}`)
			equal(t, "PUT with members", members(), "kept")
			v.ask(t, 200, "POST", "/Bulk", `{"schemas":["`+scim.BulkRequestURN+`"],"Operations":[{"method":"PUT","path":"`+group+`","data":{"displayName":"j"}}]}`)
			equal(t, "PUT in Bulk", members(), row.kept)
			v.ask(t, row.patched, "PATCH", group, patchOf(`{"op":"add","path":"members","value":[{"value":"`+made.id()+`"}]}`))
			v.ask(t, row.patched, "PATCH", group, patchOf(`{"op":"replace","value":{"displayName":"k"}}`))
			equal(t, "PATCH without members", members(), "kept")
			v.ask(t, 200, "PUT", group, `{"displayName":"j","members":[]}`)
			equal(t, "PUT with an empty list", members(), "removed")
		})
	}
}

// A change of settings is used by the next request that reads the token: within
// 5 seconds.
func TestProfileFollowsSettings(t *testing.T) {
	v := open(t)
	now := time.Now()
	o := v.options
	o.Now = func() time.Time { return now }
	v = v.serving(o)
	group, _ := v.made(t, "/Groups", `{"displayName":"g"}`)
	rename := patchOf(`{"op":"replace","path":"displayName","value":"h"}`)
	v.ask(t, 204, "PATCH", group, rename)
	all, err := v.management().Directories(t.Context(), "", "", management.PageRequest{Limit: 1})
	if err != nil {
		t.Fatal(err)
	}
	change := settings.Change{"group_patch_response": json.RawMessage(`"group"`)}
	if _, err := v.management().UpdateDirectory(t.Context(), all.Items[0].ID, management.DirectoryUpdate{Settings: change}); err != nil {
		t.Fatal(err)
	}
	now = now.Add(5 * time.Second)
	v.ask(t, 200, "PATCH", group, rename)
}

const migrated = "X-WorkOS-Migrated-Id"

// A directory that imports ids takes the one that a POST brings. The requests are
// those of WorkOS's tool for migrations: PUT, and POST after the 404.
func TestImport(t *testing.T) {
	v := open(t)
	v, other := v.typed(t, settings.Generic, `{"import_ids":true}`), v.typed(t, settings.Okta, `{"import_ids":true}`)
	off := v.typed(t, settings.Generic, `{}`)
	newID := func(k id.Kind) string {
		s, err := id.New(k, time.Now().Add(-time.Hour), v.options.Entropy)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	user, group := newID(id.User), newID(id.Group)
	v.refused(t, 404, "", "PUT", "/Users/"+user, `{"userName":"ada"}`, migrated, user)
	a := v.ask(t, 201, "POST", "/Users", `{"userName":"ada","id":"mine"}`, migrated, user)
	if a.id() != user || !strings.HasSuffix(a.header.Get("Location"), "/Users/"+user) {
		t.Errorf("workos-bridge: the id was not adopted: %s", a.text)
	}
	v.ask(t, 200, "PUT", "/Users/"+user, `{"userName":"ada","title":"x"}`, migrated, user)
	v.ask(t, 200, "PATCH", "/Users/"+user, patchOf(`{"op":"replace","path":"title","value":"y"}`))
	if g := v.ask(t, 201, "POST", "/Groups", `{"displayName":"g","members":[{"value":"`+user+`"}]}`, migrated, group); g.id() != group {
		t.Errorf("workos-bridge: the id of a group was not adopted: %s", g.text)
	}
	equal(t, "groups", v.ask(t, 200, "GET", "/Users/"+user, "").body["groups"].([]any)[0].(map[string]any)["value"], any(group))
	equal(t, "found", v.ask(t, 200, "GET", `/Users?filter=id+eq+"`+user+`"`, "").each("id")[0], user)

	minted := v.ask(t, 201, "POST", "/Users", `{"userName":"eve"}`).id()
	before := v.count(t)
	for name, row := range map[string]struct {
		v        tenant
		path, id string
		status   int
		scimType string
	}{
		"the same id again":                   {v, "/Users", user, 409, "uniqueness"},
		"the id of another directory":         {other, "/Users", user, 409, "uniqueness"},
		"the group of another directory":      {other, "/Groups", group, 409, "uniqueness"},
		"an id that was not imported":         {other, "/Users", minted, 409, "uniqueness"},
		"the id of a group for a user":        {v, "/Users", newID(id.Group), 400, "invalidValue"},
		"the id of a user for a group":        {v, "/Groups", newID(id.User), 400, "invalidValue"},
		"a UUID":                              {v, "/Users", "0a21f0f2-8d2a-4f8e-bf98-7363c4aed4ef", 400, "invalidValue"},
		"a number":                            {v, "/Users", "7", 400, "invalidValue"},
		"small letters":                       {v, "/Users", strings.ToLower(newID(id.User)), 400, "invalidValue"},
		"hostile: a separator of keys":        {v, "/Users", newID(id.User) + "#x", 400, "invalidValue"},
		"hostile: a ULID that is no number":   {v, "/Users", "directory_user_8ZZZZZZZZZZZZZZZZZZZZZZZZZ", 400, "invalidValue"},
		"hostile: very long":                  {v, "/Groups", strings.Repeat("x", 8000), 400, "invalidValue"},
		"a name that is taken, with a new id": {v, "/Users", newID(id.User), 409, "uniqueness"},
	} {
		body := fmt.Sprintf(`{"userName":%q,"displayName":%q}`, name, name)
		if strings.HasPrefix(name, "a name") {
			body = `{"userName":"ADA"}`
		}
		t.Run(name, func(t *testing.T) {
			row.v.refused(t, row.status, row.scimType, "POST", row.path, body, migrated, row.id)
		})
	}
	equal(t, "records", v.count(t), before)

	// An id is not used again when its user is deleted.
	v.ask(t, 204, "DELETE", "/Users/"+user, "")
	v.refused(t, 404, "", "GET", "/Users/"+user, "")
	for _, w := range []tenant{v, other} {
		w.refused(t, 409, "uniqueness", "POST", "/Users", `{"userName":"again"}`, migrated, user)
	}

	// Without the setting the header means nothing. In a bulk request there are no
	// headers of operations, and that of the request means nothing.
	if a := off.ask(t, 201, "POST", "/Users", `{"userName":"ada"}`, migrated, newID(id.User)); a.id() == user || !id.User.Valid(a.id()) {
		t.Errorf("off: %s", a.text)
	}
	off.ask(t, 201, "POST", "/Users", `{"userName":"eve"}`, migrated, "nonsense")
	bulk := v.ask(t, 200, "POST", "/Bulk", `{"schemas":["`+scim.BulkRequestURN+`"],"Operations":[{"method":"POST","path":"/Users","bulkId":"a","data":{"userName":"bulk"}}]}`, migrated, newID(id.User))
	if strings.Contains(bulk.text, `"status":"4`) {
		t.Error(bulk.text)
	}
}

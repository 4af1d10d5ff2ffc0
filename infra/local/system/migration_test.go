package system_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"dsync/infra/local/client"
	"dsync/infra/local/system"
	"dsync/internal/settings"

	"github.com/google/go-cmp/cmp"
)

// TestMigration moves a directory from WorkOS as docs/deploy.md describes it: its
// users and groups keep their ids in SCIM, in the REST API and in events.
func TestMigration(t *testing.T) {
	const (
		ada   = "directory_user_01E1X56GH84T3FB41SD6PZGDBX"
		eve   = "directory_user_01E1X56GH84T3FB41SD6PZGDBY"
		staff = "directory_group_01E1X56GH84T3FB41SD6PZGDBZ"
	)
	s := start(t, system.Options{})
	api := client.Client{URL: s.APIURL, Key: s.APIKey}
	connect := func(name string) client.Connection {
		t.Helper()
		c, err := api.Connect(t.Context(), name, settings.Entra)
		if err != nil {
			t.Fatal(err)
		}
		body := map[string]any{"settings": map[string]any{"import_ids": true}}
		if err := api.Call(t.Context(), http.MethodPatch, "/directories/"+c.DirectoryID, body, nil); err != nil {
			t.Fatal(err)
		}
		return c
	}
	acme, other := connect("Acme"), connect("Other")
	scim := func(c client.Connection, method, path, id, body string, want int) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, c.TenantURL+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+c.Token)
		r.Header.Set("Content-Type", "application/scim+json")
		if id != "" {
			r.Header.Set("X-WorkOS-Migrated-Id", id)
		}
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != want {
			t.Errorf("%s %s: %d, want %d", method, path, response.StatusCode, want)
		}
	}
	// The migration: PUT of an unknown id, and POST after the 404.
	for id, body := range map[string]string{ada: user("ada@example.com"), eve: user("eve@example.com")} {
		scim(acme, "PUT", "/Users/"+id, id, body, 404)
		scim(acme, "POST", "/Users", id, body, 201)
	}
	scim(acme, "POST", "/Groups", staff, `{"displayName":"Staff","members":[{"value":"`+ada+`"}]}`, 201)
	scim(acme, "PUT", "/Users/"+ada, ada, user("ada@example.com"), 200)
	scim(acme, "POST", "/Users", ada, user("again@example.com"), 409)
	scim(other, "POST", "/Users", ada, user("ada@example.com"), 409)
	// The provider goes on.
	patch := func(operation string) string {
		return `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[` + operation + `]}`
	}
	scim(acme, "PATCH", "/Users/"+ada, "", patch(`{"op":"Replace","path":"active","value":"False"}`), 200)
	scim(acme, "PATCH", "/Groups/"+staff, "", patch(`{"op":"Add","path":"members","value":[{"value":"`+eve+`"}]}`), 204)
	scim(acme, "DELETE", "/Users/"+ada, "", "", 204)
	scim(acme, "POST", "/Users", ada, user("ada@example.com"), 409)

	var shown struct {
		DirectoryID string `json:"directory_id"`
		Groups      []struct{ ID string }
	}
	if err := api.Call(t.Context(), http.MethodGet, "/directory_users/"+eve, nil, &shown); err != nil || shown.DirectoryID != acme.DirectoryID || len(shown.Groups) != 1 || shown.Groups[0].ID != staff {
		t.Errorf("eve is %+v, %v", shown, err)
	}
	if err := api.Call(t.Context(), http.MethodGet, "/directory_groups/"+staff, nil, nil); err != nil {
		t.Error(err)
	}
	if err := api.Call(t.Context(), http.MethodGet, "/directory_users/"+ada, nil, nil); err == nil {
		t.Error("a deleted user is shown")
	}

	want := map[string][]string{
		ada:               {"dsync.user.created", "dsync.user.updated", "dsync.user.deleted"},
		eve:               {"dsync.user.created"},
		staff:             {"dsync.group.created"},
		staff + " " + ada: {"dsync.group.user_added"},
		staff + " " + eve: {"dsync.group.user_added"},
	}
	var got map[string][]string
	await(t, "the events", func() bool {
		page, err := api.Events(t.Context(), url.Values{"directory": {acme.DirectoryID}, "limit": {"100"}})
		if err != nil {
			t.Fatal(err)
		}
		got = map[string][]string{}
		for _, event := range page.Data {
			var e struct {
				Event string
				Data  struct {
					ID          string
					User, Group struct{ ID string }
				}
			}
			if err := json.Unmarshal(event, &e); err != nil {
				t.Fatal(err)
			}
			about := strings.TrimSpace(e.Data.Group.ID + " " + e.Data.User.ID + e.Data.ID)
			if slices.ContainsFunc([]string{"dsync.user.", "dsync.group."}, func(kind string) bool { return strings.HasPrefix(e.Event, kind) }) {
				got[about] = append(got[about], e.Event)
			}
		}
		return len(got) >= len(want) && len(got[ada]) >= 3
	})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

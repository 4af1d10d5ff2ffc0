package browser

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"dsync/infra/local/client"
	"dsync/internal/settings"

	"github.com/chromedp/chromedp"
)

// The pictures of the README, of pages with the traffic of a small customer. They
// are written to the folder PICTURES; without one the pages are looked at alone.
func TestPictures(t *testing.T) {
	chromium(t)
	s := start(t)
	api := client.Client{URL: s.APIURL, Key: s.APIKey}
	for _, name := range []string{"Globex", "Initech"} {
		if _, err := api.Connect(t.Context(), name, settings.Okta); err != nil {
			t.Fatal(err)
		}
	}
	c, err := api.Connect(t.Context(), "Acme Inc.", settings.Entra)
	if err != nil {
		t.Fatal(err)
	}
	if err := api.Call(t.Context(), http.MethodPatch, "/directories/"+c.DirectoryID, map[string]any{"name": "Acme's tenant"}, nil); err != nil {
		t.Fatal(err)
	}
	send := func(status int, method, path string, body any) {
		t.Helper()
		b, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		if got := scim(t, method, c.TenantURL+path, c.Token, string(b)); got != status {
			t.Fatalf("%s %s: %d", method, path, got)
		}
	}
	patch := func(operations ...map[string]any) map[string]any {
		return map[string]any{"schemas": []string{"urn:ietf:params:scim:api:messages:2.0:PatchOp"}, "Operations": operations}
	}
	first := func(kind string) (id string) {
		t.Helper()
		var list struct{ Data []struct{ ID string } }
		if err := api.Call(t.Context(), http.MethodGet, "/directory_"+kind+"?directory="+c.DirectoryID, nil, &list); err != nil || len(list.Data) == 0 {
			t.Fatal(list, err)
		}
		return list.Data[0].ID
	}
	for n, name := range []string{"Grace Hopper", "Alan Turing", "Ada Lovelace"} {
		given, family, _ := strings.Cut(name, " ")
		address := strings.ToLower(given + "." + family + "@acme.example")
		send(http.StatusCreated, http.MethodPost, "/Users", map[string]any{
			"externalId": fmt.Sprintf("4f7c0e0a-8a3d-4b0c-9d5e-6f3a2b1c0d9%x", n), "userName": address, "displayName": name, "active": true, "title": "Engineer", "name": map[string]any{"givenName": given, "familyName": family},
			"emails": []any{map[string]any{"type": "work", "value": address, "primary": true}},
		})
	}
	ada := first("users")
	send(http.StatusCreated, http.MethodPost, "/Groups", map[string]any{"displayName": "Engineering"})
	group := "/Groups/" + first("groups")
	send(http.StatusNoContent, http.MethodPatch, group, patch(map[string]any{"op": "Add", "path": "members", "value": []any{map[string]any{"value": ada}}}))
	send(http.StatusOK, http.MethodPatch, "/Users/"+ada, patch(map[string]any{"op": "Replace", "path": "title", "value": "Principal Engineer"}))

	b := open(t)
	b.signIn(s, "Ada Lovelace", "admin")
	b.look(1280, "light")
	for _, action := range []string{"pause", "resume"} {
		b.post("/directories/" + c.DirectoryID + "/" + action)
	}
	picture := func(name, path, see string) {
		t.Helper()
		b.await(fmt.Sprint("see ", see, " on ", path), fmt.Sprintf(`location.pathname == "/console%[1]s" && document.body.innerText.includes(%[2]q) || (location.assign("/console%[1]s"), false)`, path, see))
		b.visit(s, "/console"+path) // without a toast
		b.see(see)
		if folder := os.Getenv("PICTURES"); folder != "" {
			png, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
			if err != nil {
				b.failed("picture", err)
			}
			if err := os.WriteFile(filepath.Join(folder, "console-"+name+".png"), png, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	picture("directory", "/directories/"+c.DirectoryID, "Principal Engineer")
	// What is refused or passed over, after the picture of a healthy directory.
	send(http.StatusNoContent, http.MethodPatch, group, patch(map[string]any{"op": "Add", "path": "members", "value": []any{map[string]any{"value": "4f7c0e0a-8a3d-4b0c-9d5e-6f3a2b1c0d9e"}}}))
	send(http.StatusConflict, http.MethodPost, "/Users", map[string]any{"userName": "ada.lovelace@acme.example"})
	send(http.StatusBadRequest, http.MethodPatch, "/Users/"+ada, patch(map[string]any{"op": "Add", "path": "badgeNumber", "value": "1815"}))
	send(http.StatusBadRequest, http.MethodPost, "/Users", map[string]any{"displayName": "Test account"})
	picture("requests", "/directories/"+c.DirectoryID+"/requests", "badgeNumber")
	picture("audit", "/audit", "signed in")
}

package browser

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// addDirectory creates an organization and its directory, by the labels of the pages.
// It ends on the page that shows the secret.
func (b *tab) addDirectory() (endpoint, token string) {
	b.t.Helper()
	b.click("Organizations")
	b.click("New organization")
	b.typeInto("Name", "Acme Inc.")
	b.click("Create organization")
	b.see("The organization was created.")
	b.click("Add Directory")
	b.click("Entra ID")
	b.typeInto("Name", "Acme's tenant")
	b.click("Create Directory")
	b.see("The directory was created.")
	return b.code("Endpoint"), b.code("Bearer Token")
}

// From an empty machine to the first live change, by the labels of WorkOS's guide.
func TestFirstDirectory(t *testing.T) {
	chromium(t)
	s := start(t)
	b := open(t)
	b.signIn(s, "Ada Lovelace", "admin")
	b.clicks = 0
	begin := time.Now()
	endpoint, token := b.addDirectory()
	if !strings.HasPrefix(endpoint, s.APIURL+"/scim/v2.0/") || !strings.HasPrefix(token, "dsync_scim_") {
		t.Fatalf("endpoint %s, token %.12s…", endpoint, token)
	}
	b.click("Done: show the directory")
	b.see("Waiting for the first request")

	sent := time.Now()
	if status := scim(t, http.MethodPost, endpoint+"/Users", token, `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"grace@acme.example","displayName":"Grace Hopper"}`); status != http.StatusCreated {
		t.Fatalf("POST /Users: %d", status)
	}
	answered := time.Now()
	b.see("Grace Hopper was created")
	t.Logf("%d clicks and %v until the first change; it was on the page %v after the answer, %v after the request", b.clicks, time.Since(begin), time.Since(answered), time.Since(sent))
}

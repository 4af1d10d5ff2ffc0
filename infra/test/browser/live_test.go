package browser

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"dsync/infra/local/client"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/chromedp"
)

// The changes of all directories: live, filtered by event and organization, and
// with links to who was changed and where.
func TestAllChanges(t *testing.T) {
	chromium(t)
	s := start(t)
	api := client.Client{URL: s.APIURL, Key: s.APIKey}
	acme, err := api.Connect(t.Context(), "Acme", "")
	if err != nil {
		t.Fatal(err)
	}
	globex, err := api.Connect(t.Context(), "Globex", "")
	if err != nil {
		t.Fatal(err)
	}
	user := func(c client.Connection, name string) {
		t.Helper()
		if status := scim(t, http.MethodPost, c.TenantURL+"/Users", c.Token, fmt.Sprintf(`{"userName":%q,"displayName":%[1]q}`, name)); status != http.StatusCreated {
			t.Fatalf("%s: %d", name, status)
		}
	}
	b := open(t)
	b.signIn(s, "Ada Lovelace", "viewer")
	b.click("Changes")
	user(acme, "Grace")
	user(globex, "Alan")
	b.see("Grace was created")
	b.see("Alan was created")
	b.act("filter", chromedp.SetValue("#f-event", "dsync.user.created"), chromedp.SetValue("#f-organization", "acme"))
	b.click("Show")
	b.see("Show all")
	if text := eval[string](b, "document.getElementById('changes').innerText"); !strings.Contains(text, "Grace was created") || strings.Contains(text, "Alan") || strings.Contains(text, "Token") {
		t.Errorf("the filtered changes: %s", text)
	}
	user(globex, "Kurt")
	user(acme, "Emmy")
	b.see("Emmy was created")
	if text := eval[string](b, "document.getElementById('changes').innerText"); strings.Contains(text, "Kurt") {
		t.Errorf("the filtered changes: %s", text)
	}
	b.click("Emmy")
	b.see("Attributes as received")
}

// Without the network the page says so, and asks again until it is back. Paused, it
// does not ask.
func TestLostNetwork(t *testing.T) {
	chromium(t)
	s := start(t)
	c, err := client.Client{URL: s.APIURL, Key: s.APIKey}.Connect(t.Context(), "Acme", "")
	if err != nil {
		t.Fatal(err)
	}
	b := open(t)
	b.signIn(s, "Ada Lovelace", "viewer")
	b.visit(s, "/console/directories/"+c.DirectoryID)
	b.see("Live")
	b.expect("ERR_INTERNET_DISCONNECTED")
	b.offline(true)
	b.see("No connection")
	if status := scim(t, http.MethodPost, c.TenantURL+"/Users", c.Token, `{"userName":"grace","displayName":"Grace"}`); status != http.StatusCreated {
		t.Fatal(status)
	}
	b.offline(false)
	b.see("Grace was created")
	if state := eval[string](b, "document.getElementById('live-state').textContent"); state != "Live" {
		t.Errorf("after the network is back: %q", state)
	}
	b.click("Pause")
	b.see("Paused")
	asked := eval[int](b, "performance.getEntriesByType('resource').length")
	if status := scim(t, http.MethodPost, c.TenantURL+"/Users", c.Token, `{"userName":"alan","displayName":"Alan"}`); status != http.StatusCreated {
		t.Fatal(status)
	}
	if now := eval[int](b, "performance.getEntriesByType('resource').length"); now > asked+1 { // one may have been under way
		t.Errorf("paused, the page asked %d times", now-asked)
	}
	b.click("Resume")
	b.see("Alan was created")
}

// networkConditions are the parameters of Network.emulateNetworkConditions, which
// every Chromium knows.
type networkConditions struct {
	Offline  bool    `json:"offline"`
	Latency  float64 `json:"latency"`
	Download float64 `json:"downloadThroughput"`
	Upload   float64 `json:"uploadThroughput"`
}

var emulateNetwork = cdp.Command[networkConditions, cdp.Empty]{Method: "Network.emulateNetworkConditions"}

// offline takes the network away from the page, or gives it back.
func (b *tab) offline(is bool) {
	b.t.Helper()
	if _, err := chromedp.Call(b.ctx, emulateNetwork, networkConditions{Offline: is, Download: -1, Upload: -1}); err != nil {
		b.t.Fatal(err)
	}
}

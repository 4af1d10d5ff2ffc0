package browser

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"dsync/infra/local/client"
	"dsync/infra/local/system"
	"dsync/infra/test/admin"
	"dsync/internal/settings"

	"github.com/chromedp/chromedp"
)

// logo is a small picture, as a data: URL.
func logo(t *testing.T) string {
	t.Helper()
	picture := image.NewPaletted(image.Rect(0, 0, 32, 32), color.Palette{color.Transparent, color.RGBA{10, 92, 54, 255}})
	for x := range 32 {
		for y := range 32 {
			if (x-16)*(x-16)+(y-16)*(y-16) < 200 {
				picture.SetColorIndex(x, y, 1)
			}
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, picture); err != nil {
		t.Fatal(err)
	}
	return "data:image/png;base64," + base64.StdEncoding.EncodeToString(b.Bytes())
}

// setupLink makes a setup link for a directory.
func setupLink(t *testing.T, s *system.System, directoryID string) string {
	t.Helper()
	api := client.Client{URL: s.APIURL, Key: s.APIKey}
	var made struct{ Link string }
	body := map[string]any{"return_url": "https://app.widgets.example/settings", "success_url": "https://app.widgets.example/done"}
	if err := api.Call(t.Context(), http.MethodPost, "/directories/"+directoryID+"/setup_links", body, &made); err != nil {
		t.Fatal(err)
	}
	return made.Link
}

// dress gives the setup page the looks of a vendor.
func dress(t *testing.T, s *system.System) client.Client {
	t.Helper()
	api := client.Client{URL: s.APIURL, Key: s.APIKey}
	body := map[string]any{"name": "Widgets", "logo": logo(t), "color": "#0a5c36", "support_email": "help@widgets.example", "allowed_origins": []string{"https://app.widgets.example"}}
	if err := api.Call(t.Context(), http.MethodPatch, "/setup_page", body, nil); err != nil {
		t.Fatal(err)
	}
	return api
}

// newDirectory makes a directory with no token, as generate_link does.
func newDirectory(t *testing.T, api client.Client, name string) (directoryID, link string) {
	t.Helper()
	var organization struct{ ID string }
	if err := api.Call(t.Context(), http.MethodPost, "/organizations", map[string]any{"name": name}, &organization); err != nil {
		t.Fatal(err)
	}
	var made struct{ Link string }
	if err := api.Call(t.Context(), http.MethodPost, "/portal/generate_link", map[string]any{"organization": organization.ID, "intent": "dsync"}, &made); err != nil {
		t.Fatal(err)
	}
	var list struct{ Data []struct{ ID string } }
	if err := api.Call(t.Context(), http.MethodGet, "/directories?organization_id="+organization.ID, nil, &list); err != nil || len(list.Data) != 1 {
		t.Fatal(list, err)
	}
	return list.Data[0].ID, made.Link
}

// follow opens a link by its button.
func (b *tab) follow(link string) {
	b.t.Helper()
	b.act("open the link", chromedp.Navigate(link), chromedp.WaitReady("main"))
	b.click("Continue")
	b.see("Set up Microsoft Entra ID")
}

// told waits until the live box says that.
func (b *tab) told(code string) {
	b.t.Helper()
	b.await("be told "+code, fmt.Sprintf("document.querySelector('[data-code]').dataset.code == %q", code))
}

// person is a user as Entra sends it.
func person(n int, email bool, externalID string) string {
	emails := ""
	if email {
		emails = fmt.Sprintf(`,"emails":[{"type":"work","primary":true,"value":"user%d@acme.example"}]`, n)
	}
	return fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"user%[1]d@acme.example","displayName":"User %[1]d","externalId":%[2]q,"active":true%[3]s}`, n, externalID, emails)
}

// From the link to a connected directory, by the labels of the page.
func TestSetup(t *testing.T) {
	chromium(t)
	s := start(t)
	api := dress(t, s)
	_, link := newDirectory(t, api, "Acme Inc.")
	b := open(t)
	b.follow(link)
	if at := eval[string](b, "location.href"); at != s.APIURL+"/setup/" {
		t.Errorf("the secret stays in the URL: %s", at)
	}
	b.see("There is no token yet")
	b.click("Create the Secret Token")
	b.see("It is shown only now")
	tenantURL, token := b.code("Tenant URL"), b.code("Secret Token")
	if !strings.HasPrefix(tenantURL, s.APIURL+"/scim/v2.0/") || !strings.HasPrefix(token, "dsync_scim_") {
		t.Fatalf("%s, %.12s…", tenantURL, token)
	}
	if at := eval[string](b, "location.pathname"); at != "/setup/" {
		t.Errorf("loading %s again makes another token", at)
	}
	b.see("Waiting for Test Connection")
	if status := scim(t, http.MethodGet, tenantURL+"/Users?filter=userName+eq+%221f0a2b3c-4d5e-4f60-8a7b-9c0d1e2f3a4b%22", token, ""); status != http.StatusOK {
		t.Fatal(status)
	}
	b.told("received")
	if got := b.code("Secret Token"); got != token {
		t.Errorf("what is live has taken the token away: %.12s", got)
	}
	if status := scim(t, http.MethodPost, tenantURL+"/Users", token, person(1, false, "user1")); status != http.StatusCreated {
		t.Fatal(status)
	}
	b.see("externalId is “user1”, not the objectId.")
	b.see("There is no e-mail address.")
	b.see("Map objectId to externalId")
	if !eval[bool](b, "document.querySelector('.logo').naturalWidth > 0") {
		t.Error("the logo is not shown")
	}
	b.visit(s, "/setup/")
	b.see("Create another token")
	if strings.Contains(eval[string](b, "document.documentElement.outerHTML"), token) {
		t.Error("the token is shown again")
	}
	b.click("Deutsch")
	b.see("Eine Testperson")
	b.see("externalId ist „user1“")
}

// A link opens once. Whoever comes too late is told why, and nothing is shown.
func TestSetupLinkPages(t *testing.T) {
	chromium(t)
	s := start(t)
	api := dress(t, s)
	directory, link := newDirectory(t, api, "Acme Inc.")
	for range 2 { // what scans mails
		response, err := http.Get(link)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != http.StatusOK || len(response.Cookies()) != 0 {
			t.Fatalf("a scanner: %d, %v", response.StatusCode, response.Cookies())
		}
	}
	first, second := open(t), open(t)
	first.follow(link)
	for _, b := range []*tab{first, second} {
		b.expect("410")
		b.expect("404")
		b.expect("401")
	}
	told := func(b *tab, link, title string) {
		t.Helper()
		b.act("open "+title, chromedp.Navigate(link), chromedp.WaitReady("main"))
		b.see(title)
		if page := eval[string](b, "document.body.innerText"); strings.Contains(page, "Acme") {
			t.Errorf("%s: the page names the customer: %s", title, page)
		}
	}
	told(second, link, "This link was opened already")
	told(second, s.APIURL+"/setup/", "Open your setup link")
	told(second, link[:len(link)-3], "This link is not complete")
	first.act("the same browser", chromedp.Navigate(link), chromedp.WaitReady("main"))
	first.see("Before you start")

	// A link of another directory opens a session of its own.
	_, foreign := newDirectory(t, api, "Globex")
	first.follow(foreign)
	first.see("Globex")
	if strings.Contains(eval[string](first, "document.body.innerText"), "Acme") {
		t.Error("the page shows another customer")
	}

	next := setupLink(t, s, directory)
	told(second, link, "This link was replaced or revoked")
	second.follow(next)
	var links struct{ Data []struct{ ID string } }
	if err := api.Call(t.Context(), http.MethodGet, "/directories/"+directory+"/setup_links", nil, &links); err != nil || len(links.Data) != 2 {
		t.Fatal(links, err)
	}
	if err := api.Call(t.Context(), http.MethodDelete, "/directories/"+directory+"/setup_links/"+links.Data[0].ID, nil, nil); err != nil {
		t.Fatal(err)
	}
	second.see("This link was replaced or revoked") // by itself
}

// The pages follow the rules of WCAG 2.2 in all widths, colours and languages, with
// hostile names, and need no sideways scrolling.
func TestSetupPages(t *testing.T) {
	chromium(t)
	axe, err := os.ReadFile("../../../node_modules/axe-core/axe.min.js")
	if err != nil {
		t.Fatalf("axe-core is not installed: %v (make test installs it)", err)
	}
	s := start(t)
	api := dress(t, s)
	b := open(t)
	b.expect("404")
	b.expect("410")
	look := func(name string) {
		t.Helper()
		for _, l := range looks {
			b.look(l.width, l.scheme)
			where := fmt.Sprintf("%s at %d, %s", name, l.width, l.scheme)
			b.await("the width", fmt.Sprintf("innerWidth == %d && document.documentElement.clientWidth <= %[1]d && document.querySelector('main').getBoundingClientRect().width > %[1]d / 3", l.width))
			if folder := os.Getenv("SCREENSHOTS"); folder != "" {
				b.picture(filepath.Join(folder, fmt.Sprintf("setup-%s-%d-%s.png", name, l.width, l.scheme)))
			}
			if wide := eval[int64](b, "document.documentElement.scrollWidth"); wide > l.width {
				t.Errorf("%s: the page is %d wide", where, wide)
			}
			b.act("load axe", chromedp.Evaluate[chromedp.Void](string(axe)))
			for _, v := range b.violations() {
				t.Errorf("%s: %s", where, v)
			}
		}
	}
	c, err := api.Connect(t.Context(), "Acme Inc.", settings.Entra)
	if err != nil {
		t.Fatal(err)
	}
	link := setupLink(t, s, c.DirectoryID)
	b.act("the offer", chromedp.Navigate(link), chromedp.WaitReady("main"))
	look("offer")
	b.follow(link)
	b.see("Waiting for Test Connection")
	look("waiting")
	b.click("Create another token")
	b.see("It is shown only now")
	look("token")
	for i, name := range hostile {
		if len(name) > 1000 {
			name = name[:1000]
		}
		scim(t, http.MethodPost, c.TenantURL+"/Users", c.Token, fmt.Sprintf(`{"userName":%q,"displayName":%q,"title":%q}`, fmt.Sprint(i, name), name, name))
		scim(t, http.MethodPost, c.TenantURL+"/Groups", c.Token, fmt.Sprintf(`{"displayName":%q}`, name))
	}
	scim(t, http.MethodPost, c.TenantURL+"/Users", c.Token, person(7, true, "1f0a2b3c-4d5e-4f60-8a7b-9c0d1e2f3a4b"))
	b.visit(s, "/setup/")
	b.see("User 7")
	look("received")
	b.click("Deutsch")
	b.see("Bevor Sie beginnen")
	look("deutsch")
	b.act("a link that is none", chromedp.Navigate(s.APIURL+"/setup/?token=x"), chromedp.WaitReady("main"))
	look("unknown")
}

// An admin who makes the classic mistakes is told each on the page, while it is open,
// and ends with all steps ticked.
func TestSetupMistakes(t *testing.T) {
	chromium(t)
	s := start(t)
	api := dress(t, s)
	foreign, err := api.Connect(t.Context(), "Globex", settings.Entra)
	if err != nil {
		t.Fatal(err)
	}
	_, link := newDirectory(t, api, "Acme Inc.")
	b := open(t)
	b.follow(link)
	b.click("Create the Secret Token")
	b.told("waiting")
	portal := &admin.Portal{TenantURL: b.code("Tenant URL"), Token: b.code("Secret Token"), Foreign: foreign.Token}
	for _, step := range admin.Steps() {
		if err := step.Do(t.Context(), portal); err != nil {
			t.Fatalf("the admin %s: %v", step.Name, err)
		}
		sent := time.Now()
		if step.Code != "" {
			b.told(step.Code)
		}
		b.see(step.Says)
		if step.Lacks != "" {
			b.await("no longer see "+step.Lacks, fmt.Sprintf("!document.body.innerText.includes(%q)", step.Lacks))
		}
		t.Logf("the admin %s: told %v after the answer", step.Name, time.Since(sent).Round(time.Millisecond))
	}
	b.await("all steps ticked", "document.querySelectorAll('.progress li.good').length == 8")
}

package browser

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"dsync/infra/local/client"
	"dsync/infra/local/system"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// Who may only read sees nothing that changes something, on no page, and is refused
// if it is tried anyway.
func TestViewer(t *testing.T) {
	chromium(t)
	w := populate(t, start(t))
	b := open(t)
	b.signIn(w.System, "Grace Hopper", "viewer")
	b.expect("403")
	b.expect("404")
	refused := 0
	for _, path := range w.paths(t) {
		if strings.HasSuffix(path, "/styleguide") {
			continue // it shows all components, and does nothing
		}
		b.visit(w.System, path)
		if eval[string](b, "document.querySelector('h1').innerText") == "Not allowed" {
			refused++
			continue
		}
		if controls := eval[string](b, `[...document.querySelectorAll('main form[method=post], main [popovertarget], main .danger')].map(e => e.outerHTML).join()`); controls != "" {
			t.Errorf("%s shows a viewer %.300s", path, controls)
		}
		if links := eval[int](b, `document.querySelectorAll('a[href$="/new"], a[href="/console/api-keys"], a[href="/console/sessions"]').length`); links > 0 {
			t.Errorf("%s leads a viewer to %d pages that are not for viewers", path, links)
		}
	}
	if refused < 4 {
		t.Errorf("%d pages are refused", refused)
	}
	for _, path := range []string{"/organizations", "/directories/" + w.directory + "/pause", "/api-keys"} {
		if status := b.post(path); status != http.StatusForbidden {
			t.Errorf("a viewer posts to %s: %d", path, status)
		}
	}
}

// post sends a form from the page, and returns the status of the answer.
func (b *tab) post(path string) int {
	b.t.Helper()
	status, err := chromedp.Run(b.ctx, chromedp.Evaluate[int](fmt.Sprintf(`fetch("/console%s", {method: "POST", redirect: "manual"}).then(r => r.status)`, path), chromedp.EvalAwaitPromise))
	if err != nil {
		b.failed("post "+path, err)
	}
	return status
}

// When the session ends, the live page says so, and signing in leads back to it.
func TestEndOfSession(t *testing.T) {
	chromium(t)
	s := start(t)
	api := client.Client{URL: s.APIURL, Key: s.APIKey}
	c, err := api.Connect(t.Context(), "Acme", "azure scim v2.0")
	if err != nil {
		t.Fatal(err)
	}
	b := open(t)
	b.signIn(s, "Ada Lovelace", "operator")
	b.expect("401")
	page := "/console/directories/" + c.DirectoryID
	b.visit(s, page)
	b.see("Live")
	var sessions struct{ Data []struct{ ID string } }
	if err := api.Call(t.Context(), http.MethodGet, "/console_sessions", nil, &sessions); err != nil || len(sessions.Data) != 1 {
		t.Fatal(sessions, err)
	}
	if err := api.Call(t.Context(), http.MethodDelete, "/console_sessions/"+sessions.Data[0].ID, nil, nil); err != nil {
		t.Fatal(err)
	}
	b.see("Signed out")
	b.visit(s, page)
	b.see("Make one where you run the system")
	if at := eval[string](b, "location.pathname"); at != page {
		t.Errorf("without a session it leads to %s", at)
	}
	link, err := s.SignInLink(t.Context(), "Ada Lovelace", "operator")
	if err != nil {
		t.Fatal(err)
	}
	b.act("open the link", chromedp.Navigate(link), chromedp.WaitReady("main"))
	b.click("Continue")
	b.see("Live changes")
	if at := eval[string](b, "location.pathname"); at != page {
		t.Errorf("signing in leads to %s", at)
	}
}

// The way to the first directory needs no mouse, and what has the focus is seen.
func TestKeyboard(t *testing.T) {
	chromium(t)
	s := start(t)
	b := open(t)
	b.openLink(s, "admin")
	b.tabTo("Continue")
	b.press(kb.Enter)
	b.see("Home")
	for _, step := range []struct{ to, keys, see string }{
		{"Organizations", kb.Enter, "Your customers."},
		{"New organization", kb.Enter, "One of your customers."},
		{"Name", "Acme Inc.", ""},
		{"Create organization", kb.Enter, "The organization was created."},
		{"Add Directory", kb.Enter, "The connection of one identity provider."},
		{"Entra ID", " ", ""},
		{"Name", "Acme's tenant", ""},
		{"Create Directory", kb.Enter, "The directory was created."},
		{"Copy Endpoint", "", ""},
		{"Copy Bearer Token", "", ""},
		{"Done: show the directory", kb.Enter, "Waiting for the first request"},
		{"Pause directory", kb.Enter, "Pause this directory?"},
		{"Pause the directory", kb.Enter, "The directory is paused"},
		{"API keys", kb.Enter, "With these keys"},
		{"New API key", kb.Enter, "For one program"},
		{"Name", "billing", ""},
		{"Create API key", kb.Enter, "It is shown only now"},
		{"Done: show the API keys", kb.Enter, "With these keys"},
		{"Revoke", kb.Enter, "Revoke this API key?"},
		{"Revoke the key", kb.Enter, "The API key was revoked"},
	} {
		b.tabTo(step.to)
		if step.keys != "" {
			b.press(step.keys)
		}
		if step.see != "" {
			b.see(step.see)
		}
	}
}

// openLink opens a sign-in link, and does not use it.
func (b *tab) openLink(s *system.System, role string) {
	b.t.Helper()
	link, err := s.SignInLink(b.t.Context(), "Ada Lovelace", role)
	if err != nil {
		b.t.Fatal(err)
	}
	b.act("open the link", chromedp.Navigate(link), chromedp.WaitReady("main"))
}

func (b *tab) press(keys string) {
	b.t.Helper()
	b.act("press "+keys, chromedp.KeyEvent(keys))
}

// tabTo presses the tab key until what has that label has the focus. Each stop on
// the way must be visible.
func (b *tab) tabTo(label string) {
	b.t.Helper()
	for range 100 {
		b.press(kb.Tab)
		stop := eval[struct {
			Name    string
			Visible bool
		}](b, `(() => {
			const e = document.activeElement, r = e.getBoundingClientRect()
			const name = e.labels && e.labels[0] ? e.labels[0].innerText : e.getAttribute('aria-label') || e.innerText || ''
			const style = getComputedStyle(e)
			return {name: name.replace(/\s+/g, ' ').trim(), visible: e === document.body || r.width > 0 && r.bottom > 0 && r.top < innerHeight && r.right > 0 && (style.outlineStyle != 'none' || e.matches('input'))}
		})()`)
		if !stop.Visible {
			b.t.Errorf("%s has the focus, and is not to be seen", stop.Name)
		}
		if stop.Name == label || strings.HasPrefix(stop.Name, label+" ") {
			return
		}
	}
	b.failed("tab to "+label, fmt.Errorf("nothing has that label"))
}

// Without scripts everything works but what is live: changes are there when the page
// is loaded again.
func TestWithoutScripts(t *testing.T) {
	chromium(t)
	s := start(t)
	b := open(t)
	b.act("start", chromedp.Navigate("about:blank"))
	if _, err := chromedp.Call(b.ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}); err != nil {
		t.Fatal(err)
	}
	b.signIn(s, "Ada Lovelace", "admin")
	endpoint, token := b.addDirectory()
	if copies := eval[int](b, "[...document.querySelectorAll('[data-copy]')].filter(e => !e.hidden).length"); copies != 0 {
		t.Errorf("%d buttons that do nothing without scripts", copies)
	}
	b.click("Done: show the directory")
	b.see("Waiting for the first request")
	scim(t, http.MethodPost, endpoint+"/Users", token, `{"userName":"grace@acme.example","displayName":"Grace Hopper"}`)
	scim(t, http.MethodPost, endpoint+"/Users", token, `{"displayName":"Nobody"}`)
	page := eval[string](b, "location.pathname")
	for deadline := time.Now().Add(patience); ; { // nothing is live: a person loads the page again
		b.visit(s, page)
		if time.Now().After(deadline) || strings.Contains(eval[string](b, "document.body.innerText"), "Grace Hopper was created") {
			break
		}
	}
	b.see("Grace Hopper was created")
	b.click("Refused and partly applied")
	b.see("Create a user")
	b.see("userName")
	b.visit(s, page)
	b.click("Pause directory")
	b.see("Pause this directory?")
	b.click("Pause the directory")
	b.see("The directory is paused")
	b.click("API keys")
	b.click("New API key")
	b.typeInto("Name", "billing")
	b.click("Create API key")
	b.see("It is shown only now")
	if key := b.code("API key"); !strings.HasPrefix(key, "dsync_") {
		t.Errorf("the key is %.12s…", key)
	}
	b.click("Audit log")
	b.see("paused the directory")
	b.click("Sign out")
	b.see("You have signed out.")
}

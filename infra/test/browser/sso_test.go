package browser

import (
	"strings"
	"testing"

	"dsync/infra/local/system"
	"dsync/internal/sso"
	"dsync/internal/sso/ssotest"

	"github.com/chromedp/chromedp"
)

// signInAt goes from a page of the console to the identity provider, and signs in there.
// The provider then leads back.
func (b *tab) signInAt(s *system.System, path, user string) {
	b.t.Helper()
	b.visit(s, path)
	b.click("Continue with single sign-on")
	b.act("sign in at the provider", chromedp.WaitVisible("#username"), chromedp.SendKeys("#username", user), chromedp.SendKeys("#password", ssotest.Password+"\n"))
}

// Somebody signs in with the account of the company, at a real identity provider on
// another site, and comes to the page that was wanted. The audit log has the name. Who
// has no role is told so; an answer that comes back a second time, too late, or in
// another browser opens nothing; a role that has changed counts the next time.
func TestSingleSignOn(t *testing.T) {
	chromium(t)
	at := ssotest.Start(t)
	s := startWith(t, sso.Settings{Issuer: at.Issuer, ClientID: ssotest.ClientID, ClientSecret: ssotest.ClientSecret}.String())
	at.Register(s.APIURL + "/console/sign-in/callback")
	b := open(t)
	b.expect("status of 40") // pages that refuse
	b.signInAt(s, "/console/audit", "ada")
	b.await("the page that was wanted", `location.pathname == "/console/audit" && document.body.innerText.includes("ada@example.com")`)
	if eval[string](b, `document.querySelector(".person").innerText`) != "ada@example.com\nadmin" {
		t.Errorf("the page names %q", eval[string](b, `document.querySelector(".person").innerText`))
	}

	// A role that has changed.
	at.SetRoles("ada", "viewer")
	b.click("Sign out")
	b.see("You have signed out.")
	b.signInAt(s, "/console", "ada")
	b.see("Home")
	if eval[bool](b, `document.body.innerText.includes("API keys")`) {
		t.Error("a viewer sees the API keys")
	}

	// No role.
	b.click("Sign out")
	b.see("You have signed out.")
	b.signInAt(s, "/console", "eve")
	b.see("You signed in as eve@example.com, but no role in this console was given to you.")

	// The answer of another browser, whose code nobody has used yet. Then a code that
	// has expired, and an answer that was used.
	other := open(t)
	other.expect("status of 40")
	other.visit(s, "/console")
	begun, err := chromedp.Run(other.ctx, chromedp.Evaluate[string](`fetch("/console/sign-in/provider", {redirect: "manual"}).then(r => r.type)`, chromedp.EvalAwaitPromise))
	if err != nil || begun != "opaqueredirect" {
		t.Fatalf("beginning gives %s, %v", begun, err)
	}
	at.Expire()
	b.signInAt(s, "/console", "ada")
	b.see("was used before, is too old, or was meant for another browser")
	back := eval[string](b, "location.pathname + location.search")
	if !strings.Contains(back, "code=") {
		t.Fatalf("the provider led to %s", back)
	}
	for _, browser := range []*tab{other, b} {
		browser.visit(s, back)
		browser.see("was used before, is too old, or was meant for another browser")
		if cookie := eval[string](browser, "document.cookie"); cookie != "" {
			t.Errorf("scripts see %s", cookie)
		}
	}
}

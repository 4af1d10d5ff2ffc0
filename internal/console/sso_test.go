package console_test

import (
	"crypto/rand"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"dsync/internal/console"
	"dsync/internal/eventlog"
	"dsync/internal/management"
	"dsync/internal/scim"
	"dsync/internal/sso"
	"dsync/internal/sso/ssotest"
)

// withSSO gives the console an identity provider.
func (w *world) withSSO() *ssotest.Provider {
	w.t.Helper()
	at := ssotest.Start(w.t)
	at.Register(host + "/console/sign-in/callback")
	settings := sso.Settings{Issuer: at.Issuer, ClientID: ssotest.ClientID, ClientSecret: ssotest.ClientSecret}
	provider, err := sso.Open(settings.String(), management.Roles, nowOf(w), nil)
	if err != nil {
		w.t.Fatal(err)
	}
	w.handler = console.New(console.Options{
		Table: w.table, Events: eventlog.New(w.table, nowOf(w)), Now: nowOf(w), Entropy: rand.Reader, Log: slog.New(slog.DiscardHandler), SSO: provider, SCIMBase: scim.BasePath,
	})
	return at
}

// begun is a sign-in at the provider, whose answer the browser has not followed yet.
func (w *world) begun(at *ssotest.Provider, user string) (path string, attempt *http.Cookie) {
	w.t.Helper()
	begin := w.send("GET", "/console/sign-in/provider", "", nil)
	if begin.StatusCode != http.StatusSeeOther || len(begin.Cookies()) != 1 {
		w.t.Fatalf("it begins with %d, %v", begin.StatusCode, begin.Cookies())
	}
	back, err := at.Authorize(w.t.Context(), begin.Header.Get("Location"), user)
	if err != nil {
		w.t.Fatal(err)
	}
	return back.RequestURI(), begin.Cookies()[0]
}

func text(t *testing.T, r *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func session(r *http.Response) *http.Cookie {
	for _, c := range r.Cookies() {
		if strings.HasSuffix(c.Name, "-session") && c.MaxAge > 0 {
			return c
		}
	}
	return nil
}

// The answer of the provider opens a session once, in the browser that began, for who
// has a role. Whatever else comes back opens none, and the page says why.
func TestSingleSignOn(t *testing.T) {
	w := newWorld(t)
	at := w.withSSO()
	if page := text(t, w.send("GET", "/console", "", nil)); !strings.Contains(page, `href="/console/sign-in/provider"`) {
		t.Errorf("no way to the provider: %s", page)
	}
	path, attempt := w.begun(at, "ada")
	if !attempt.HttpOnly || !attempt.Secure || attempt.SameSite != http.SameSiteLaxMode || attempt.MaxAge != 600 {
		t.Errorf("the attempt is kept in %v", attempt)
	}
	refused := func(name string, status int, says string, r *http.Response) {
		t.Helper()
		page := text(t, r)
		if r.StatusCode != status || session(r) != nil || !strings.Contains(page, says) || !strings.Contains(page, `href="/console/sign-in/provider"`) {
			t.Errorf("%s: %d %v %s", name, r.StatusCode, r.Cookies(), page)
		}
	}
	other, otherAttempt := w.begun(at, "ada")
	refused("another browser", http.StatusUnauthorized, "Begin again", w.send("GET", path, "", nil))
	refused("the cookie of another attempt", http.StatusUnauthorized, "Begin again", w.send("GET", path, "", nil, otherAttempt))
	refused("a cookie that is none", http.StatusUnauthorized, "Begin again", w.send("GET", path, "", nil, &http.Cookie{Name: attempt.Name, Value: "x"}))
	in := w.send("GET", path, "", nil, attempt)
	cookie := session(in)
	if in.StatusCode != http.StatusSeeOther || cookie == nil || in.Header.Get("Location") != "/console" {
		t.Fatalf("ada: %d %v %s", in.StatusCode, in.Cookies(), text(t, in))
	}
	refused("the answer again", http.StatusUnauthorized, "Begin again", w.send("GET", path, "", nil, attempt))
	if page := w.page("/console/audit", cookie); !strings.Contains(page, "ada@example.com") || !strings.Contains(page, strings.TrimPrefix(at.Issuer, "http://")+" ada") {
		t.Errorf("the audit log names nobody: %s", page)
	}
	// The provider forgets that it was answered: the console does not.
	at.Rewrite(nil)
	s := management.NewConsole(w.table, nowOf(w), rand.Reader)
	kept, _ := sso.ParseAttempt(attempt.Value)
	if _, _, err := s.SignInWith(t.Context(), management.Identity{Person: "ada", Role: management.Admin, Attempt: kept.Key(), Expires: kept.Expires()}, management.Origin{}); err == nil {
		t.Error("an attempt opens two sessions")
	}
	refused("a refusal of the provider", http.StatusUnauthorized, "did not sign you in", w.send("GET", strings.Replace(other, "code=", "error=access_denied&c=", 1), "", nil, otherAttempt))
	path, attempt = w.begun(at, "eve")
	refused("no role", http.StatusForbidden, "eve@example.com", w.send("GET", path, "", nil, attempt))
	path, attempt = w.begun(at, "ada")
	w.now = w.now.Add(sso.AttemptLifetime)
	refused("a late answer", http.StatusUnauthorized, "Begin again", w.send("GET", path, "", nil, attempt))

	// A role that has changed counts at the next sign-in, which ends the session before.
	at.SetRoles("ada", "viewer")
	path, attempt = w.begun(at, "ada")
	again := session(w.send("GET", path, "", nil, attempt, cookie))
	if again == nil {
		t.Fatal("ada does not get in again")
	}
	for c, want := range map[*http.Cookie]int{cookie: http.StatusUnauthorized, again: http.StatusForbidden} {
		if r := w.send("GET", "/console/api-keys", "", nil, c); r.StatusCode != want {
			t.Errorf("the API keys: %d, want %d", r.StatusCode, want)
		}
	}
}

// Without a provider there is no way to one. An address that signs in too often is
// refused, and told when to come back; so is a session.
func TestSignInLimits(t *testing.T) {
	w := newWorld(t)
	for _, path := range []string{"/console/sign-in/provider", "/console/sign-in/callback?code=x&state=y"} {
		if r := w.send("GET", path, "", nil); r.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d", path, r.StatusCode)
		}
	}
	admin := w.signIn("admin")
	w.withSSO()
	for name, send := range map[string]func() *http.Response{
		"a link":     func() *http.Response { return w.send("POST", "/console/sign-in", host, url.Values{"link": {"x"}}) },
		"an answer":  func() *http.Response { return w.send("GET", "/console/sign-in/callback?code=x&state=y", "", nil) },
		"a session":  func() *http.Response { return w.send("GET", "/console/nothing", "", nil, admin) },
		"a redirect": func() *http.Response { return w.send("GET", "/console/sign-in/provider", "", nil) },
	} {
		w.now = w.now.Add(time.Hour)
		var last *http.Response
		for range 120 {
			if last = send(); last.StatusCode == http.StatusTooManyRequests {
				break
			}
		}
		if last.StatusCode != http.StatusTooManyRequests || last.Header.Get("Retry-After") != "1" {
			t.Errorf("%s: %d, Retry-After %q", name, last.StatusCode, last.Header.Get("Retry-After"))
		}
	}
}

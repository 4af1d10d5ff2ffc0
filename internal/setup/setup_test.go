package setup

import (
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"dsync/internal/dsynctest"
	"dsync/internal/management"
	"dsync/internal/onboarding"
	"dsync/internal/table"
)

func TestMain(m *testing.M) { dsynctest.Main(m) }

// world is the site on a table of its own, with a directory.
type world struct {
	handler   http.Handler
	team      *management.Session
	directory management.Directory
	ahead     time.Duration
}

func (w *world) now() time.Time { return time.Now().Add(w.ahead) }

func open(t *testing.T) *world {
	t.Helper()
	db, name := dsynctest.Table(t)
	w := &world{}
	o := Options{Table: table.New(db, name), Now: w.now, Entropy: rand.Reader, Log: slog.New(slog.DiscardHandler), SCIMBase: "/scim/v2.0/"}
	w.handler, w.team = New(o), management.Bootstrap(o.Table, w.now, rand.Reader)
	organization := "Acme <Inc.>"
	created, err := w.team.CreateOrganization(t.Context(), management.OrganizationUpdate{Name: &organization})
	if err != nil {
		t.Fatal(err)
	}
	if w.directory, _, _, err = w.team.CreateDirectory(t.Context(), management.NewDirectory{OrganizationID: created.ID, Name: "Entra", WithoutToken: true}); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) link(t *testing.T) (secret, id string) {
	t.Helper()
	l, secret, err := w.team.CreateSetupLink(t.Context(), management.NewSetupLink{DirectoryID: w.directory.ID})
	if err != nil {
		t.Fatal(err)
	}
	return secret, l.ID
}

// browser keeps the cookies of one browser.
type browser struct {
	world   *world
	cookies map[string]string
	header  http.Header
}

func (w *world) browser() *browser { return &browser{w, map[string]string{}, http.Header{}} }

func (b *browser) do(t *testing.T, method, target string, form url.Values) *http.Response {
	t.Helper()
	r := httptest.NewRequest(method, "https://dsync.example"+target, strings.NewReader(form.Encode()))
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for name, values := range b.header {
		r.Header[name] = values
	}
	for name, value := range b.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	w := httptest.NewRecorder()
	b.world.handler.ServeHTTP(w, r)
	for _, c := range w.Result().Cookies() {
		b.cookies[c.Name] = c.Value
		if c.MaxAge < 0 {
			delete(b.cookies, c.Name)
		}
		if !strings.HasPrefix(c.Name, "__Host-") || !c.Secure || !c.HttpOnly || c.Path != "/" || c.SameSite != http.SameSiteLaxMode {
			t.Errorf("the cookie %s is %+v", c.Name, c)
		}
	}
	return w.Result()
}

func (b *browser) page(t *testing.T, method, target string, form url.Values) (status int, page string) {
	t.Helper()
	response := b.do(t, method, target, form)
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

// public are the routes that need no session: they tell nothing of a customer.
var public = []string{"GET /setup", "GET /setup/{$}", "POST /setup/open", "POST /setup/language", "GET /setup/theme.css", "GET /setup/static/{hash}/{name}"}

// Whatever is asked, the answer runs no script of its own, leaks no address and is kept
// by nobody. Without a session there is nothing.
func TestEveryRoute(t *testing.T) {
	w := open(t)
	b := w.browser()
	for _, r := range append(Routes(), Route{Pattern: "GET /setup/nothing"}) {
		method, path, _ := strings.Cut(r.Pattern, " ")
		path = strings.NewReplacer("{$}", "", "{token}", "directory_token_01ARZ3NDEKTSV4RRFFQ69G5FAV", "{script}", scripts[0].Name, "{hash}", "x", "{name}", "x").Replace(path)
		response := b.do(t, method, path, url.Values{})
		h := response.Header
		for name, want := range map[string]string{
			"Referrer-Policy": "no-referrer", "Cache-Control": "no-store", "X-Frame-Options": "DENY", "X-Content-Type-Options": "nosniff",
			"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
		} {
			if h.Get(name) != want {
				t.Errorf("%s: %s: %q", r.Pattern, name, h.Get(name))
			}
		}
		if r.Public != slices.Contains(public, r.Pattern) {
			t.Errorf("%s is public: %v", r.Pattern, r.Public)
		}
		if !r.Public && response.StatusCode != http.StatusUnauthorized && response.StatusCode != http.StatusNotFound {
			t.Errorf("%s without a session: %d", r.Pattern, response.StatusCode)
		}
	}
	link, _ := w.link(t)
	b.header.Set("Sec-Fetch-Site", "cross-site")
	if status, _ := b.page(t, "POST", "/setup/open", url.Values{"token": {link}}); status != http.StatusForbidden {
		t.Errorf("another site opens the link: %d", status)
	}
}

// Looking at a link changes nothing. The press on its button opens it once.
func TestLinkOpensOnce(t *testing.T) {
	w := open(t)
	link, id := w.link(t)
	first, second := w.browser(), w.browser()
	for _, method := range []string{"GET", "HEAD", "GET"} {
		if status, page := second.page(t, method, "/setup/?token="+link, nil); status != http.StatusOK || len(second.cookies) != 0 || method == "GET" && !strings.Contains(page, "Acme &lt;Inc.&gt;") {
			t.Fatalf("%s: %d %v %s", method, status, second.cookies, page)
		}
	}
	response := first.do(t, "POST", "/setup/open", url.Values{"token": {link}})
	if response.StatusCode != http.StatusSeeOther || response.Header.Get("Location") != "/setup/" {
		t.Fatal(response.StatusCode, response.Header)
	}
	if status, page := first.page(t, "GET", "/setup/", nil); status != http.StatusOK || !strings.Contains(page, "https://dsync.example/scim/v2.0/"+w.directory.ExternalKey) || strings.Contains(page, link) {
		t.Fatal(status, page)
	}
	if response := first.do(t, "GET", "/setup/?token="+link, nil); response.StatusCode != http.StatusSeeOther {
		t.Errorf("the same browser comes again: %d", response.StatusCode)
	}
	refused := func(b *browser, method, target string, form url.Values, status int, title string) {
		t.Helper()
		got, page := b.page(t, method, target, form)
		if got != status || !strings.Contains(page, title) || strings.Contains(page, "Acme") {
			t.Errorf("%s %.20s: %d, want %d %q: %s", method, target, got, status, title, page)
		}
	}
	refused(second, "GET", "/setup/?token="+link, nil, http.StatusGone, "opened already")
	refused(second, "POST", "/setup/open", url.Values{"token": {link}}, http.StatusGone, "opened already")
	refused(second, "GET", "/setup/", nil, http.StatusUnauthorized, "Open your setup link")
	refused(second, "GET", "/setup/?token=x", nil, http.StatusNotFound, "not complete")
	second.cookies = map[string]string{"__Host-dsync-setup-session": link} // a link is no session
	refused(second, "GET", "/setup/", nil, http.StatusNotFound, "not complete")

	if err := w.team.RevokeSetupLink(t.Context(), w.directory.ID, id); err != nil {
		t.Fatal(err)
	}
	refused(first, "GET", "/setup/", nil, http.StatusGone, "replaced or revoked")
	refused(first, "POST", "/setup/tokens", url.Values{}, http.StatusGone, "replaced or revoked")
	next, _ := w.link(t)
	w.ahead = management.SetupLinkLifetime
	refused(first, "GET", "/setup/?token="+next, nil, http.StatusGone, "has expired")
	refused(first, "POST", "/setup/open", url.Values{"token": {next}}, http.StatusGone, "has expired")
}

// The token is made by a press, shown once, and never revokes another.
func TestTokens(t *testing.T) {
	w := open(t)
	link, _ := w.link(t)
	b := w.browser()
	b.do(t, "POST", "/setup/open", url.Values{"token": {link}})
	secret := regexp.MustCompile(`dsync_scim_[\w-]+`)
	if _, page := b.page(t, "GET", "/setup/", nil); secret.MatchString(page) {
		t.Fatal("there is a token that nobody has asked for")
	}
	made := map[string]bool{}
	for n := range 3 {
		status, page := b.page(t, "POST", "/setup/tokens", url.Values{})
		found := secret.FindString(page)
		if want := []int{201, 201, 409}[n]; status != want || (found != "") != (n < 2) || made[found] {
			t.Fatalf("token %d: %d %q", n, status, found)
		}
		made[found] = true
	}
	if _, page := b.page(t, "GET", "/setup/", nil); secret.MatchString(page) || strings.Count(page, "popover role=\"dialog\"") != 2 {
		t.Error("a token is shown again, or two are not listed")
	}
	tokens, err := w.team.Tokens(t.Context(), w.directory.ID, management.PageRequest{Limit: 10})
	if err != nil || len(tokens.Items) != 2 {
		t.Fatal(tokens, err)
	}
	if status, _ := b.page(t, "POST", "/setup/tokens/"+tokens.Items[0].ID+"/revoke", url.Values{}); status != http.StatusSeeOther {
		t.Error(status)
	}
	if status, _ := b.page(t, "POST", "/setup/tokens", url.Values{}); status != http.StatusCreated {
		t.Error(status)
	}
}

// Every language has the same texts, with the same arguments and marks.
func TestTexts(t *testing.T) {
	if len(languages) < 2 {
		t.Fatal(languages)
	}
	argument := regexp.MustCompile(`\{\d\}`)
	english := languages[fallback].byKey
	for tag, other := range languages {
		for key, text := range other.byKey {
			if english[key] == "" && !strings.HasPrefix(key, "finding.") {
				t.Errorf("%s: %s is not in %s", tag, key, fallback)
			}
			if strings.Count(text, "*")%2 != 0 || strings.Count(text, "`")%2 != 0 {
				t.Errorf("%s: the marks of %s", tag, key)
			}
		}
		for key, text := range english {
			if other.byKey[key] == "" || !slices.Equal(argument.FindAllString(text, -1), argument.FindAllString(other.byKey[key], -1)) {
				t.Errorf("%s: %s is %q, and %q in %s", tag, key, other.byKey[key], text, fallback)
			}
		}
	}
	for code := range reasons {
		if !languages[fallback].Has(string(code) + ".title") {
			t.Errorf("there is no page for %s", code)
		}
	}
	if got := languages["en"].HTML("check.externalid.person", "<b>*x*"); got != "externalId is “&lt;b&gt;*x*”, not the objectId." {
		t.Error(got)
	}
	used, _ := os.ReadFile("templates/page.html")
	for key := range english {
		stem := regexp.MustCompile(`\.\d+$`).ReplaceAllString(key, "")
		if !strings.Contains(string(used), `"`+stem+`"`) && !usedInCode(t, stem) {
			t.Errorf("%s is not used", key)
		}
	}
}

// usedInCode reports whether a key is in the code, the layout or another template, or
// begins like one that is put together.
func usedInCode(t *testing.T, key string) bool {
	t.Helper()
	for _, together := range []string{"step.", "check.", "token.state.", "link_", "no_session.", "finding.", "language"} {
		if strings.HasPrefix(key, together) {
			return true
		}
	}
	for _, pattern := range []string{"*.go", "templates/*.html", "templates/shared/*.html"} {
		files, _ := filepath.Glob(pattern)
		for _, f := range files {
			b, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.HasSuffix(f, "_test.go") && strings.Contains(string(b), `"`+key+`"`) {
				return true
			}
		}
	}
	return false
}

// A script holds the values of its directory as they are, and runs nothing of them. The
// shell script does what it says against an az that notes its calls.
func TestScripts(t *testing.T) {
	hostile := "Widgets' $(touch /tmp/x) `id` \"\n; rm -rf ~ ’"
	const tenantURL = "https://dsync.example/scim/v2.0/0000000000000000"
	folder := t.TempDir()
	for _, s := range scripts {
		var b strings.Builder
		if err := scriptTemplates.ExecuteTemplate(&b, s.Name, scriptData(s, tenantURL, hostile)); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(b.String(), "NOT TRIED ON A REAL TENANT BY ITS AUTHORS") || !strings.Contains(b.String(), "'"+tenantURL+"'") || strings.Contains(b.String(), "[[") {
			t.Errorf("%s: %s", s.Name, b.String())
		}
		if err := os.WriteFile(filepath.Join(folder, s.Name), []byte(b.String()), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for linter, arguments := range map[string][]string{
		"shellcheck": {filepath.Join(folder, "connect-entra.sh")},
		"pwsh":       {"-NoProfile", "-Command", "$e = $null; [void][Management.Automation.Language.Parser]::ParseFile('" + filepath.Join(folder, "connect-entra.ps1") + "', [ref]$null, [ref]$e); $e; exit $e.Count"},
	} {
		if path, err := exec.LookPath(linter); err != nil {
			t.Logf("%s is not installed", linter)
		} else if out, err := exec.Command(path, arguments...).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", linter, err, out)
		}
	}
	bash, err := exec.LookPath("bash")
	if _, jq := exec.LookPath("jq"); err != nil || jq != nil {
		t.Skip("bash or jq is not installed: the shell script was not run")
	}
	calls := filepath.Join(folder, "calls")
	az := `#!/bin/bash
if [ "$1" = account ]; then exit 0; fi
echo "$3 $5" >>` + calls + `
for a in "$@"; do case "$a" in @*) cat "${a#@}" >>` + calls + `; echo >>` + calls + `;; esac; done
case "$5" in
*instantiate) echo '{"servicePrincipal":{"id":"sp1"}}' ;;
*jobs) echo '{"id":"scim.1"}' ;;
*schema) [ "$3" = put ] || echo '{"synchronizationRules":[{"objectMappings":[{"sourceObjectName":"User","attributeMappings":[{"targetAttributeName":"externalId","source":{"name":"mailNickname"}},{"targetAttributeName":"userName","source":{"name":"userPrincipalName"}}]},{"sourceObjectName":"Group","attributeMappings":[{"targetAttributeName":"externalId","source":{"name":"x"}}]}]}]}' ;;
esac
`
	if err := os.WriteFile(filepath.Join(folder, "az"), []byte(az), 0o700); err != nil {
		t.Fatal(err)
	}
	run := exec.Command(bash, filepath.Join(folder, "connect-entra.sh"))
	run.Env = append(os.Environ(), "PATH="+folder+":"+os.Getenv("PATH"))
	run.Stdin = strings.NewReader("dsync_scim_secret\n")
	out, err := run.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	noted, err := os.ReadFile(calls)
	if err != nil {
		t.Fatal(err)
	}
	compact := strings.Join(strings.Fields(string(noted)), "")
	for _, want := range []string{
		"posthttps://graph.microsoft.com/v1.0/applicationTemplates/8adf8e6e-67b2-4cf2-a259-e3dc5476c621/instantiate",
		"synchronization/jobs/scim.1/validateCredentials", `{"key":"BaseAddress","value":"` + tenantURL + `"},{"key":"SecretToken","value":"dsync_scim_secret"}`,
		`"source":{"expression":"[objectId]","name":"objectId","type":"Attribute","parameters":[]}},{"targetAttributeName":"userName","source":{"name":"userPrincipalName"}}`,
		`"targetAttributeName":"externalId","source":{"name":"x"}`, "synchronization/jobs/scim.1/start", `"displayName":"Widgets'$(touch/tmp/x)`,
	} {
		if !strings.Contains(compact, want) {
			t.Errorf("the script does not send %s:\n%s", want, noted)
		}
	}
	if strings.Contains(string(out), "dsync_scim_secret") {
		t.Error("the script prints the token")
	}
}

// The page of a link is the one of its reason: all codes have a status.
func TestReasons(t *testing.T) {
	codes := []any{errNoSession.Code, onboarding.LinkUnknown, onboarding.LinkOpened, onboarding.LinkExpired, onboarding.LinkRevoked, onboarding.LinkDeleted}
	if len(reasons) != len(codes) {
		t.Error(fmt.Sprint(codes), slices.Collect(maps.Keys(reasons)))
	}
}

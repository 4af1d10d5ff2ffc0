package api_test

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"dsync/internal/fault"
	"dsync/internal/management"
	"dsync/internal/onboarding"

	"github.com/google/go-cmp/cmp"
)

// setup is the admin's side of setup links.
func (w *world) setup() *onboarding.Links {
	return onboarding.New(w.options.Table, w.clock.now, rand.Reader)
}

// secretOf is the secret in the URL of a link.
func secretOf(t testing.TB, link string) string {
	t.Helper()
	u, err := url.Parse(link)
	if err != nil || u.Scheme+"://"+u.Host+u.Path != "https://"+host+"/setup/" {
		t.Fatalf("the link is %q, %v", link, err)
	}
	return u.Query().Get("token")
}

// code is why a link does not open.
func code(err error) fault.Code {
	e, ok := err.(*fault.Error)
	if !ok || e.Kind != fault.Unauthorized {
		return fault.Code(fmt.Sprint("no refusal: ", err))
	}
	return e.Code
}

// A link opens once, in one browser, and ends with its time, its revocation, its
// successor and its directory. Looking at it uses nothing up.
func TestSetupLinks(t *testing.T) {
	w := open(t)
	org := text(w.must(t, 201, "POST", "/organizations", `{"name":"Acme"}`), "id")
	d := w.directory(t, org, "Acme's tenant")
	path := "/directories/" + d.id + "/setup_links"
	w.must(t, 200, "PATCH", "/setup_page", `{"allowed_origins":["https://app.example"]}`)
	create := func(body string) (id, secret string) {
		t.Helper()
		made := w.must(t, 201, "POST", path, body)
		return text(made, "id"), secretOf(t, text(made, "link"))
	}
	listed := func(i int) map[string]any {
		t.Helper()
		return w.must(t, 200, "GET", path, "")["data"].([]any)[i].(map[string]any)
	}
	u := w.setup()
	id, secret := create(`{"return_url":"https://app.example/settings","success_url":"https://app.example/done?x=1","it_contact_emails":["it@acme.example"]}`)
	got := listed(0)
	want := map[string]any{
		"object": "setup_link", "id": id, "directory_id": d.id, "organization_id": org, "state": "active", "step": "mappings", "opened_at": nil,
		"return_url": "https://app.example/settings", "success_url": "https://app.example/done?x=1", "it_contact_emails": []any{"it@acme.example"},
		"created_at": got["created_at"], "expires_at": got["expires_at"],
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for range 3 { // a mail scanner looks, too
		if offer, err := u.Offer(t.Context(), secret); err != nil || offer != (onboarding.Offer{Organization: "Acme", Directory: "Acme's tenant"}) {
			t.Fatalf("%+v, %v", offer, err)
		}
	}

	// Of several browsers at once, one gets in.
	var mu sync.Mutex
	var sessions []string
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			s, _, err := u.Open(t.Context(), secret, management.Origin{SourceIP: "192.0.2.9", UserAgent: "Mozilla/5.0"})
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				sessions = append(sessions, s)
			} else if code(err) != onboarding.LinkOpened {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if len(sessions) != 1 {
		t.Fatalf("%d browsers got in", len(sessions))
	}
	if _, err := u.Offer(t.Context(), secret); code(err) != onboarding.LinkOpened {
		t.Error(err)
	}
	if got := listed(0); got["opened_at"] == nil {
		t.Error(got)
	}
	in := func(session string) error {
		_, err := u.Authenticate(t.Context(), session, management.Origin{})
		return err
	}
	if err := in(sessions[0]); err != nil {
		t.Fatal(err)
	}
	if err := in(secret); code(err) != onboarding.LinkUnknown {
		t.Errorf("a link is a session: %v", err)
	}

	// A new link ends the one before, with its session.
	next, second := create(`{}`)
	if err := in(sessions[0]); code(err) != onboarding.LinkRevoked {
		t.Error(err)
	}
	if listed(1)["state"] != "revoked" || listed(0)["id"] != next {
		t.Error(listed(1), listed(0))
	}
	s, _, err := u.Open(t.Context(), second, management.Origin{})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // one that has ended stays as it is
		if r := w.call(t, w.manage, "DELETE", path+"/"+next, ""); r.status != http.StatusNoContent {
			t.Errorf("%d %s", r.status, r.body)
		}
	}
	if err := in(s); code(err) != onboarding.LinkRevoked {
		t.Error(err)
	}

	_, third := create(`{}`)
	w.clock.advance(management.SetupLinkLifetime - time.Minute)
	s, _, err = u.Open(t.Context(), third, management.Origin{})
	if err != nil {
		t.Fatal(err)
	}
	w.clock.advance(time.Minute)
	if err := in(s); code(err) != onboarding.LinkExpired {
		t.Error(err)
	}
	_, late := create(`{"expires_at":"` + w.clock.now().Add(time.Hour).UTC().Format(time.RFC3339) + `"}`)
	w.clock.advance(time.Hour)
	if _, err := u.Offer(t.Context(), late); code(err) != onboarding.LinkExpired {
		t.Error(err)
	}

	_, last := create(`{}`)
	if s, _, err = u.Open(t.Context(), last, management.Origin{}); err != nil {
		t.Fatal(err)
	}
	_, unopened := create(`{}`)
	w.call(t, w.manage, "DELETE", "/directories/"+d.id, "")
	if _, err := u.Offer(t.Context(), unopened); code(err) != onboarding.LinkDeleted {
		t.Error(err)
	}
	if _, _, err := u.Open(t.Context(), unopened, management.Origin{}); code(err) != onboarding.LinkDeleted {
		t.Error(err)
	}
	if r := w.call(t, w.manage, "POST", path, `{}`); r.status != http.StatusConflict {
		t.Errorf("%d %s", r.status, r.body)
	}
	for _, unknown := range []string{"", "x", unopened[:len(unopened)-1], strings.Replace(s, "_session", "", 1)} {
		if _, err := u.Offer(t.Context(), unknown); code(err) != onboarding.LinkUnknown {
			t.Errorf("%.20q: %v", unknown, err)
		}
	}
	w.hides(t, secret, second, third, last, unopened, s, sessions[0])
}

// hides fails the test if the table or the log has one of the secrets.
func (w *world) hides(t *testing.T, secrets ...string) {
	t.Helper()
	all := fmt.Sprint(w.records(t)) + w.log.String()
	for _, s := range secrets {
		if strings.Contains(all, s) {
			t.Errorf("the secret %.20s… is stored", s)
		}
	}
}

// What a session can reach is its own directory: tokens, users and requests of
// another look as if they were not there.
func TestSetupSessionReachesOneDirectory(t *testing.T) {
	w := open(t)
	org := text(w.must(t, 201, "POST", "/organizations", `{"name":"Acme"}`), "id")
	d, other := w.directory(t, org, "Mine"), w.directory(t, org, "Another of the same organization")
	other.user(t, "ada")
	d.user(t, "grace")
	link := secretOf(t, text(w.must(t, 201, "POST", "/directories/"+d.id+"/setup_links", `{}`), "link"))
	u := w.setup()
	secret, _, err := u.Open(t.Context(), link, management.Origin{})
	if err != nil {
		t.Fatal(err)
	}
	s, err := u.Authenticate(t.Context(), secret, management.Origin{SourceIP: "192.0.2.9"})
	if err != nil {
		t.Fatal(err)
	}
	tokens, _, _ := ids(t, w.call(t, w.read, "GET", "/directories/"+other.id+"/tokens", ""))
	if err := s.RevokeToken(t.Context(), tokens[0]); fault.KindOf(err) != fault.NotFound {
		t.Errorf("it revokes another's token: %v", err)
	}
	users, err := s.Users(t.Context(), 10)
	if err != nil || len(users) != 1 || !strings.HasPrefix(fmt.Sprint(users[0].Document["userName"]), "grace") {
		t.Errorf("%+v, %v", users, err)
	}
	if _, err := s.CreateToken(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := s.CreateToken(t.Context()); fault.KindOf(err) != fault.Conflict {
		t.Errorf("a third token: %v", err)
	}
	events := w.must(t, 200, "GET", "/audit_events?directory_id="+d.id+"&action=directory_token.created", "")["data"].([]any)
	actor := events[0].(map[string]any)["actor"].(map[string]any)
	if id, _ := actor["setup_link_id"].(string); !strings.HasPrefix(id, "setup_link_") || actor["api_key_id"] != nil || actor["person"] != nil {
		t.Error(actor)
	}
	foreign := text(w.must(t, 201, "POST", "/directories/"+other.id+"/setup_links", `{}`), "id")
	if r := w.call(t, w.manage, "DELETE", "/directories/"+d.id+"/setup_links/"+foreign, ""); r.status != http.StatusNotFound {
		t.Errorf("the link of another directory: %d", r.status)
	}
}

// A link may lead to allowed origins alone.
func TestSetupLinkOrigins(t *testing.T) {
	w := open(t)
	org := text(w.must(t, 201, "POST", "/organizations", `{"name":"Acme"}`), "id")
	d := w.directory(t, org, "Entra")
	path := "/directories/" + d.id + "/setup_links"
	if r := w.call(t, w.manage, "POST", path, `{"return_url":"https://app.example/"}`); r.status != 422 {
		t.Errorf("no origin is allowed: %d %s", r.status, r.body)
	}
	w.must(t, 200, "PATCH", "/setup_page", `{"allowed_origins":["https://app.example","https://app.example:8443","http://localhost:3000"]}`)
	for _, url := range []string{"https://app.example", "https://app.example/a?b=c#d", "https://APP.example/", "https://app.example:443/", "https://app.example:8443/x", "http://localhost:3000/x"} {
		w.must(t, 201, "POST", path, fmt.Sprintf(`{"success_url":%q}`, url))
	}
	for _, url := range []string{
		"http://app.example/", "https://app.example.evil.example/", "https://evil.example/https://app.example", "https://app.example@evil.example/", "https://user@app.example/",
		"//app.example/", "/done", "javascript:alert(1)", "https://app.example:9/", "https:app.example", "https://evil.example\\@app.example/", "data:text/html,x", "https://",
		"http://localhost:3001/", "https://app.example/" + strings.Repeat("x", 1024),
	} {
		for _, field := range []string{"return_url", "success_url"} {
			if r := w.call(t, w.manage, "POST", path, fmt.Sprintf(`{%q:%q}`, field, url)); r.status != 422 || !strings.Contains(r.body, field) {
				t.Errorf("%s %.60s: %d %s", field, url, r.status, r.body)
			}
		}
	}
	for _, origin := range []string{"https://app.example/", "https://app.example/x", "http://app.example", "https://*.example", "app.example", "https://App.example", "https://a@app.example", ""} {
		if r := w.call(t, w.manage, "PATCH", "/setup_page", fmt.Sprintf(`{"allowed_origins":[%q]}`, origin)); r.status != 422 && origin != "https://*.example" {
			t.Errorf("%s: %d %s", origin, r.status, r.body)
		}
	}
	for _, body := range []string{
		`{"expires_at":"2020-01-01T00:00:00Z"}`, `{"it_contact_emails":["nobody"]}`, `{"it_contact_emails":[1]}`, `{"it_contact_emails":["Ada <ada@acme.example>"]}`,
		`{"expires_at":"` + w.clock.now().Add(management.MaxSetupLinkLifetime+time.Minute).UTC().Format(time.RFC3339) + `"}`,
		`{"it_contact_emails":["` + strings.Repeat(`a@b.example","`, management.MaxContacts) + `a@b.example"]}`,
	} {
		if r := w.call(t, w.manage, "POST", path, body); r.status != 422 {
			t.Errorf("%.80s: %d %s", body, r.status, r.body)
		}
	}
}

// generate_link does what WorkOS's does: a link for the directory of an organization.
func TestGenerateLink(t *testing.T) {
	w := open(t)
	org := text(w.must(t, 201, "POST", "/organizations", `{"name":"Acme"}`), "id")
	generate := func(status int, members string) map[string]any {
		t.Helper()
		return w.must(t, status, "POST", "/portal/generate_link", `{"organization":"`+org+`"`+members+`}`)
	}
	made := generate(201, `,"intent":"dsync"`)
	if len(made) != 1 {
		t.Error(made)
	}
	offer, err := w.setup().Offer(t.Context(), secretOf(t, text(made, "link")))
	if err != nil || offer != (onboarding.Offer{Organization: "Acme", Directory: "Acme"}) {
		t.Fatalf("%+v, %v", offer, err)
	}
	directories, _, _ := ids(t, w.call(t, w.read, "GET", "/directories?organization_id="+org, ""))
	if len(directories) != 1 {
		t.Fatal(directories)
	}
	if tokens, _, _ := ids(t, w.call(t, w.read, "GET", "/directories/"+directories[0]+"/tokens", "")); len(tokens) != 0 {
		t.Errorf("nobody has seen the tokens %v", tokens)
	}
	generate(201, ``)
	if again, _, _ := ids(t, w.call(t, w.read, "GET", "/directories?organization_id="+org, "")); len(again) != 1 {
		t.Errorf("each link makes a directory: %v", again)
	}
	generate(422, `,"intent":"sso"`)
	w.directory(t, org, "A second one")
	if body := generate(422, ``); !strings.Contains(fmt.Sprint(body), "2 directories") {
		t.Error(body)
	}
	if r := w.call(t, w.manage, "POST", "/portal/generate_link", `{"organization":"org_`+nobody+`"}`); r.status != 404 {
		t.Errorf("%d %s", r.status, r.body)
	}
}

// The setup page has no logo that is more than a picture, and no colour on which
// nothing can be read.
func TestSetupPage(t *testing.T) {
	w := open(t)
	const png = "data:image/png;base64,iVBORw0KGgo="
	got := w.must(t, 200, "PATCH", "/setup_page", `{"name":"Widgets","logo":"`+png+`","color":"#0a5c36","support_email":"help@widgets.example"}`)
	want := map[string]any{"object": "setup_page", "name": "Widgets", "logo": png, "color": "#0a5c36", "support_email": "help@widgets.example", "allowed_origins": []any{}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(want, w.must(t, 200, "GET", "/setup_page", "")); diff != "" {
		t.Error(diff)
	}
	for _, body := range []string{
		`{"logo":"https://x.example/logo.png"}`, `{"logo":"data:image/svg+xml;base64,PHN2Zz4="}`, `{"logo":"data:image/png;base64,PHN2Zz4="}`, `{"logo":"data:text/html;base64,iVBORw0KGgo="}`,
		`{"logo":"data:image/png;base64,iVBORw0KGgo` + strings.Repeat("A", 70_000) + `="}`, `{"color":"#ffffff"}`, `{"color":"#808080"}`, `{"color":"red"}`, `{"color":"#12345"}`, `{"color":"#gggggg"}`,
		`{"name":"\u0007"}`, `{"support_email":"x"}`, `{"allowed_origins":"x"}`, `{"other":1}`,
	} {
		if r := w.call(t, w.manage, "PATCH", "/setup_page", body); r.status != 422 {
			t.Errorf("%.80s: %d %s", body, r.status, r.body)
		}
	}
	w.must(t, 200, "PATCH", "/setup_page", `{"logo":null,"name":null}`)
	if got := w.must(t, 200, "GET", "/setup_page", ""); got["logo"] != nil || got["name"] != nil || got["color"] != "#0a5c36" {
		t.Error(got)
	}
}

package sso_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"dsync/internal/sso"
	"dsync/internal/sso/ssotest"
)

const redirect = "http://localhost:9/console/sign-in/callback"

var roles = []string{"viewer", "operator", "admin"}

// world is a client of a real provider, with a clock that is ahead of the machine's by
// ahead.
type world struct {
	*testing.T
	at     *ssotest.Provider
	config sso.Config
	ahead  time.Duration
	client *sso.Provider
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{T: t, at: ssotest.Start(t)}
	w.at.Register(redirect)
	grants, err := sso.ParseRoles("", roles)
	if err != nil {
		t.Fatal(err)
	}
	w.config = sso.Config{
		Issuer: w.at.Issuer, ClientID: ssotest.ClientID, RoleClaim: sso.DefaultRoleClaim, Roles: grants,
		Secret: func(context.Context) (string, error) { return ssotest.ClientSecret, nil },
		Now:    func() time.Time { return time.Now().Add(w.ahead) },
	}
	if w.client, err = sso.New(w.config); err != nil {
		t.Fatal(err)
	}
	return w
}

// begin begins, and lets a user sign in. It returns the answer of the provider.
func (w *world) begin(user string) (sso.Attempt, url.Values) {
	w.Helper()
	a, authorize, err := w.client.Begin(w.Context(), redirect, rand.Reader)
	if err != nil {
		w.Fatal(err)
	}
	back, err := w.at.Authorize(w.Context(), authorize, user)
	if err != nil || !strings.HasPrefix(back.String(), redirect+"?") {
		w.Fatalf("the provider leads to %v: %v", back, err)
	}
	kept, ok := sso.ParseAttempt(a.String())
	if !ok || kept.Key() != a.Key() {
		w.Fatalf("the browser keeps %q", a)
	}
	return kept, back.Query()
}

// Who has a role gets in with it, named by the e-mail address. A change of role counts
// at the next sign-in. Of several roles the one that may do most counts.
func TestSignIn(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		roles []string
		want  string
	}{{[]string{"admin"}, "admin"}, {[]string{"viewer"}, "viewer"}, {[]string{"viewer", "something", "operator"}, "operator"}} {
		w.at.SetRoles("ada", c.roles...)
		a, answer := w.begin("ada")
		got, err := w.client.Finish(t.Context(), redirect, a, answer)
		if want := (sso.Person{Name: "ada@example.com", Role: c.want, Subject: "ada"}); err != nil || got != want {
			t.Errorf("%v: %+v %v", c.roles, got, err)
		}
	}
	var none *sso.NoRoleError
	for _, given := range [][]string{nil, {}, {"Admin"}, {"administrator"}} {
		w.at.SetRoles("eve", given...)
		a, answer := w.begin("eve")
		if got, err := w.client.Finish(t.Context(), redirect, a, answer); !errors.As(err, &none) || none.Person != "eve@example.com" {
			t.Errorf("%v: %+v %v", given, got, err)
		}
	}
}

// The claim with the roles may be in another one. A UserInfo endpoint that answers with
// another person is not believed.
func TestClaims(t *testing.T) {
	w := newWorld(t)
	w.config.RoleClaim = "realm_access.roles"
	for name, want := range map[string]string{"realm_access.roles": "admin", "realm_access.nothing": "", "email.roles": "", "nothing": ""} {
		w.config.RoleClaim = name
		client, err := sso.New(w.config)
		if err != nil {
			t.Fatal(err)
		}
		w.client = client
		a, answer := w.begin("ada")
		if got, err := client.Finish(t.Context(), redirect, a, answer); got.Role != want || (err == nil) != (want != "") {
			t.Errorf("%s: %+v %v", name, got, err)
		}
	}
	w.config.RoleClaim = sso.DefaultRoleClaim
	client, err := sso.New(w.config)
	if err != nil {
		t.Fatal(err)
	}
	w.client = client
	a, answer := w.begin("ada")
	w.at.Rewrite(func(path string, body []byte) []byte {
		if strings.HasSuffix(path, "/userinfo") {
			return []byte(`{"sub":"eve","email":"eve@example.com"}`)
		}
		return body
	})
	if got, err := client.Finish(t.Context(), redirect, a, answer); err == nil {
		t.Errorf("another person: %+v", got)
	}
}

// What belongs to no attempt of this browser, or comes too late or twice, lets nobody in.
func TestRefusals(t *testing.T) {
	w := newWorld(t)
	finish := func(a sso.Attempt, answer url.Values) error {
		got, err := w.client.Finish(t.Context(), redirect, a, answer)
		if err == nil {
			t.Errorf("let in %+v", got)
		}
		return err
	}
	with := func(answer url.Values, name, value string) url.Values {
		changed := url.Values{}
		for k, v := range answer {
			changed[k] = v
		}
		changed.Set(name, value)
		return changed
	}
	a, answer := w.begin("ada")
	_, otherAnswer := w.begin("eve")
	for name, changed := range map[string]url.Values{
		"no state": with(answer, "state", ""), "another state": otherAnswer, "half a state": with(answer, "state", answer.Get("state")[:20]),
		"another issuer": with(answer, "iss", "https://evil.example"),
	} {
		if err := finish(a, changed); !errors.Is(err, sso.ErrAttempt) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := finish(a, with(answer, "error", "access_denied")); !errors.Is(err, sso.ErrDenied) {
		t.Errorf("a refusal: %v", err)
	}
	// The code of another attempt: PKCE refuses it, and the nonce would.
	if err := finish(a, with(answer, "code", otherAnswer.Get("code"))); !errors.Is(err, sso.ErrAttempt) {
		t.Errorf("another's code: %v", err)
	}
	w.ahead = sso.AttemptLifetime
	if err := finish(a, answer); !errors.Is(err, sso.ErrAttempt) {
		t.Errorf("a late answer: %v", err)
	}
	w.ahead = -2 * time.Minute
	if err := finish(a, answer); !errors.Is(err, sso.ErrAttempt) {
		t.Errorf("an attempt of the future: %v", err)
	}
	w.ahead = 0
	if _, err := w.client.Finish(t.Context(), redirect, a, answer); err != nil {
		t.Errorf("the right answer: %v", err)
	}
	if err := finish(a, answer); !errors.Is(err, sso.ErrAttempt) {
		t.Errorf("the answer again: %v", err)
	}
	a, answer = w.begin("ada")
	w.at.Expire()
	if err := finish(a, answer); !errors.Is(err, sso.ErrAttempt) {
		t.Errorf("an expired code: %v", err)
	}
}

// An ID token of another client, of another attempt, with another signature, or one that
// has expired, is refused, though the provider sends it.
func TestIDTokens(t *testing.T) {
	w := newWorld(t)
	// token is the ID token that the provider sends for a client.
	token := func(clientID string) string {
		config := w.config
		config.ClientID = clientID
		client, err := sso.New(config)
		if err != nil {
			t.Fatal(err)
		}
		a, authorize, err := client.Begin(t.Context(), redirect, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		back, err := w.at.Authorize(t.Context(), authorize, "ada")
		if err != nil {
			t.Fatal(err)
		}
		var sent struct {
			IDToken string `json:"id_token"`
		}
		w.at.Rewrite(func(path string, body []byte) []byte {
			if strings.HasSuffix(path, "/token") {
				if err := json.Unmarshal(body, &sent); err != nil {
					t.Error(err)
				}
			}
			return body
		})
		defer w.at.Rewrite(nil)
		if _, err := client.Finish(t.Context(), redirect, a, back.Query()); err != nil {
			t.Fatalf("%s: %v", clientID, err)
		}
		return sent.IDToken
	}
	own, another := token(ssotest.ClientID), token(ssotest.OtherID)
	parts := strings.Split(own, ".")
	for name, c := range map[string]struct{ raw, want string }{
		"another audience":      {another, "audience"},
		"another attempt":       {own, "another attempt"},
		"a signature of no key": {parts[0] + "." + parts[1] + "." + strings.Split(another, ".")[2], "signature"},
		"no signature":          {"eyJhbGciOiJub25lIn0." + parts[1] + ".", "algorithm"},
		"no token":              {"", "malformed"},
	} {
		a, answer := w.begin("ada")
		w.at.Rewrite(ssotest.SwapIDToken(c.raw))
		got, err := w.client.Finish(t.Context(), redirect, a, answer)
		w.at.Rewrite(nil)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %+v %v", name, got, err)
		}
	}
}

// Only https is asked, but for this machine, also where the provider publishes something
// else. Redirects are not followed.
func TestWhereRequestsGo(t *testing.T) {
	for issuer, ok := range map[string]bool{
		"https://login.example.com": true, "https://login.example.com/tenant/v2.0": true, "http://localhost:9998": true, "http://127.0.0.1:1": true, "http://[::1]:1": true,
		"http://login.example.com": false, "http://localhost.example.com": false, "ftp://localhost": false, "login.example.com": false, "https://": false, "": false, "https://a.example?x": false, "https://u:p@a.example": false, "https://a.example#x": false,
	} {
		if err := sso.CheckIssuer(issuer); (err == nil) != ok {
			t.Errorf("%q: %v", issuer, err)
		}
	}
	w := newWorld(t)
	for _, endpoint := range []string{"authorization_endpoint", "token_endpoint"} {
		w.at.Rewrite(func(path string, body []byte) []byte {
			if !strings.HasSuffix(path, "/openid-configuration") {
				return body
			}
			var published map[string]any
			if err := json.Unmarshal(body, &published); err != nil {
				t.Error(err)
			}
			published[endpoint] = "http://evil.example/" + endpoint
			b, err := json.Marshal(published)
			if err != nil {
				t.Error(err)
			}
			return b
		})
		client, err := sso.New(w.config)
		if err != nil {
			t.Fatal(err)
		}
		a, authorize, err := client.Begin(t.Context(), redirect, rand.Reader)
		if err == nil {
			back, visited := w.at.Authorize(t.Context(), authorize, "ada")
			if visited != nil {
				t.Fatal(visited)
			}
			_, err = client.Finish(t.Context(), redirect, a, back.Query())
		}
		if err == nil || !strings.Contains(err.Error(), "https") {
			t.Errorf("%s: %v", endpoint, err)
		}
	}
	followed := false
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { followed = true }))
	defer other.Close()
	redirecting := httptest.NewServer(http.RedirectHandler(other.URL, http.StatusFound))
	defer redirecting.Close()
	w.config.Issuer = redirecting.URL
	client, err := sso.New(w.config)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := client.Begin(t.Context(), redirect, rand.Reader); err == nil || followed {
		t.Errorf("a redirect: %v, followed %v", err, followed)
	}
}

// A provider that cannot be read is asked again the next time.
func TestOutage(t *testing.T) {
	down := true
	w := newWorld(t)
	w.at.Rewrite(func(path string, body []byte) []byte {
		if down {
			return []byte("<html>")
		}
		return body
	})
	if _, _, err := w.client.Begin(t.Context(), redirect, rand.Reader); err == nil {
		t.Fatal("it begins without a provider")
	}
	down = false
	if _, _, err := w.client.Begin(t.Context(), redirect, rand.Reader); err != nil {
		t.Errorf("the provider is back: %v", err)
	}
}

func TestParseRoles(t *testing.T) {
	got, err := sso.ParseRoles("viewer=Everyone, admin = IT ops,viewer=x=y,admin=b", roles)
	want := []sso.Grant{{Role: "admin", Value: "IT ops"}, {Role: "admin", Value: "b"}, {Role: "viewer", Value: "Everyone"}, {Role: "viewer", Value: "x=y"}}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%v %v", got, err)
	}
	for _, text := range []string{"king=x", "admin", "admin=", "=x", "admin=x,,viewer=y"} {
		if got, err := sso.ParseRoles(text, roles); err == nil {
			t.Errorf("%q: %v", text, got)
		}
	}
}

// A cookie that somebody made up is no attempt.
func TestParseAttempt(t *testing.T) {
	w := newWorld(t)
	a, _, err := w.client.Begin(t.Context(), redirect, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	text := a.String()
	for _, value := range []string{"", "...", text[1:], text + "x", strings.Replace(text, ".", "..", 1), strings.Repeat("a", 10000)} {
		if got, ok := sso.ParseAttempt(value); ok {
			t.Errorf("%q: %v", value, got)
		}
	}
	if _, _, err := w.client.Begin(t.Context(), redirect, io.LimitReader(rand.Reader, 80)); err == nil {
		t.Error("it begins without entropy")
	}
}

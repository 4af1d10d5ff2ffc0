// Package ssotest runs a real OpenID Connect provider for tests: the certified one of
// github.com/zitadel/oidc, with its sign-in page and people of its own.
package ssotest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// The clients of each provider.
const (
	ClientID     = "dsync-console"
	OtherID      = "another"
	ClientSecret = "the client's secret: % + ü"
	Password     = "correct horse"
)

// Provider is a running provider. Everybody's e-mail address is <user>@example.com, and
// their password Password.
type Provider struct {
	Issuer string

	*storage.Storage
	mu      sync.Mutex
	roles   map[string][]string
	expired bool
	rewrite func(path string, body []byte) []byte
	clients map[string]*storage.Client
}

// Start starts a provider with the users ada, an admin, and eve, who has no role. It runs
// until the test ends.
func Start(t testing.TB) *Provider {
	t.Helper()
	p := &Provider{roles: map[string][]string{"ada": {"admin"}, "eve": nil}, clients: map[string]*storage.Client{}}
	server := httptest.NewUnstartedServer(nil)
	p.Issuer = "http://" + server.Listener.Addr().String()
	p.Storage = storage.NewStorageWithClients(p, p.clients)
	handler := exampleop.SetupServer(p.Issuer, p, nil, false)
	server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { p.serve(handler, w, r) })
	server.Start()
	t.Cleanup(server.Close)
	return p
}

// Register makes the two clients, which may be led back to a URL.
func (p *Provider) Register(redirect string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, name := range []string{ClientID, OtherID} {
		p.clients[name] = storage.WebClient(name, ClientSecret, redirect)
	}
}

// SetRoles gives a user roles in the claim roles.
func (p *Provider) SetRoles(user string, roles ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.roles[user] = roles
}

// Expire ends all codes that have not been used, now and later.
func (p *Provider) Expire() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.expired = true
}

// Rewrite changes answers before they are sent.
func (p *Provider) Rewrite(rewrite func(path string, body []byte) []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rewrite = rewrite
}

func (p *Provider) serve(next http.Handler, w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	rewrite := p.rewrite
	p.mu.Unlock()
	if rewrite == nil {
		next.ServeHTTP(w, r)
		return
	}
	recorder := httptest.NewRecorder()
	next.ServeHTTP(recorder, r)
	for name, values := range recorder.Header() {
		if name != "Content-Length" {
			w.Header()[name] = values
		}
	}
	w.WriteHeader(recorder.Code)
	_, _ = w.Write(rewrite(r.URL.Path, recorder.Body.Bytes()))
}

// Authorize does what a browser does that a client led to the provider: the user signs in.
// It returns where the provider leads back.
func (p *Provider) Authorize(ctx context.Context, authorize, user string) (*url.URL, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	browser := &http.Client{Jar: jar, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if !strings.HasPrefix(r.URL.String(), p.Issuer+"/") {
			return http.ErrUseLastResponse
		}
		return nil
	}}
	ask := func(method, url, body string) (*http.Response, error) {
		r, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
		if err != nil {
			return nil, err
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		response, err := browser.Do(r)
		if err != nil {
			return nil, err
		}
		defer response.Body.Close()
		_, err = io.Copy(io.Discard, response.Body)
		return response, err
	}
	page, err := ask(http.MethodGet, authorize, "")
	if err != nil {
		return nil, err
	}
	if page.StatusCode != http.StatusOK {
		return page.Location()
	}
	form := url.Values{"id": {page.Request.URL.Query().Get("authRequestID")}, "username": {user}, "password": {Password}}
	back, err := ask(http.MethodPost, p.Issuer+"/login/username", form.Encode())
	if err != nil {
		return nil, err
	}
	return back.Location()
}

// SwapIDToken returns a Rewrite that answers with another ID token.
func SwapIDToken(raw string) func(string, []byte) []byte {
	return func(path string, body []byte) []byte {
		_, after, found := bytes.Cut(body, []byte(`"id_token":"`))
		if !found {
			return body
		}
		old, _, _ := bytes.Cut(after, []byte(`"`))
		return bytes.Replace(body, old, []byte(raw), 1)
	}
}

// GetUserByID implements storage.UserStore.
func (p *Provider) GetUserByID(name string) *storage.User {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, known := p.roles[name]; !known {
		return nil
	}
	return &storage.User{ID: name, Username: name, Password: Password, FirstName: name, LastName: "Example", Email: name + "@example.com", EmailVerified: true}
}

// GetUserByUsername implements storage.UserStore.
func (p *Provider) GetUserByUsername(name string) *storage.User { return p.GetUserByID(name) }

// ExampleClientID implements storage.UserStore.
func (p *Provider) ExampleClientID() string { return "service" }

// SetUserinfoFromRequest puts the roles into ID tokens, twice. The e-mail address is not there:
// the provider tells it at the UserInfo endpoint.
func (p *Provider) SetUserinfoFromRequest(ctx context.Context, info *oidc.UserInfo, request op.IDTokenRequest, scopes []string) error {
	p.mu.Lock()
	roles := p.roles[request.GetSubject()]
	p.mu.Unlock()
	if roles != nil {
		info.AppendClaims("roles", roles)
		info.AppendClaims("realm_access", map[string]any{"roles": roles})
	}
	return p.Storage.SetUserinfoFromRequest(ctx, info, request, scopes)
}

// AuthRequestByCode implements op.Storage.
func (p *Provider) AuthRequestByCode(ctx context.Context, code string) (op.AuthRequest, error) {
	p.mu.Lock()
	expired := p.expired
	p.mu.Unlock()
	if expired {
		return nil, errors.New("the code has expired")
	}
	return p.Storage.AuthRequestByCode(ctx, code)
}

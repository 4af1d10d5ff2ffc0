package sso

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

var (
	// ErrAttempt: the answer belongs to no attempt of this browser, or to one that has
	// ended. The person can begin again.
	ErrAttempt = errors.New("sso: no such attempt")
	// ErrDenied: the provider did not sign the person in.
	ErrDenied = errors.New("sso: the provider refused")
)

// NoRoleError says that the provider knows a person to whom no value of the claim gives a
// role.
type NoRoleError struct{ Person string }

func (e *NoRoleError) Error() string { return "sso: no role" }

// Person is who has signed in.
type Person struct {
	Name    string // e-mail address, if it has one
	Role    string
	Subject string // the provider's id of the person
}

// Provider signs people in.
type Provider struct {
	config Config

	mu       sync.Mutex
	provider *oidc.Provider // nil until it was read once
	style    oauth2.AuthStyle
}

// New returns the provider. It makes no request: the first sign-in reads what the
// provider publishes.
func New(c Config) (*Provider, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	return &Provider{config: c}, nil
}

// Host is the host of the provider, as people know it.
func (p *Provider) Host() string {
	u, err := url.Parse(p.config.Issuer)
	if err != nil {
		return p.config.Issuer
	}
	return u.Host
}

// scopes are asked for: who the person is, and the e-mail address.
var scopes = []string{oidc.ScopeOpenID, "profile", "email"}

// Begin begins a sign-in. It returns what the browser keeps, and the URL of the provider
// that leads back to the redirect URL.
func (p *Provider) Begin(ctx context.Context, redirect string, entropy io.Reader) (Attempt, string, error) {
	provider, style, err := p.discovered(ctx)
	if err != nil {
		return Attempt{}, "", err
	}
	a, err := newAttempt(p.config.Now(), entropy)
	if err != nil {
		return Attempt{}, "", err
	}
	client := p.client(provider, style, redirect, "")
	return a, client.AuthCodeURL(a.state, oidc.Nonce(a.nonce), oauth2.S256ChallengeOption(a.verifier)), nil
}

// Finish ends a sign-in with the parameters with which the provider led back. It fails
// with ErrAttempt, ErrDenied, a *NoRoleError, or because the provider cannot be reached
// or answered what it must not.
func (p *Provider) Finish(ctx context.Context, redirect string, a Attempt, answer url.Values) (Person, error) {
	if !equal(a.state, answer.Get("state")) || !a.valid(p.config.Now()) {
		return Person{}, ErrAttempt
	}
	// RFC 9207: where the answer names its issuer, it is this one.
	if issuer := answer.Get("iss"); issuer != "" && issuer != p.config.Issuer {
		return Person{}, fmt.Errorf("%w: the answer comes from another issuer", ErrAttempt)
	}
	if code := answer.Get("error"); code != "" {
		return Person{}, ErrDenied
	}
	provider, style, err := p.discovered(ctx)
	if err != nil {
		return Person{}, err
	}
	secret, err := p.config.Secret(ctx)
	if err != nil {
		return Person{}, fmt.Errorf("sso: the client secret: %w", err)
	}
	ctx = oidc.ClientContext(ctx, httpClient)
	token, err := p.client(provider, style, redirect, secret).Exchange(ctx, answer.Get("code"), oauth2.VerifierOption(a.verifier))
	if err != nil {
		return Person{}, fmt.Errorf("sso: %w", reason(err))
	}
	raw, _ := token.Extra("id_token").(string)
	verified, err := provider.Verifier(&oidc.Config{ClientID: p.config.ClientID, Now: p.config.Now}).Verify(ctx, raw)
	if err != nil {
		return Person{}, fmt.Errorf("sso: %w", err)
	}
	if !equal(verified.Nonce, a.nonce) {
		return Person{}, errors.New("sso: the ID token belongs to another attempt")
	}
	claims := map[string]any{}
	if err := verified.Claims(&claims); err != nil {
		return Person{}, fmt.Errorf("sso: %w", err)
	}
	if err := p.complete(ctx, provider, token, verified.Subject, claims); err != nil {
		return Person{}, err
	}
	person := Person{Name: nameOf(claims, verified.Subject), Role: p.roleOf(claims), Subject: verified.Subject}
	if person.Role == "" {
		return Person{}, &NoRoleError{person.Name}
	}
	return person, nil
}

// complete adds the claims that the provider tells at its UserInfo endpoint alone, as
// many do in this flow (OpenID Connect Core 1.0 section 5.4).
func (p *Provider) complete(ctx context.Context, provider *oidc.Provider, token *oauth2.Token, subject string, claims map[string]any) error {
	if provider.UserInfoEndpoint() == "" || claims["email"] != nil && len(p.valuesOf(claims)) > 0 {
		return nil
	}
	info, err := provider.UserInfo(ctx, oauth2.StaticTokenSource(token))
	if err != nil {
		return fmt.Errorf("sso: %w", err)
	}
	if info.Subject != subject {
		return errors.New("sso: the UserInfo endpoint answers with another person")
	}
	more := map[string]any{}
	if err := info.Claims(&more); err != nil {
		return fmt.Errorf("sso: %w", err)
	}
	for name, value := range more {
		if _, known := claims[name]; !known {
			claims[name] = value
		}
	}
	return nil
}

// roleOf is the role of a person, "" for none: of several the one that may do most.
func (p *Provider) roleOf(claims map[string]any) string {
	values := p.valuesOf(claims)
	for _, g := range p.config.Roles {
		if slices.Contains(values, g.Value) {
			return g.Role
		}
	}
	return ""
}

// valuesOf are the values of the claim with the roles.
func (p *Provider) valuesOf(claims map[string]any) (values []string) {
	claim, found := claims[p.config.RoleClaim]
	if !found {
		claim = claims
		for name := range strings.SplitSeq(p.config.RoleClaim, ".") {
			object, _ := claim.(map[string]any)
			claim = object[name]
		}
	}
	switch claim := claim.(type) {
	case string:
		values = []string{claim}
	case []any:
		for _, v := range claim {
			if s, ok := v.(string); ok {
				values = append(values, s)
			}
		}
	}
	return values
}

// maxName bounds the name of a person, in bytes.
const maxName = 200

// nameOf is how the audit log names a person: by the e-mail address, unless the provider
// says that it is not verified, else by the user name, else by the provider's id.
func nameOf(claims map[string]any, subject string) string {
	email, _ := claims["email"].(string)
	if claims["email_verified"] == false || claims["email_verified"] == "false" {
		email = ""
	}
	name, _ := claims["preferred_username"].(string)
	called := strings.ToValidUTF8(cmp.Or(email, name, subject), "")
	if len(called) > maxName {
		called = strings.ToValidUTF8(called[:maxName], "")
	}
	return called
}

func (p *Provider) client(provider *oidc.Provider, style oauth2.AuthStyle, redirect, secret string) *oauth2.Config {
	endpoint := provider.Endpoint()
	endpoint.AuthStyle = style
	return &oauth2.Config{ClientID: p.config.ClientID, ClientSecret: secret, Endpoint: endpoint, RedirectURL: redirect, Scopes: scopes}
}

// discovered reads what the provider publishes, once.
func (p *Provider) discovered(ctx context.Context) (*oidc.Provider, oauth2.AuthStyle, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.provider != nil {
		return p.provider, p.style, nil
	}
	found, err := oidc.NewProvider(oidc.ClientContext(ctx, httpClient), p.config.Issuer)
	if err != nil {
		return nil, 0, fmt.Errorf("sso: %w", err)
	}
	var metadata struct {
		AuthURL string   `json:"authorization_endpoint"`
		Methods []string `json:"token_endpoint_auth_methods_supported"`
	}
	if err := found.Claims(&metadata); err != nil {
		return nil, 0, fmt.Errorf("sso: %w", err)
	}
	// Browsers are led there. The transport checks the other endpoints.
	if u, err := url.Parse(metadata.AuthURL); err != nil {
		return nil, 0, fmt.Errorf("sso: %w", err)
	} else if err := allowed(u); err != nil {
		return nil, 0, err
	}
	// OpenID Connect Discovery 1.0 section 3: without a list it is client_secret_basic.
	p.style = oauth2.AuthStyleInHeader
	if len(metadata.Methods) > 0 && !slices.Contains(metadata.Methods, "client_secret_basic") {
		p.style = oauth2.AuthStyleInParams
	}
	p.provider = found
	return p.provider, p.style, nil
}

// reason is an error of the token endpoint without the body of its answer, which is
// logged nowhere.
func reason(err error) error {
	var failed *oauth2.RetrieveError
	if errors.As(err, &failed) && failed.ErrorCode == "invalid_grant" { // RFC 6749 section 5.2: the code was used, is too old, or belongs to another
		return fmt.Errorf("%w: the code is invalid", ErrAttempt)
	}
	if errors.As(err, &failed) {
		return fmt.Errorf("the token endpoint answered with %d %q", failed.Response.StatusCode, failed.ErrorCode)
	}
	return err
}

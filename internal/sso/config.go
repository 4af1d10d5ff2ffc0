package sso

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Config describes a provider, and this client at the provider.
type Config struct {
	// Issuer is the issuer identifier, as in its ID tokens: https, or http on this
	// machine.
	Issuer   string
	ClientID string
	// Secret reads the client secret. It is called for each sign-in.
	Secret func(context.Context) (string, error)
	// RoleClaim is the name of the claim with the roles or groups of a person: a text, or
	// a list of texts. A name with dots that is no claim is a path, such as
	// realm_access.roles.
	RoleClaim string
	// Roles say which value of the claim gives which role, the one that may do most first.
	Roles []Grant
	Now   func() time.Time
}

// Grant gives a role to who has a value in the claim.
type Grant struct{ Role, Value string }

// DefaultRoleClaim is the claim in which Entra and others put the roles of the
// application.
const DefaultRoleClaim = "roles"

// Settings are how an operator describes a provider.
type Settings struct {
	Issuer   string `json:"issuer"`
	ClientID string `json:"client_id"`
	// The client secret: the ARN of a secret in Secrets Manager, or on one machine the
	// secret itself.
	ClientSecretARN string `json:"client_secret_arn,omitempty"`
	ClientSecret    string `json:"client_secret,omitempty"`
	RoleClaim       string `json:"role_claim,omitempty"` // "" is DefaultRoleClaim
	Roles           string `json:"roles,omitempty"`      // see ParseRoles
}

// String is the JSON of the settings, "" for none.
func (s Settings) String() string {
	if s == (Settings{}) {
		return ""
	}
	b, err := json.Marshal(s)
	if err != nil {
		panic(err) // strings marshal
	}
	return string(b)
}

// ParseSettings reads the JSON of settings.
func ParseSettings(text string) (s Settings, err error) {
	if text == "" {
		return s, nil
	}
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&s); err != nil {
		return s, fmt.Errorf("sso: the settings are no JSON with known members: %w", err)
	}
	return s, nil
}

// Open returns the provider that settings describe, nil for "". roles are all roles, the
// one that may do least first. stored reads a secret by its ARN.
func Open(text string, roles []string, now func() time.Time, stored func(ctx context.Context, arn string) (string, error)) (*Provider, error) {
	s, err := ParseSettings(text)
	if err != nil || s == (Settings{}) {
		return nil, err
	}
	grants, err := ParseRoles(s.Roles, roles)
	if err != nil {
		return nil, err
	}
	c := Config{Issuer: s.Issuer, ClientID: s.ClientID, RoleClaim: cmp.Or(s.RoleClaim, DefaultRoleClaim), Roles: grants, Now: now}
	switch {
	case s.ClientSecretARN != "":
		c.Secret = func(ctx context.Context) (string, error) { return stored(ctx, s.ClientSecretARN) }
	case s.ClientSecret != "":
		c.Secret = func(context.Context) (string, error) { return s.ClientSecret, nil }
	}
	return New(c)
}

// ParseRoles reads which value gives which role, such as
// "admin=dsync-admins,viewer=engineering": "" is the names of the roles themselves. A
// role may come several times. roles are all roles, the one that may do least first.
func ParseRoles(text string, roles []string) (grants []Grant, err error) {
	if text == "" {
		for _, role := range slices.Backward(roles) {
			grants = append(grants, Grant{role, role})
		}
		return grants, nil
	}
	for part := range strings.SplitSeq(text, ",") {
		role, value, _ := strings.Cut(part, "=")
		role, value = strings.TrimSpace(role), strings.TrimSpace(value)
		if !slices.Contains(roles, role) || value == "" {
			return nil, fmt.Errorf("sso: %q is not <role>=<value> with one of the roles %s", strings.TrimSpace(part), strings.Join(roles, ", "))
		}
		grants = append(grants, Grant{role, value})
	}
	slices.SortStableFunc(grants, func(a, b Grant) int { return slices.Index(roles, b.Role) - slices.Index(roles, a.Role) })
	return grants, nil
}

// CheckIssuer reports what is wrong with an issuer identifier (OpenID Connect Discovery
// 1.0 section 3).
func CheckIssuer(issuer string) error {
	u, err := url.Parse(issuer)
	if err != nil || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return errors.New("sso: the issuer is not a URL with a host, and without a query")
	}
	return allowed(u)
}

// allowed reports whether requests may go to a URL.
func allowed(u *url.URL) error {
	if u.Scheme == "https" || u.Scheme == "http" && slices.Contains([]string{"localhost", "127.0.0.1", "::1"}, u.Hostname()) {
		return nil
	}
	return errors.New("sso: the provider must be reached by https; http is for localhost alone")
}

func (c Config) check() error {
	switch {
	case c.ClientID == "":
		return errors.New("sso: there is no client ID")
	case c.Secret == nil:
		return errors.New("sso: there is no client secret")
	case c.RoleClaim == "":
		return errors.New("sso: there is no name of a claim with the roles")
	case len(c.Roles) == 0:
		return errors.New("sso: no value gives a role")
	}
	return CheckIssuer(c.Issuer)
}

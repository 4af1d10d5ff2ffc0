package management

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"dsync/internal/credential"
	"dsync/internal/fault"
	"dsync/internal/id"
	"dsync/internal/table"
	"dsync/internal/table/apikey"
)

// The scopes of an API key.
const (
	Read   = "read"   // read everything but the API keys and the sessions of the console
	Manage = "manage" // read and change everything but the API keys and the sessions of the console
	Keys   = "keys"   // create, list and revoke API keys, list and end sessions of the console
)

// Scopes are what a key can have: one scope or more, separated by a space (RFC
// 6749 section 3.3).
var Scopes = []string{Read, Manage, Keys, Read + " " + Keys, Manage + " " + Keys}

// allScopes are the scopes of the first key, and of manage in earlier versions.
const allScopes = Manage + " " + Keys

// scopeOf is the scopes of a key. One that an earlier version stored may do what
// it could do then.
func scopeOf(k apikey.Key) string {
	switch {
	case k.Scope != "":
		return k.Scope
	case k.EarlierScope == Manage:
		return allScopes
	}
	return k.EarlierScope
}

// permits reports whether scopes include a scope.
func permits(scopes, scope string) bool {
	has := strings.Fields(scopes)
	return slices.Contains(has, scope) || scope == Read && slices.Contains(has, Manage)
}

// May reports whether the API key has the scope.
func (s *Session) May(scope string) bool { return permits(s.key.Scope, scope) }

// NewAPIKey describes an API key to be created.
type NewAPIKey struct {
	Name           string
	Scope          string    // one of Scopes
	OrganizationID string    // to which the key is bound; "" for none, or for that of the key that creates it
	Expires        time.Time // zero for never
}

// APIKey is an API key with its state.
type APIKey struct {
	apikey.Key
	State credential.State
}

func (s *Session) apiKey(k apikey.Key) APIKey {
	k.Scope = scopeOf(k)
	return APIKey{k, credential.StateOf(k.Revoked, k.Expires, s.now())}
}

// CreateAPIKey creates a key of the REST API. It may do no more than the key that
// creates it. The value is returned here and cannot be read again.
func (s *Session) CreateAPIKey(ctx context.Context, n NewAPIKey) (k APIKey, value string, err error) {
	at := s.timestamp()
	var invalid fault.Validation
	checkName(&invalid, "name", n.Name)
	if n.OrganizationID != "" {
		checkID(&invalid, "organization_id", id.Organization, n.OrganizationID)
	}
	exceeds := func(scope string) bool { return !s.May(scope) }
	switch {
	case !slices.Contains(Scopes, n.Scope):
		invalid.Add("scope", "scope must be one of %s.", strings.Join(Scopes, ", "))
	case slices.ContainsFunc(strings.Fields(n.Scope), exceeds):
		invalid.Add("scope", "scope must not exceed that of the API key that creates it: %s.", s.key.Scope)
	}
	checkExpiry(&invalid, "expires_at", n.Expires, at)
	if err := invalid.Err(); err != nil {
		return k, "", err
	}
	owner, err := s.reach.owner(n.OrganizationID)
	if err != nil {
		return k, "", err
	}
	earlier, _, _ := strings.Cut(n.Scope, " ")
	record := apikey.Key{
		Name: n.Name, Scope: n.Scope, EarlierScope: earlier, OrganizationID: owner, CreatedBy: s.key.ID, Created: at, Expires: n.Expires,
	}
	if record.ID, err = id.New(id.APIKey, at, s.entropy); err != nil {
		return k, "", fmt.Errorf("management: %w", err)
	}
	secret, err := credential.NewSecret(credential.APIKeyPrefix, s.entropy)
	if err != nil {
		return k, "", err
	}
	record.Hash, record.Suffix = secret.Hash, secret.Suffix
	k = s.apiKey(record)
	event, err := s.apiKeyChange(apiKeyCreated, record, at, nil, apiKeyMembers(k))
	if err != nil {
		return k, "", err
	}
	err = apikey.Create(ctx, s.table, record, event.Actions()...)
	if errors.Is(err, table.ErrNotFound) {
		err = fault.Missing(organization, owner)
	}
	return k, secret.Value, busy(err)
}

// APIKeys lists the keys of the REST API; those that were revoked or have
// expired, for a week.
func (s *Session) APIKeys(ctx context.Context, p PageRequest) (Page[APIKey], error) {
	page, err := list(ctx, p, chunksOf(s.table, s.reach.apiKeys()), nil)
	return convert(page, s.apiKey), err
}

// RevokeAPIKey revokes a key of the REST API. One that is revoked stays as it is.
func (s *Session) RevokeAPIKey(ctx context.Context, keyID string) error {
	if !id.APIKey.Valid(keyID) {
		return fault.Missing("API key", keyID)
	}
	found, err := s.reach.apiKeys().Find(ctx, s.table, keyID)
	if errors.Is(err, table.ErrNotFound) {
		return fault.Missing("API key", keyID)
	} else if err != nil {
		return err
	}
	at, before := s.timestamp(), s.apiKey(found)
	after := before
	after.State = credential.Revoked
	event, err := s.apiKeyChange(apiKeyRevoked, found, at, apiKeyMembers(before), apiKeyMembers(after))
	if err != nil {
		return err
	}
	return busy(apikey.Revoke(ctx, s.table, found, at, event.Actions()...))
}

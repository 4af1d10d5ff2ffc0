package management

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"dsync/internal/credential"
	"dsync/internal/fault"
	"dsync/internal/id"
	"dsync/internal/table"
)

// NewAPIKey describes an API key to be created.
type NewAPIKey struct {
	Name    string
	Scope   string
	Expires time.Time // zero for never
}

// APIKey is an API key with its state.
type APIKey struct {
	table.APIKey
	State credential.State
}

func (s *Session) apiKey(k table.APIKey) APIKey {
	return APIKey{k, credential.StateOf(k.Revoked, k.Expires, s.now())}
}

// CreateAPIKey creates a key of the REST API. The value is returned here and
// cannot be read again.
func (s *Session) CreateAPIKey(ctx context.Context, n NewAPIKey) (k APIKey, value string, err error) {
	at := s.timestamp()
	var invalid fault.Validation
	checkName(&invalid, "name", n.Name)
	if !slices.Contains(Scopes, n.Scope) {
		invalid.Add("scope", "scope must be %s or %s.", Read, Manage)
	}
	checkExpiry(&invalid, "expires_at", n.Expires, at)
	if err := invalid.Err(); err != nil {
		return k, "", err
	}
	record := table.APIKey{Name: n.Name, Scope: n.Scope, Created: at, Expires: n.Expires}
	if record.ID, err = id.New(id.APIKey, at, s.entropy); err != nil {
		return k, "", fmt.Errorf("management: %w", err)
	}
	secret, err := credential.NewSecret(credential.APIKeyPrefix, s.entropy)
	if err != nil {
		return k, "", err
	}
	record.Hash, record.Suffix = secret.Hash, secret.Suffix
	return s.apiKey(record), secret.Value, s.table.CreateAPIKey(ctx, record)
}

// APIKeys lists the keys of the REST API; those that were revoked or have
// expired, for a week.
func (s *Session) APIKeys(ctx context.Context, p PageRequest) (Page[APIKey], error) {
	page, err := list(ctx, p, chunksOf(s.table, table.APIKeys()), nil)
	return convert(page, s.apiKey), err
}

// RevokeAPIKey revokes a key of the REST API.
func (s *Session) RevokeAPIKey(ctx context.Context, keyID string) error {
	if !id.APIKey.Valid(keyID) {
		return fault.Missing("API key", keyID)
	}
	k, err := table.APIKeys().Find(ctx, s.table, keyID)
	if errors.Is(err, table.ErrNotFound) {
		return fault.Missing("API key", keyID)
	} else if err != nil {
		return err
	}
	return busy(s.table.RevokeAPIKey(ctx, k.Hash, s.timestamp()))
}

package table

import (
	"context"
	"time"
)

// CreateAPIKey writes a new API key. A key that expires gets a TTL.
func (t *Table) CreateAPIKey(ctx context.Context, k APIKey) error {
	if !k.Expires.IsZero() {
		k.TTL = k.Expires.Add(DeletedRetention).Unix()
	}
	return t.put(ctx, *t.putNew(marshal(apiKeyKey(k.Hash), indexKey{apiKeysIndex(), ulidOf(k.ID)}, k)))
}

// APIKey reads an API key by the hash of its secret. It fails with ErrNotFound.
func (t *Table) APIKey(ctx context.Context, hash string) (APIKey, error) {
	var k APIKey
	err := t.get(ctx, apiKeyKey(hash), &k)
	return k, err
}

// RevokeAPIKey revokes an API key. It does nothing if the key is revoked or
// does not exist. The list of API keys has the key for DeletedRetention.
func (t *Table) RevokeAPIKey(ctx context.Context, hash string, at time.Time) error {
	return ifConditionFails(t.update(ctx, *t.revocation(apiKeyKey(hash), at)), nil)
}

// UseAPIKey records the day (2026-01-31) on which an API key was last used. It
// does nothing if the key is revoked or does not exist.
func (t *Table) UseAPIKey(ctx context.Context, hash, day string) error {
	return t.setLastUsed(ctx, apiKeyKey(hash), day)
}

package table

import (
	"context"
	"time"

	"dsync/internal/dynamo"
)

// CreateAPIKey writes a new API key. A key that expires gets a TTL.
func (t *Table) CreateAPIKey(ctx context.Context, k APIKey) error {
	if !k.Expires.IsZero() {
		k.TTL = k.Expires.Add(DeletedRetention).Unix()
	}
	return t.db.Put(ctx, *dynamo.PutNew(dynamo.Marshal(apiKeyKey(k.Hash), dynamo.IndexKey{PK: apiKeysIndex(), SK: ulidOf(k.ID)}, k)))
}

// APIKey reads an API key by the hash of its secret. It fails with ErrNotFound.
func (t *Table) APIKey(ctx context.Context, hash string) (APIKey, error) {
	var k APIKey
	err := t.db.Get(ctx, apiKeyKey(hash), &k)
	return k, err
}

// RevokeAPIKey revokes an API key. It does nothing if the key is revoked or
// does not exist. The list of API keys has the key for DeletedRetention.
func (t *Table) RevokeAPIKey(ctx context.Context, hash string, at time.Time) error {
	return dynamo.IfConditionFails(t.db.Update(ctx, *revocation(apiKeyKey(hash), at)), nil)
}

// UseAPIKey records the day (2026-01-31) on which an API key was last used. It
// does nothing if the key is revoked or does not exist.
func (t *Table) UseAPIKey(ctx context.Context, hash, day string) error {
	return t.setLastUsed(ctx, apiKeyKey(hash), day)
}

package credential

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"dsync/internal/cache"
	"dsync/internal/fault"
	"dsync/internal/table"
)

// Keys checks keys of the REST API.
type Keys struct {
	table   *table.Table
	now     func() time.Time
	log     *slog.Logger
	cache   *cache.Cache[string, cached[table.APIKey]] // by hash
	unknown unknown
}

// NewKeys returns a checker of the keys in a table.
func NewKeys(t *table.Table, now func() time.Time, log *slog.Logger) *Keys {
	return &Keys{t, now, log, cache.New[string, cached[table.APIKey]](maxCached), newUnknown(maxUnknown)}
}

// Authenticate finds the API key with that value. It fails with a fault of kind
// Unauthorized.
func (k *Keys) Authenticate(ctx context.Context, value string) (table.APIKey, error) {
	unauthorized := fault.New(fault.Unauthorized, "", "")
	if !APIKeyPrefix.wellFormed(value) {
		return table.APIKey{}, unauthorized
	}
	hash, now := Hash(value), k.now()
	if k.unknown.has(hash, now) {
		return table.APIKey{}, unauthorized
	}
	known, ok := k.cache.Get(hash)
	key := known.value
	trusted := ok && now.Before(known.until)
	if !trusted {
		var err error
		if key, err = k.table.APIKey(ctx, hash); errors.Is(err, table.ErrNotFound) {
			k.unknown.add(hash, now)
			return table.APIKey{}, unauthorized
		} else if err != nil {
			return table.APIKey{}, err
		}
		k.cache.Put(hash, cached[table.APIKey]{key, now.Add(trustedFor)})
	}
	if !equal(key.Hash, hash) || StateOf(key.Revoked, key.Expires, now) != Active {
		return table.APIKey{}, unauthorized
	}
	if !trusted {
		Use{key.ID, hash, key.LastUsed}.Record(ctx, now, k.log, k.table.UseAPIKey)
	}
	return key, nil
}

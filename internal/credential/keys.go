package credential

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"dsync/internal/cache"
	"dsync/internal/fault"
	"dsync/internal/table"
	"dsync/internal/table/apikey"
)

// Keys checks keys of the REST API.
type Keys struct {
	table   *table.Table
	now     func() time.Time
	log     *slog.Logger
	cache   *cache.Cache[string, cached[apikey.Key]] // by hash
	unknown cache.Unknown[string]
}

// NewKeys returns a checker of the keys in a table.
func NewKeys(t *table.Table, now func() time.Time, log *slog.Logger) *Keys {
	return &Keys{t, now, log, cache.New[string, cached[apikey.Key]](maxCached), newUnknown()}
}

// Authenticate finds the API key with that value. It fails with a fault of kind
// Unauthorized.
func (k *Keys) Authenticate(ctx context.Context, value string) (apikey.Key, error) {
	unauthorized := fault.New(fault.Unauthorized, "", "")
	if !APIKeyPrefix.WellFormed(value) {
		return apikey.Key{}, unauthorized
	}
	hash, now := Hash(value), k.now()
	if k.unknown.Has(hash, now) {
		return apikey.Key{}, unauthorized
	}
	known, ok := k.cache.Get(hash)
	key := known.value
	trusted := ok && now.Before(known.until)
	if !trusted {
		var err error
		if key, err = apikey.Find(ctx, k.table, hash); errors.Is(err, table.ErrNotFound) {
			k.unknown.Add(hash, now)
			return apikey.Key{}, unauthorized
		} else if err != nil {
			return apikey.Key{}, err
		}
		k.cache.Put(hash, cached[apikey.Key]{key, now.Add(trustedFor)})
	}
	if !equal(key.Hash, hash) || StateOf(key.Revoked, key.Expires, now) != Active {
		return apikey.Key{}, unauthorized
	}
	if !trusted {
		Use{key.ID, hash, key.LastUsed}.Record(ctx, now, k.log, func(ctx context.Context, hash, day string) error { return apikey.Use(ctx, k.table, hash, day) })
	}
	return key, nil
}

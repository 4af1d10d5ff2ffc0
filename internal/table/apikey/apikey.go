// Package apikey stores the keys of the REST API. A key is found by the hash of
// its secret. The lists of all keys and of the keys of one organization are in
// the order of creation, follow a write within moments, and have revoked and
// expired keys for table.DeletedRetention.
package apikey

import (
	"context"
	"errors"
	"time"

	"dsync/internal/dynamo"
	"dsync/internal/id"
	"dsync/internal/table"
	"dsync/internal/table/limit"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Key is a key of the REST API.
type Key struct {
	ID   string `dynamodbav:"id"`
	Hash string `dynamodbav:"hash"` // SHA-256 of the secret, hexadecimal
	Name string `dynamodbav:"name"`
	// Scope is the scopes of the key, separated by spaces. A key of an earlier
	// version has none: EarlierScope says what it may do, read or manage. For
	// later keys, EarlierScope limits them while earlier code still runs.
	Scope          string    `dynamodbav:"scopes,omitempty"`
	EarlierScope   string    `dynamodbav:"scope"`
	OrganizationID string    `dynamodbav:"org,omitempty"`        // to which the key is bound; "" for none
	CreatedBy      string    `dynamodbav:"created_by,omitempty"` // id of the key that created it; "" if unknown
	Suffix         string    `dynamodbav:"suffix"`
	Created        time.Time `dynamodbav:"created"`
	Expires        time.Time `dynamodbav:"expires,omitempty,omitzero"`
	Revoked        bool      `dynamodbav:"revoked,omitempty"`
	LastUsed       string    `dynamodbav:"last_used,omitempty"` // a date: 2026-01-31
	TTL            int64     `dynamodbav:"ttl,omitempty"`       // if revoked, or if it expires
	Watched        int64     `dynamodbav:"watched,omitempty"`   // until then, in Unix time: see Watch
}

// entry lists a bound key among the keys of its organization.
type entry struct {
	TTL int64 `dynamodbav:"ttl,omitempty"`
}

const (
	keySort   = "K"
	entrySort = "KO"
	allKeys   = "KEYS" // partition of the index
)

func key(hash string) dynamo.Key { return dynamo.Key{PK: table.APIKeyPrefix + hash, SK: keySort} }
func entryKey(hash string) dynamo.Key {
	return dynamo.Key{PK: table.APIKeyPrefix + hash, SK: entrySort}
}

func keysOf(organizationID string) string { return allKeys + "#" + id.ULID(organizationID) }

// Create writes a new key with more records, all or nothing. A key that expires
// gets a TTL. Create fails with table.ErrNotFound when the organization of the
// key does not exist.
func Create(ctx context.Context, t *table.Table, k Key, more ...types.TransactWriteItem) error {
	if !k.Expires.IsZero() {
		k.TTL = k.Expires.Add(table.DeletedRetention).Unix()
	}
	actions := append(more, dynamo.PutNewAction(dynamo.Marshal(key(k.Hash), dynamo.IndexKey{PK: allKeys, SK: id.ULID(k.ID)}, k)))
	if k.OrganizationID != "" {
		listed := dynamo.Marshal(entryKey(k.Hash), dynamo.IndexKey{PK: keysOf(k.OrganizationID), SK: id.ULID(k.ID)}, entry{k.TTL})
		actions = append(actions, dynamo.PutNewAction(listed), table.OrganizationExists(k.OrganizationID))
	}
	err := t.Client().Transact(ctx, actions)
	if failed, ok := errors.AsType[dynamo.ConditionFailed](err); ok && actions[failed.Action].ConditionCheck != nil {
		return table.ErrNotFound
	}
	return err
}

// Find reads a key by the hash of its secret. It fails with table.ErrNotFound.
func Find(ctx context.Context, t *table.Table, hash string) (Key, error) {
	var k Key
	err := t.Client().Get(ctx, key(hash), &k)
	return k, err
}

// Revoke revokes a key and writes more records, all or nothing. It does nothing
// if the key is revoked or does not exist.
func Revoke(ctx context.Context, t *table.Table, k Key, at time.Time, more ...types.TransactWriteItem) error {
	actions := append(more, types.TransactWriteItem{Update: table.Revocation(key(k.Hash), at)})
	if k.OrganizationID != "" {
		actions = append(actions, types.TransactWriteItem{Update: table.Revocation(entryKey(k.Hash), at)})
	}
	return dynamo.IfConditionFails(t.Client().Transact(ctx, actions), nil)
}

// Use records the day (2026-01-31) on which a key was last used. It does nothing
// if the key is revoked or does not exist.
func Use(ctx context.Context, t *table.Table, hash, day string) error {
	return t.SetLastUsed(ctx, key(hash), day)
}

// Watch records until when all processes count the requests with a key together.
// It does nothing if the key is revoked or does not exist.
func Watch(ctx context.Context, t *table.Table, hash string, until time.Time) error {
	return limit.Watch(ctx, t, key(hash), until)
}

// All lists all keys. It reads the index.
func All() table.List[Key] {
	return table.ListIn[Key](id.APIKey, true, allKeys, func(_ string, listed dynamo.Key) dynamo.Key { return listed })
}

// Of lists the keys that are bound to an organization. It reads the index. The
// entry of a key has the partition key of the key.
func Of(organizationID string) table.List[Key] {
	return table.ListIn[Key](id.APIKey, true, keysOf(organizationID), func(_ string, listed dynamo.Key) dynamo.Key {
		return dynamo.Key{PK: listed.PK, SK: keySort}
	})
}

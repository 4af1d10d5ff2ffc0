package table

import (
	"context"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// CreateAPIKey writes a new API key.
func (t *Table) CreateAPIKey(ctx context.Context, k APIKey) error {
	if !k.Expires.IsZero() {
		k.TTL = k.Expires.Add(DeletedRetention).Unix()
	}
	return t.put(ctx, *t.putNew(marshal(apiKeyKey(k.Hash), indexKey{apiKeysIndex(), ulidOf(k.ID)}, k)).Put)
}

// APIKey reads an API key by the hash of its secret. It fails with ErrNotFound.
func (t *Table) APIKey(ctx context.Context, hash string) (APIKey, error) {
	var k APIKey
	err := t.get(ctx, apiKeyKey(hash), &k)
	return k, err
}

// RevokeAPIKey revokes an API key, once. The list keeps it for a while.
func (t *Table) RevokeAPIKey(ctx context.Context, hash string, at time.Time) error {
	return notFoundIfFailed(t.update(ctx, t.revoke(apiKeyKey(hash), at)))
}

// UseAPIKey notes the day on which an API key was used last.
func (t *Table) UseAPIKey(ctx context.Context, hash, day string) error {
	return t.use(ctx, apiKeyKey(hash), day)
}

// UseToken notes the day on which a token was used last.
func (t *Table) UseToken(ctx context.Context, hash, day string) error {
	return t.use(ctx, tokenKey(hash), day)
}

func (t *Table) use(ctx context.Context, k key, day string) error {
	return notFoundIfFailed(t.update(ctx, types.Update{
		Key:                       marshal(k),
		UpdateExpression:          aws.String("SET last_used = :day"),
		ConditionExpression:       aws.String("attribute_exists(pk) AND attribute_not_exists(revoked)"),
		ExpressionAttributeValues: marshal(map[string]string{":day": day}),
	}))
}

// revoke is the change of a token or key that is not revoked yet.
func (t *Table) revoke(k key, at time.Time) types.Update {
	return types.Update{
		TableName:                &t.name,
		Key:                      marshal(k),
		UpdateExpression:         aws.String("SET revoked = :true, #ttl = :ttl"),
		ConditionExpression:      aws.String("attribute_exists(pk) AND attribute_not_exists(revoked)"),
		ExpressionAttributeNames: map[string]string{"#ttl": "ttl"},
		ExpressionAttributeValues: marshal(struct {
			True bool  `dynamodbav:":true"`
			TTL  int64 `dynamodbav:":ttl"`
		}{true, at.Add(DeletedRetention).Unix()}),
	}
}

// ifStill takes a condition that does not hold for nothing to be done.
func notFoundIfFailed(err error) error {
	var failed conditionFailed
	if errors.As(err, &failed) {
		return nil
	}
	return err
}

package table

import (
	"context"
	"slices"
	"time"

	"dsync/internal/dynamo"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// token is the record of a token of the directory.
func (d Directory) token(ref TokenRef) Token {
	token := Token{TokenRef: ref, DirectoryID: d.ID, OrganizationID: d.OrganizationID, ExternalKey: d.ExternalKey, SCIMConfig: d.SCIMConfig}
	if !ref.Expires.IsZero() {
		token.TTL = ref.Expires.Add(DeletedRetention).Unix()
	}
	return token
}

func (k Token) item() dynamo.Item {
	return dynamo.Marshal(tokenKey(k.Hash), dynamo.IndexKey{PK: tokensIndex(k.DirectoryID), SK: ulidOf(k.ID)}, k)
}

// Expired reports whether the token has expired at that time.
func (r TokenRef) Expired(at time.Time) bool { return !r.Expires.IsZero() && !at.Before(r.Expires) }

func contains(tokens []TokenRef, ref TokenRef) bool {
	return slices.ContainsFunc(tokens, func(r TokenRef) bool { return r.ID == ref.ID })
}

// Token reads a token by the hash of its secret. It fails with ErrNotFound.
func (t *Table) Token(ctx context.Context, hash string) (Token, error) {
	var token Token
	err := t.db.Get(ctx, tokenKey(hash), &token)
	return token, err
}

// UseToken records the day (2026-01-31) on which a token was last used. It does
// nothing if the token is revoked or does not exist.
func (t *Table) UseToken(ctx context.Context, hash, day string) error {
	return t.SetLastUsed(ctx, tokenKey(hash), day)
}

// setSCIMConfig copies the configuration of a directory to a token.
func setSCIMConfig(ref TokenRef, c SCIMConfig) *types.Update {
	return &types.Update{
		Key:                      dynamo.Marshal(tokenKey(ref.Hash)),
		UpdateExpression:         aws.String("SET extensions = :extensions, settings = :settings, #view = :view, #type = :type, pending = :pending, paused = :paused, all_emails = :all_emails"),
		ConditionExpression:      aws.String("attribute_exists(pk)"),
		ExpressionAttributeNames: map[string]string{"#view": "view", "#type": "type"},
		ExpressionAttributeValues: dynamo.Marshal(map[string]any{
			":extensions": c.Extensions, ":settings": c.Settings, ":view": c.View, ":type": c.Type,
			":pending": c.Pending, ":paused": c.Paused, ":all_emails": c.AllEmails,
		}),
	}
}

// TokenKey is the primary key of the token with that hash.
func TokenKey(hash string) dynamo.Key { return tokenKey(hash) }

const notRevoked = "attribute_exists(pk) AND attribute_not_exists(revoked)"

// SetLastUsed is UseToken for the token or API key with that primary key.
func (t *Table) SetLastUsed(ctx context.Context, k dynamo.Key, day string) error {
	err := t.db.Update(ctx, types.Update{
		Key:                       dynamo.Marshal(k),
		UpdateExpression:          aws.String("SET last_used = :day"),
		ConditionExpression:       aws.String(notRevoked),
		ExpressionAttributeValues: dynamo.Marshal(map[string]string{":day": day}),
	})
	return dynamo.IfConditionFails(err, nil)
}

// Revocation marks a token or an API key as revoked, if it is not yet, and
// retains it for DeletedRetention.
func Revocation(k dynamo.Key, at time.Time) *types.Update {
	return &types.Update{
		Key:                       dynamo.Marshal(k),
		UpdateExpression:          aws.String("SET revoked = :true, #ttl = :ttl"),
		ConditionExpression:       aws.String(notRevoked),
		ExpressionAttributeNames:  map[string]string{"#ttl": "ttl"},
		ExpressionAttributeValues: dynamo.Marshal(map[string]any{":true": true, ":ttl": at.Add(DeletedRetention).Unix()}),
	}
}

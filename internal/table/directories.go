package table

import (
	"context"
	"errors"
	"time"

	"dsync/internal/dynamo"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

func (d Directory) item() dynamo.Item {
	return dynamo.Marshal(directoryKey(d.ID), dynamo.IndexKey{PK: directoriesIndex(), SK: ulidOf(d.ID)}, d)
}

// CreateDirectory writes a new directory of an organization with its tokens and
// more records, all or nothing. It fails with ErrNotFound when the organization does not
// exist.
func (t *Table) CreateDirectory(ctx context.Context, d Directory, more ...types.TransactWriteItem) error {
	actions := []types.TransactWriteItem{
		touchOrganization(d.OrganizationID),
		dynamo.PutNewAction(d.item()),
		dynamo.PutNewAction(dynamo.Marshal(organizationDirectoryKey(d.OrganizationID, d.ID), lookup{d.ID})),
	}
	for _, ref := range d.Tokens {
		actions = append(actions, dynamo.PutNewAction(d.token(ref).item()))
	}
	err := t.db.Transact(ctx, append(actions, more...))
	failed, ok := errors.AsType[dynamo.ConditionFailed](err)
	if ok && failed.Action == 0 {
		return ErrNotFound
	}
	return err
}

// Directory reads a directory. It fails with ErrNotFound.
func (t *Table) Directory(ctx context.Context, directoryID string) (Directory, error) {
	var d Directory
	err := t.db.Get(ctx, directoryKey(directoryID), &d)
	return d, err
}

// ReplaceDirectory writes next over old, its tokens, a job unless it is nil, and
// more records, all or nothing: it writes the tokens that are only in next, revokes
// those that are only in old, and copies a changed SCIMConfig to the others. It
// fails with ErrStale when the stored version is not old.Version.
//
// Tokens that have expired at next.Modified are not written; they may be in
// next or not.
func (t *Table) ReplaceDirectory(ctx context.Context, old, next Directory, job *Job, more ...types.TransactWriteItem) error {
	actions := append(more, types.TransactWriteItem{Put: putVersion(next.item(), old.Version)})
	for _, ref := range next.Tokens {
		switch {
		case ref.Expired(next.Modified):
		case !contains(old.Tokens, ref):
			actions = append(actions, dynamo.PutNewAction(next.token(ref).item()))
		case !old.SCIMConfig.Equal(next.SCIMConfig):
			actions = append(actions, types.TransactWriteItem{Update: setSCIMConfig(ref, next.SCIMConfig)})
		}
	}
	for _, ref := range old.Tokens {
		if !ref.Expired(next.Modified) && !contains(next.Tokens, ref) {
			actions = append(actions, types.TransactWriteItem{Update: Revocation(tokenKey(ref.Hash), next.Modified)})
		}
	}
	if job != nil {
		actions = append(actions, job.Actions()...)
	}
	return dynamo.IfConditionFails(t.db.Transact(ctx, actions), ErrStale)
}

// Activate records the first request to a directory, which was authenticated
// by the token with that hash: the directory becomes Linked. If another request
// was the first, only the token changes. Activate fails with ErrNotFound when
// the token does not exist.
func (t *Table) Activate(ctx context.Context, directoryID, tokenHash string, at time.Time, actor Actor) error {
	activateToken := types.Update{
		Key:                 dynamo.Marshal(tokenKey(tokenHash)),
		UpdateExpression:    aws.String("REMOVE pending"),
		ConditionExpression: aws.String("attribute_exists(pk)"),
	}
	activateDirectory := types.Update{
		Key:                      dynamo.Marshal(directoryKey(directoryID)),
		UpdateExpression:         aws.String("SET #state = :linked, #at = :at, rid = :rid, tid = :tid ADD v :one REMOVE pending"),
		ConditionExpression:      aws.String("pending = :true AND #state = :validating"),
		ExpressionAttributeNames: map[string]string{"#state": "state", "#at": "at"},
		ExpressionAttributeValues: dynamo.Marshal(map[string]any{
			":linked": Linked, ":validating": Validating, ":at": at, ":rid": actor.RequestID, ":tid": actor.TokenID, ":one": 1, ":true": true,
		}),
	}
	err := t.db.Transact(ctx, []types.TransactWriteItem{{Update: &activateDirectory}, {Update: &activateToken}})
	if failed, ok := errors.AsType[dynamo.ConditionFailed](err); ok && failed.Action == 0 {
		err = t.db.Update(ctx, activateToken)
	}
	return dynamo.IfConditionFails(err, ErrNotFound)
}

// Equal reports whether two configurations have the same settings. The cursor
// key of a directory never changes.
func (c SCIMConfig) Equal(other SCIMConfig) bool {
	return c.Extensions == other.Extensions && c.Settings == other.Settings && c.View == other.View &&
		c.Type == other.Type && c.Pending == other.Pending && c.Paused == other.Paused && c.AllEmails == other.AllEmails
}

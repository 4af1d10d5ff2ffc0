// Package idclaim gives users and groups of earlier versions the claim of their
// id, which leads from the id to the directory. What is created now writes its
// claim itself. When all resources have one, an id without a claim is unknown: see
// Complete.
package idclaim

import (
	"context"
	"errors"

	"dsync/internal/dynamo"
	"dsync/internal/table"
)

// completeKey is the record that says that every user and group has a claim.
var completeKey = dynamo.Key{PK: "I#", SK: "COMPLETE"}

// Complete reports whether every user and group of the table has a claim. Once
// true, it stays true.
func Complete(ctx context.Context, t *table.Table) (bool, error) {
	err := t.Client().Get(ctx, completeKey, &struct{}{})
	if errors.Is(err, table.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// SetComplete records that every user and group has a claim.
func SetComplete(ctx context.Context, t *table.Table) error {
	return t.Client().Put(ctx, *dynamo.PutAction(dynamo.Marshal(completeKey)).Put)
}

// Unclaimed returns the ids without a claim, of users or groups of a directory.
func Unclaimed(ctx context.Context, t *table.Table, k table.Kind, directoryID string, ids []string) ([]string, error) {
	byKey := make(map[dynamo.Key]string, len(ids))
	keys := make([]dynamo.Key, 0, len(ids))
	for _, id := range ids {
		key, err := keyOf(table.IDClaim(k, directoryID, id))
		if err != nil {
			return nil, err
		}
		byKey[key] = id
		keys = append(keys, key)
	}
	for key, err := range dynamo.Records[dynamo.Key](t.Client().BatchGet(ctx, keys)) {
		if err != nil {
			return nil, err
		}
		delete(byKey, key)
	}
	var unclaimed []string
	for _, key := range keys {
		if id, ok := byKey[key]; ok {
			unclaimed = append(unclaimed, id)
		}
	}
	return unclaimed, nil
}

func keyOf(claim dynamo.Item) (k dynamo.Key, err error) {
	err = dynamo.Unmarshal(claim, &k)
	return k, err
}

// Add writes the claim of an id, unless it has one.
func Add(ctx context.Context, t *table.Table, k table.Kind, directoryID, id string) error {
	return dynamo.IfConditionFails(t.Client().Put(ctx, *dynamo.PutNew(table.IDClaim(k, directoryID, id))), nil)
}

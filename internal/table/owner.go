package table

import (
	"context"

	"dsync/internal/dynamo"
)

// Locate finds the user or group with that id in the directory that owns it,
// one of directoryIDs. It reads one batch for each dynamo.MaxBatchGet directories. It
// fails with ErrNotFound.
func (t *Table) Locate(ctx context.Context, k Kind, id string, directoryIDs []string) (Resource, error) {
	if !k.ValidID(id) {
		return Resource{Kind: k}, ErrNotFound
	}
	keys := make([]dynamo.Key, len(directoryIDs))
	for i, directoryID := range directoryIDs {
		keys[i] = resourceKey(k, directoryID, id)
	}
	for r, err := range dynamo.Records[Resource](t.db.BatchGet(ctx, keys)) {
		r.Kind = k
		if err == nil && r.Deleted {
			err = ErrNotFound
		}
		return r, err // no other directory has the id
	}
	return Resource{Kind: k}, ErrNotFound
}

package table

import (
	"context"

	"dsync/internal/dynamo"
)

// idClaim is the record of an id: that it was used, and in which directory. It
// outlives the resource, because the log knows a resource by its id alone. It
// is erased with the log of the directory.
type idClaim struct {
	DirectoryID string `dynamodbav:"dir"`
}

// IDClaim is the record that claims the id of a user or group for a directory.
func IDClaim(k Kind, directoryID, id string) dynamo.Item {
	index := dynamo.IndexKey{PK: idsIndex(directoryID), SK: k.prefix() + ulidOf(id)}
	return dynamo.Marshal(idKey(k, id), index, idClaim{directoryID})
}

// DirectoryOf returns the id of the directory in which a user or group was
// created. It fails with ErrNotFound, also for what an earlier version created
// until package idclaim has claimed its id: see Locate.
func (t *Table) DirectoryOf(ctx context.Context, k Kind, id string) (string, error) {
	if !k.ValidID(id) {
		return "", ErrNotFound
	}
	var c idClaim
	err := t.db.Get(ctx, idKey(k, id), &c)
	return c.DirectoryID, err
}

// EraseIDs deletes at most limit claims of ids of a purged directory and returns
// how many there were. From then on the ids can be used again. It reads the index.
func (t *Table) EraseIDs(ctx context.Context, directoryID string, limit int) (int, error) {
	return t.deletePage(ctx, dynamo.IndexPartition(idsIndex(directoryID)), limit)
}

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

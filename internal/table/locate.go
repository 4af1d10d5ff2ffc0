package table

import (
	"context"
	"errors"
)

// Locate finds the user or group with that id in one of the directories, in
// one read for each hundred of them. It fails with ErrNotFound.
func (t *Table) Locate(ctx context.Context, k Kind, id string, dirs []string) (Resource, error) {
	found := Resource{Kind: k}
	if !k.ValidID(id) {
		return found, ErrNotFound
	}
	keys := make([]key, len(dirs))
	for i, directoryID := range dirs {
		keys[i] = resourceKey(k, directoryID, id)
	}
	err := t.batchGet(ctx, keys, func(i item) error { return errors.Join(unmarshal(i, &found), errFound) })
	switch {
	case errors.Is(err, errFound) && !found.Deleted:
		return found, nil
	case err == nil || errors.Is(err, errFound):
		return found, ErrNotFound
	}
	return found, err
}

// errFound ends a search.
var errFound = errors.New("table: found")

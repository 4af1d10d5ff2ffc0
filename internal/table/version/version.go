// Package version keeps the version of the records in the table: which form they
// have, and which code can read them.
//
// A version of the code that changes the form of records counts Current up. When
// its jobs have brought all records to that form, the table has that version. A
// rollback is possible as long as the older code can read the records: code whose
// Current is below the Oldest that the table has recorded does not start.
package version

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"dsync/internal/dynamo"
	"dsync/internal/table"
)

// The versions of the records.
//
//	1  up to July 2026
//	2  the event log in entries of its own; a claim for each id of a user or group
const (
	// Current is the version of the records that this code writes.
	Current = 2
	// Oldest is the oldest version of the code that can read all of them.
	Oldest = 1
)

// key is that of the record with the version.
var key = dynamo.Key{PK: "V#", SK: "V"}

// Record is what a table says about its records.
type Record struct {
	Version int `dynamodbav:"version"` // all records have the form of this version
	Oldest  int `dynamodbav:"oldest"`  // the oldest version of the code that can read them
}

// ErrNewer means that this code cannot read the table.
var ErrNewer = errors.New("a newer version of dsync has written the table: deploy that version, or a newer one")

// Read returns the record of a table. A table of an earlier version, or one whose
// records are not all in the present form yet, has none: the result is zero.
func Read(ctx context.Context, t *table.Table) (Record, error) {
	var r Record
	err := t.Client().Get(ctx, key, &r)
	if errors.Is(err, table.ErrNotFound) {
		return Record{}, nil
	}
	return r, err
}

// Check fails with ErrNewer if this code cannot read the table. It costs one read.
func Check(ctx context.Context, t *table.Table) error { return check(ctx, t, Current) }

func check(ctx context.Context, t *table.Table, code int) error {
	r, err := Read(ctx, t)
	if err == nil && r.Oldest > code {
		return fmt.Errorf("the table needs version %d of its records, and this code knows versions up to %d: %w", r.Oldest, code, ErrNewer)
	}
	return err
}

// Complete records that all records have the form of this code. It never takes back
// what newer code has recorded.
func Complete(ctx context.Context, t *table.Table) error {
	return complete(ctx, t, Record{Current, Oldest})
}

func complete(ctx context.Context, t *table.Table, now Record) error {
	old, err := Read(ctx, t)
	if err != nil || old.Version >= now.Version {
		return err
	}
	item := dynamo.Marshal(now)
	maps.Copy(item, dynamo.Marshal(key))
	return t.Client().Put(ctx, *dynamo.PutAction(item).Put)
}

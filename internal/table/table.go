package table

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// Errors that callers act on. Every other error is a failure of DynamoDB.
var (
	// ErrNotFound: there is no such record, or it is soft-deleted.
	ErrNotFound = errors.New("table: not found")
	// ErrTaken: another resource has the unique value.
	ErrTaken = errors.New("table: name taken")
	// ErrStale: the record changed since it was read. Read it again.
	ErrStale = errors.New("table: stale")
	// ErrBusy: other writers kept writing the same items. Retry later.
	ErrBusy = errors.New("table: busy")
)

// Limits of DynamoDB on one call (DynamoDB Developer Guide, "Quotas").
const (
	maxBatchGet   = 100 // keys of a BatchGetItem
	maxBatchWrite = 25  // requests of a BatchWriteItem
	maxTransact   = 100 // actions of a TransactWriteItems
)

// Table reads and writes the records.
type Table struct {
	api        *dynamodb.Client
	name       string
	onConflict func()
}

// New returns the table with that name.
func New(api *dynamodb.Client, name string) *Table { return &Table{api, name, func() {}} }

// OnConflict sets a function that is called whenever a write is retried because
// it conflicts with another one. Call OnConflict before the table is used.
func (t *Table) OnConflict(f func()) { t.onConflict = f }

// Prime opens the connection to DynamoDB, so that the first request of a
// function does not wait for it. It reads a key that no record has.
func (t *Table) Prime(ctx context.Context) error {
	err := t.get(ctx, key{"-", "-"}, &struct{}{})
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}

package table

import (
	"context"
	"errors"

	"dsync/internal/dynamo"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Errors that callers act on. Every other error is a failure of DynamoDB.
var (
	// ErrNotFound: there is no such record, or it is soft-deleted.
	ErrNotFound = dynamo.ErrNotFound
	// ErrTaken: another resource has the unique value.
	ErrTaken = errors.New("table: name taken")
	// ErrIDTaken: the id of a new resource was used before, in any directory.
	ErrIDTaken = errors.New("table: id taken")
	// ErrStale: the record changed since it was read. Read it again.
	ErrStale = errors.New("table: stale")
	// ErrBusy: other writers kept writing the same items. Retry later.
	ErrBusy = dynamo.ErrBusy
)

// Table reads and writes the records.
type Table struct{ db *dynamo.Client }

// New returns the table with that name.
func New(api *dynamodb.Client, name string) *Table { return &Table{dynamo.New(api, name)} }

// Client is the access to the records of packages below this one, which know
// their own keys.
func (t *Table) Client() *dynamo.Client { return t.db }

// OnConflict sets a function that is called whenever a write is retried because
// it conflicts with another one. Call OnConflict before the table is used.
func (t *Table) OnConflict(f func()) { t.db.OnConflict(f) }

// Meter counts the cost of calls.
type Meter = dynamo.Meter

// Eventually returns a context of cheaper reads: see dynamo.Eventually.
func Eventually(ctx context.Context) context.Context { return dynamo.Eventually(ctx) }

// WithMeter returns a context whose calls are counted, and their meter.
func WithMeter(ctx context.Context) (context.Context, *Meter) { return dynamo.WithMeter(ctx) }

// maxStale bounds how often RetryStale retries. Each time another change
// succeeded.
const maxStale = 60

// RetryStale calls attempt until it does not fail with ErrStale. attempt reads
// a record, changes it, and writes it. RetryStale fails with ErrBusy when other
// writers changed the record maxStale times in between.
func RetryStale(attempt func() error) error {
	for range maxStale {
		err := attempt()
		if !errors.Is(err, ErrStale) {
			return err
		}
	}
	return ErrBusy
}

// versionCondition is the condition that a record has the version :v and is not
// soft-deleted.
const versionCondition = "v = :v AND attribute_not_exists(deleted)"

// putVersion writes an item over the version of it that was read.
func putVersion(i dynamo.Item, version int64) *types.Put {
	return &types.Put{
		Item:                      i,
		ConditionExpression:       aws.String(versionCondition),
		ExpressionAttributeValues: dynamo.Marshal(map[string]int64{":v": version}),
	}
}

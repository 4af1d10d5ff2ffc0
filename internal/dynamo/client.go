package dynamo

import (
	"errors"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// Errors that callers act on, with ConditionFailed. Every other error is a
// failure of DynamoDB.
var (
	// ErrNotFound: there is no item with that key.
	ErrNotFound = errors.New("dynamo: not found")
	// ErrBusy: other writers kept writing the same items. Retry later.
	ErrBusy = errors.New("dynamo: busy")
)

// Limits of DynamoDB on one call (DynamoDB Developer Guide, "Quotas").
const (
	MaxBatchGet   = 100 // keys of a BatchGetItem
	MaxTransact   = 100 // actions of a TransactWriteItems
	maxBatchWrite = 25  // requests of a BatchWriteItem
)

// Client reads and writes the items of one table.
type Client struct {
	api        *dynamodb.Client
	name       string
	onConflict func()
}

// New returns a client of the table with that name.
func New(api *dynamodb.Client, name string) *Client { return &Client{api, name, func() {}} }

// OnConflict sets a function that is called whenever a write is retried because
// it conflicts with another one. Call OnConflict before the client is used.
func (c *Client) OnConflict(f func()) { c.onConflict = f }

package dynamo

import (
	"context"
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
	api        operations
	name       string
	onConflict func()
}

// operations are the operations of DynamoDB that a Client uses. They are functions and
// not the SDK's client: the linker keeps all methods of a type that reflection can
// reach, as it can from what a page shows, and with all operations of DynamoDB a
// function is 3 MB larger.
type operations struct {
	getItem            operation[dynamodb.GetItemInput, dynamodb.GetItemOutput]
	batchGetItem       operation[dynamodb.BatchGetItemInput, dynamodb.BatchGetItemOutput]
	query              operation[dynamodb.QueryInput, dynamodb.QueryOutput]
	putItem            operation[dynamodb.PutItemInput, dynamodb.PutItemOutput]
	updateItem         operation[dynamodb.UpdateItemInput, dynamodb.UpdateItemOutput]
	transactWriteItems operation[dynamodb.TransactWriteItemsInput, dynamodb.TransactWriteItemsOutput]
	batchWriteItem     operation[dynamodb.BatchWriteItemInput, dynamodb.BatchWriteItemOutput]
}

type operation[In, Out any] func(context.Context, *In, ...func(*dynamodb.Options)) (*Out, error)

// New returns a client of the table with that name.
func New(api *dynamodb.Client, name string) *Client {
	return &Client{operations{
		getItem:            api.GetItem,
		batchGetItem:       api.BatchGetItem,
		query:              api.Query,
		putItem:            api.PutItem,
		updateItem:         api.UpdateItem,
		transactWriteItems: api.TransactWriteItems,
		batchWriteItem:     api.BatchWriteItem,
	}, name, func() {}}
}

// OnConflict sets a function that is called whenever a write is retried because
// it conflicts with another one. Call OnConflict before the client is used.
func (c *Client) OnConflict(f func()) { c.onConflict = f }

package dynamo

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"dsync/internal/backoff"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"golang.org/x/sync/errgroup"
)

// ConditionFailed is the error of a write whose condition did not hold.
type ConditionFailed struct {
	Action int   // index of the first such action of the transaction; 0 for a write of one item
	All    []int // indices of all such actions of the transaction
}

// Error returns the index of the action.
func (e ConditionFailed) Error() string { return fmt.Sprintf("dynamo: condition %d failed", e.Action) }

// IfConditionFails replaces an error of a failed condition. nil makes the
// failed condition a success.
func IfConditionFails(err, replacement error) error {
	if _, failed := errors.AsType[ConditionFailed](err); failed {
		return replacement
	}
	return err
}

// Transact writes all actions or none, at most MaxTransact. The actions need no
// name of the table: Transact sets it. It retries conflicts with other
// transactions, and fails with ConditionFailed or ErrBusy.
func (c *Client) Transact(ctx context.Context, actions []types.TransactWriteItem) error {
	for _, a := range actions {
		c.setTable(a)
	}
	return c.retryConflicts(ctx, func() error {
		out, err := c.api.transactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{
			TransactItems:          actions,
			ReturnConsumedCapacity: metered(ctx),
		})
		if err != nil {
			countWrite(ctx)
			return err
		}
		countWrite(ctx, out.ConsumedCapacity...)
		return nil
	})
}

// setTable sets the table of an action.
func (c *Client) setTable(a types.TransactWriteItem) {
	switch {
	case a.Put != nil:
		a.Put.TableName = &c.name
	case a.Update != nil:
		a.Update.TableName = &c.name
	case a.Delete != nil:
		a.Delete.TableName = &c.name
	case a.ConditionCheck != nil:
		a.ConditionCheck.TableName = &c.name
	}
}

// Put writes one item if the condition holds. It fails with ConditionFailed or
// ErrBusy.
func (c *Client) Put(ctx context.Context, p types.Put) error {
	return c.writeItem(ctx, func(capacity types.ReturnConsumedCapacity) (*types.ConsumedCapacity, error) {
		out, err := c.api.putItem(ctx, &dynamodb.PutItemInput{
			TableName:                 &c.name,
			Item:                      p.Item,
			ConditionExpression:       p.ConditionExpression,
			ExpressionAttributeNames:  p.ExpressionAttributeNames,
			ExpressionAttributeValues: p.ExpressionAttributeValues,
			ReturnConsumedCapacity:    capacity,
		})
		if err != nil {
			return nil, err
		}
		return out.ConsumedCapacity, nil
	})
}

// Update changes one item if the condition holds. It fails with ConditionFailed
// or ErrBusy.
func (c *Client) Update(ctx context.Context, u types.Update) error {
	_, err := c.update(ctx, u, types.ReturnValueNone)
	return err
}

// UpdateAndGet is Update that returns the item after the change.
func (c *Client) UpdateAndGet(ctx context.Context, u types.Update) (Item, error) {
	return c.update(ctx, u, types.ReturnValueAllNew)
}

func (c *Client) update(ctx context.Context, u types.Update, values types.ReturnValue) (i Item, err error) {
	err = c.writeItem(ctx, func(capacity types.ReturnConsumedCapacity) (*types.ConsumedCapacity, error) {
		out, err := c.api.updateItem(ctx, &dynamodb.UpdateItemInput{
			TableName:                 &c.name,
			Key:                       u.Key,
			UpdateExpression:          u.UpdateExpression,
			ConditionExpression:       u.ConditionExpression,
			ExpressionAttributeNames:  u.ExpressionAttributeNames,
			ExpressionAttributeValues: u.ExpressionAttributeValues,
			ReturnValues:              values,
			ReturnConsumedCapacity:    capacity,
		})
		if err != nil {
			return nil, err
		}
		i = out.Attributes
		return out.ConsumedCapacity, nil
	})
	return i, err
}

// writeItem writes one item, retries conflicts and counts the cost.
func (c *Client) writeItem(ctx context.Context, write func(types.ReturnConsumedCapacity) (*types.ConsumedCapacity, error)) error {
	return c.retryConflicts(ctx, func() error {
		consumed, err := write(metered(ctx))
		countWrite(ctx, optional(consumed)...)
		return err
	})
}

// maxParallel is the number of calls of one batch that are made at the same time.
// A batch of 1,000 memberships would otherwise wait for 40 calls in turn.
const maxParallel = 8

// BatchWrite puts and deletes items, one call for each maxBatchWrite, at most
// maxParallel at the same time. It is not atomic and can be repeated. It fails
// with ErrBusy when DynamoDB leaves items unprocessed maxAttempts times.
func (c *Client) BatchWrite(ctx context.Context, requests []types.WriteRequest) error {
	calls, ctx := errgroup.WithContext(ctx)
	calls.SetLimit(maxParallel)
	for call := range slices.Chunk(requests, maxBatchWrite) {
		calls.Go(func() error { return c.batchWrite(ctx, call) })
	}
	return calls.Wait()
}

// batchWrite is BatchWrite of at most maxBatchWrite items.
func (c *Client) batchWrite(ctx context.Context, unprocessed []types.WriteRequest) error {
	for retry := 0; len(unprocessed) > 0; retry++ {
		if retry == maxAttempts {
			return ErrBusy
		}
		if err := backoff.Wait(ctx, retry, backoffBase, backoffLimit); err != nil {
			return err
		}
		out, err := c.api.batchWriteItem(ctx, &dynamodb.BatchWriteItemInput{
			RequestItems:           map[string][]types.WriteRequest{c.name: unprocessed},
			ReturnConsumedCapacity: metered(ctx),
		})
		if err != nil {
			return fmt.Errorf("dynamo: batch write: %w", err)
		}
		countWrite(ctx, out.ConsumedCapacity...)
		unprocessed = out.UnprocessedItems[c.name]
	}
	return nil
}

// DeleteItems deletes items by key. It is not atomic and can be repeated.
func (c *Client) DeleteItems(ctx context.Context, keys []Key) error {
	requests := make([]types.WriteRequest, len(keys))
	for i, k := range keys {
		requests[i].DeleteRequest = &types.DeleteRequest{Key: Marshal(k)}
	}
	return c.BatchWrite(ctx, requests)
}

// PutAction is the action that writes an item.
func PutAction(i Item) types.TransactWriteItem {
	return types.TransactWriteItem{Put: &types.Put{Item: i}}
}

// PutNewAction is the action that writes an item if its key is free.
func PutNewAction(i Item) types.TransactWriteItem {
	return types.TransactWriteItem{Put: PutNew(i)}
}

// DeleteAction is the action that deletes an item, if there is one.
func DeleteAction(k Key) types.TransactWriteItem {
	return types.TransactWriteItem{Delete: &types.Delete{Key: Marshal(k)}}
}

// PutNew is the write of an item if its key is free.
func PutNew(i Item) *types.Put {
	return &types.Put{Item: i, ConditionExpression: aws.String("attribute_not_exists(pk)")}
}

package table

import (
	"context"
	"errors"
	"fmt"

	"dsync/internal/backoff"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// conditionFailed is the error of a write whose condition did not hold.
type conditionFailed struct {
	action int   // index of the first such action of the transaction
	all    []int // indices of all such actions
}

func (e conditionFailed) Error() string { return fmt.Sprintf("table: condition %d failed", e.action) }

// ifConditionFails replaces an error of a failed condition. nil makes the
// failed condition a success.
func ifConditionFails(err, replacement error) error {
	if _, failed := errors.AsType[conditionFailed](err); failed {
		return replacement
	}
	return err
}

// transact writes all actions or none. It retries conflicts with other
// transactions, and fails with conditionFailed or ErrBusy.
func (t *Table) transact(ctx context.Context, actions []types.TransactWriteItem) error {
	return t.retryConflicts(ctx, func() error {
		out, err := t.api.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{
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

// put writes one item if the condition holds. It fails with conditionFailed or
// ErrBusy.
func (t *Table) put(ctx context.Context, p types.Put) error {
	return t.writeItem(ctx, func(capacity types.ReturnConsumedCapacity) (*types.ConsumedCapacity, error) {
		out, err := t.api.PutItem(ctx, &dynamodb.PutItemInput{
			TableName:                 &t.name,
			Item:                      p.Item,
			ConditionExpression:       p.ConditionExpression,
			ExpressionAttributeValues: p.ExpressionAttributeValues,
			ReturnConsumedCapacity:    capacity,
		})
		if err != nil {
			return nil, err
		}
		return out.ConsumedCapacity, nil
	})
}

// update changes one item if the condition holds. It fails with conditionFailed
// or ErrBusy.
func (t *Table) update(ctx context.Context, u types.Update) error {
	return t.writeItem(ctx, func(capacity types.ReturnConsumedCapacity) (*types.ConsumedCapacity, error) {
		out, err := t.api.UpdateItem(ctx, &dynamodb.UpdateItemInput{
			TableName:                 &t.name,
			Key:                       u.Key,
			UpdateExpression:          u.UpdateExpression,
			ConditionExpression:       u.ConditionExpression,
			ExpressionAttributeNames:  u.ExpressionAttributeNames,
			ExpressionAttributeValues: u.ExpressionAttributeValues,
			ReturnConsumedCapacity:    capacity,
		})
		if err != nil {
			return nil, err
		}
		return out.ConsumedCapacity, nil
	})
}

// writeItem writes one item, retries conflicts and counts the cost.
func (t *Table) writeItem(ctx context.Context, write func(types.ReturnConsumedCapacity) (*types.ConsumedCapacity, error)) error {
	return t.retryConflicts(ctx, func() error {
		consumed, err := write(metered(ctx))
		countWrite(ctx, optional(consumed)...)
		return err
	})
}

// batchWrite puts and deletes items, one call for each maxBatchWrite. It is not
// atomic and can be repeated. It fails with ErrBusy when DynamoDB leaves items
// unprocessed maxAttempts times.
func (t *Table) batchWrite(ctx context.Context, requests []types.WriteRequest) error {
	for len(requests) > 0 {
		n := min(len(requests), maxBatchWrite)
		unprocessed := requests[:n]
		requests = requests[n:]
		for retry := 0; len(unprocessed) > 0; retry++ {
			if retry == maxAttempts {
				return ErrBusy
			}
			if err := backoff.Wait(ctx, retry, backoffBase, backoffLimit); err != nil {
				return err
			}
			out, err := t.api.BatchWriteItem(ctx, &dynamodb.BatchWriteItemInput{
				RequestItems:           map[string][]types.WriteRequest{t.name: unprocessed},
				ReturnConsumedCapacity: metered(ctx),
			})
			if err != nil {
				return fmt.Errorf("table: batch write: %w", err)
			}
			countWrite(ctx, out.ConsumedCapacity...)
			unprocessed = out.UnprocessedItems[t.name]
		}
	}
	return nil
}

// deleteItems deletes items by key. It is not atomic and can be repeated.
func (t *Table) deleteItems(ctx context.Context, keys []key) error {
	requests := make([]types.WriteRequest, len(keys))
	for i, k := range keys {
		requests[i].DeleteRequest = &types.DeleteRequest{Key: marshal(k)}
	}
	return t.batchWrite(ctx, requests)
}

// putAction is the action that writes an item.
func (t *Table) putAction(i item) types.TransactWriteItem {
	return types.TransactWriteItem{Put: &types.Put{TableName: &t.name, Item: i}}
}

// putNewAction is the action that writes an item if its key is free.
func (t *Table) putNewAction(i item) types.TransactWriteItem {
	return types.TransactWriteItem{Put: t.putNew(i)}
}

// deleteAction is the action that deletes an item, if there is one.
func (t *Table) deleteAction(k key) types.TransactWriteItem {
	return types.TransactWriteItem{Delete: &types.Delete{TableName: &t.name, Key: marshal(k)}}
}

// putNew writes an item if its key is free.
func (t *Table) putNew(i item) *types.Put {
	return &types.Put{TableName: &t.name, Item: i, ConditionExpression: aws.String("attribute_not_exists(pk)")}
}

// versionCondition is the condition that a record has the version :v and is not
// soft-deleted.
const versionCondition = "v = :v AND attribute_not_exists(deleted)"

// putVersion writes an item over the version of it that was read.
func (t *Table) putVersion(i item, version int64) *types.Put {
	return &types.Put{
		TableName:                 &t.name,
		Item:                      i,
		ConditionExpression:       aws.String(versionCondition),
		ExpressionAttributeValues: marshal(map[string]int64{":v": version}),
	}
}

package dynamo

import (
	"context"
	"fmt"
	"iter"
	"math"
	"slices"

	"dsync/internal/backoff"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"golang.org/x/sync/errgroup"
)

type eventually struct{}

// Eventually returns a context whose reads may miss the writes of the last moments, for
// half the price. It is for who asks again soon.
func Eventually(ctx context.Context) context.Context {
	return context.WithValue(ctx, eventually{}, true)
}

func isEventual(ctx context.Context) bool { return ctx.Value(eventually{}) != nil }

// Get reads one record by key. It fails with ErrNotFound.
func (c *Client) Get(ctx context.Context, k Key, record any) error {
	out, err := c.api.getItem(ctx, &dynamodb.GetItemInput{
		TableName:              &c.name,
		Key:                    Marshal(k),
		ConsistentRead:         aws.Bool(!isEventual(ctx)),
		ReturnConsumedCapacity: metered(ctx),
	})
	if err != nil {
		return fmt.Errorf("dynamo: get: %w", err)
	}
	countRead(ctx, optional(out.ConsumedCapacity)...)
	if out.Item == nil {
		return ErrNotFound
	}
	return Unmarshal(out.Item, record)
}

// BatchGet reads items by key, one call for each MaxBatchGet keys, a few at the
// same time. The items come in no order; a key without an item is skipped. The
// keys must be distinct. An error is the last pair: ErrBusy when DynamoDB leaves
// keys unprocessed maxAttempts times.
func (c *Client) BatchGet(ctx context.Context, keys []Key) iter.Seq2[Item, error] {
	return c.batchGet(ctx, keys, !isEventual(ctx))
}

// BatchGetEventually is BatchGet that may miss the writes of the last moments,
// for half the price.
func (c *Client) BatchGetEventually(ctx context.Context, keys []Key) iter.Seq2[Item, error] {
	return c.batchGet(ctx, keys, false)
}

// maxParallelReads is the number of calls of one BatchGet that are made at the
// same time. A response has 16 MB at most, so they hold 64 MB.
const maxParallelReads = 4

func (c *Client) batchGet(ctx context.Context, keys []Key, consistent bool) iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		for window := range slices.Chunk(keys, maxParallelReads*MaxBatchGet) {
			calls, ctx := errgroup.WithContext(ctx)
			found := make([][]Item, (len(window)+MaxBatchGet-1)/MaxBatchGet)
			for i := range found {
				calls.Go(func() (err error) {
					found[i], err = c.getBatch(ctx, window[i*MaxBatchGet:min(len(window), (i+1)*MaxBatchGet)], consistent)
					return err
				})
			}
			if err := calls.Wait(); err != nil {
				yield(nil, err)
				return
			}
			for _, i := range slices.Concat(found...) {
				if !yield(i, nil) {
					return
				}
			}
		}
	}
}

// getBatch reads the items of at most MaxBatchGet keys.
func (c *Client) getBatch(ctx context.Context, keys []Key, consistent bool) (found []Item, err error) {
	request := types.KeysAndAttributes{ConsistentRead: aws.Bool(consistent)}
	for _, k := range keys {
		request.Keys = append(request.Keys, Marshal(k))
	}
	for retry := 0; len(request.Keys) > 0; retry++ {
		if retry == maxAttempts {
			return nil, ErrBusy
		}
		out, err := c.batchGetOnce(ctx, request, retry)
		if err != nil {
			return nil, err
		}
		found = append(found, out.Responses[c.name]...)
		request.Keys = out.UnprocessedKeys[c.name].Keys
	}
	return found, nil
}

func (c *Client) batchGetOnce(ctx context.Context, request types.KeysAndAttributes, retry int) (*dynamodb.BatchGetItemOutput, error) {
	if err := backoff.Wait(ctx, retry, backoffBase, backoffLimit); err != nil {
		return nil, err
	}
	out, err := c.api.batchGetItem(ctx, &dynamodb.BatchGetItemInput{
		RequestItems:           map[string]types.KeysAndAttributes{c.name: request},
		ReturnConsumedCapacity: metered(ctx),
	})
	if err != nil {
		return nil, fmt.Errorf("dynamo: batch get: %w", err)
	}
	countRead(ctx, out.ConsumedCapacity...)
	return out, nil
}

// Query reads a range of items in key order, in pages of at most limit items or
// 1 MB. It reads the next page when the loop has used the items of the previous
// one, so the limit is what the loop is expected to need. An error is the last
// pair.
func (c *Client) Query(ctx context.Context, in dynamodb.QueryInput, limit int) iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		for in := in; ; {
			out, err := c.QueryPage(ctx, in, limit)
			if err != nil {
				yield(nil, err)
				return
			}
			for _, i := range out.Items {
				if !yield(i, nil) {
					return
				}
			}
			if out.LastEvaluatedKey == nil {
				return
			}
			in.ExclusiveStartKey = out.LastEvaluatedKey
		}
	}
}

// QueryPage reads one page of a range: at most limit items, and at most 1 MB.
//
// Every query has a limit. Without one, DynamoDB reads 1 MB, however little the
// caller uses of it, and bills it.
func (c *Client) QueryPage(ctx context.Context, in dynamodb.QueryInput, limit int) (*dynamodb.QueryOutput, error) {
	if limit < 1 || limit > math.MaxInt32 {
		return nil, fmt.Errorf("dynamo: query with the limit %d", limit)
	}
	in.Limit = aws.Int32(int32(limit))
	in.TableName = &c.name
	if isEventual(ctx) {
		in.ConsistentRead = nil
	}
	in.ReturnConsumedCapacity = metered(ctx)
	out, err := c.api.query(ctx, &in)
	if err != nil {
		return nil, fmt.Errorf("dynamo: query: %w", err)
	}
	countRead(ctx, optional(out.ConsumedCapacity)...)
	return out, nil
}

// WithPrefix is a strongly consistent query for the sort keys that begin with
// prefix.
func WithPrefix(pk, prefix string) dynamodb.QueryInput {
	return dynamodb.QueryInput{
		ConsistentRead:            aws.Bool(true),
		KeyConditionExpression:    aws.String("pk = :pk AND begins_with(sk, :sk)"),
		ExpressionAttributeValues: Marshal(map[string]string{":pk": pk, ":sk": prefix}),
	}
}

// WithPrefixAfter is WithPrefix for the sort keys that continue with a ULID
// after last; "" is all of them.
func WithPrefixAfter(pk, prefix, last string) dynamodb.QueryInput {
	if last == "" {
		return WithPrefix(pk, prefix)
	}
	// NUL is the smallest byte that can follow, and a tilde sorts after every
	// ULID.
	return Between(pk, prefix+last+"\x00", prefix+"~")
}

// Between is a strongly consistent query for the sort keys from first to last,
// both included.
func Between(pk, first, last string) dynamodb.QueryInput {
	return dynamodb.QueryInput{
		ConsistentRead:            aws.Bool(true),
		KeyConditionExpression:    aws.String("pk = :pk AND sk BETWEEN :from AND :to"),
		ExpressionAttributeValues: Marshal(map[string]string{":pk": pk, ":from": first, ":to": last}),
	}
}

// IndexPartition is a query for a whole partition of the index.
func IndexPartition(pk string) dynamodb.QueryInput {
	return dynamodb.QueryInput{
		IndexName:                 aws.String(indexName),
		KeyConditionExpression:    aws.String("gsi1pk = :pk"),
		ExpressionAttributeValues: Marshal(map[string]string{":pk": pk}),
	}
}

// IndexPartitionAfter is IndexPartition for the sort keys after last.
func IndexPartitionAfter(pk, last string) dynamodb.QueryInput {
	return dynamodb.QueryInput{
		IndexName:                 aws.String(indexName),
		KeyConditionExpression:    aws.String("gsi1pk = :pk AND gsi1sk > :last"),
		ExpressionAttributeValues: Marshal(map[string]string{":pk": pk, ":last": last}),
	}
}

// IndexBetween is a query for the sort keys of an index partition from first to
// last, both included.
func IndexBetween(pk, first, last string) dynamodb.QueryInput {
	return dynamodb.QueryInput{
		IndexName:                 aws.String(indexName),
		KeyConditionExpression:    aws.String("gsi1pk = :pk AND gsi1sk BETWEEN :from AND :to"),
		ExpressionAttributeValues: Marshal(map[string]string{":pk": pk, ":from": first, ":to": last}),
	}
}

package table

import (
	"context"
	"fmt"
	"iter"

	"dsync/internal/backoff"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// get reads one record by key. It fails with ErrNotFound.
func (t *Table) get(ctx context.Context, k key, record any) error {
	out, err := t.api.GetItem(ctx, &dynamodb.GetItemInput{
		TableName:              &t.name,
		Key:                    marshal(k),
		ConsistentRead:         aws.Bool(true),
		ReturnConsumedCapacity: metered(ctx),
	})
	if err != nil {
		return fmt.Errorf("table: get: %w", err)
	}
	countRead(ctx, optional(out.ConsumedCapacity)...)
	if out.Item == nil {
		return ErrNotFound
	}
	return unmarshal(out.Item, record)
}

// batchGet reads items by key, one call for each maxBatchGet keys. The items
// come in no order; a key without an item is skipped. The keys must be
// distinct. An error is the last pair: ErrBusy when DynamoDB leaves keys
// unprocessed maxAttempts times.
func (t *Table) batchGet(ctx context.Context, keys []key) iter.Seq2[item, error] {
	return func(yield func(item, error) bool) {
		for rest := keys; len(rest) > 0; {
			n := min(len(rest), maxBatchGet)
			request := types.KeysAndAttributes{ConsistentRead: aws.Bool(true)}
			for _, k := range rest[:n] {
				request.Keys = append(request.Keys, marshal(k))
			}
			rest = rest[n:]
			for retry := 0; len(request.Keys) > 0; retry++ {
				if retry == maxAttempts {
					yield(nil, ErrBusy)
					return
				}
				out, err := t.batchGetOnce(ctx, request, retry)
				if err != nil {
					yield(nil, err)
					return
				}
				for _, i := range out.Responses[t.name] {
					if !yield(i, nil) {
						return
					}
				}
				request.Keys = out.UnprocessedKeys[t.name].Keys
			}
		}
	}
}

func (t *Table) batchGetOnce(ctx context.Context, request types.KeysAndAttributes, retry int) (*dynamodb.BatchGetItemOutput, error) {
	if err := backoff.Wait(ctx, retry, backoffBase, backoffLimit); err != nil {
		return nil, err
	}
	out, err := t.api.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{
		RequestItems:           map[string]types.KeysAndAttributes{t.name: request},
		ReturnConsumedCapacity: metered(ctx),
	})
	if err != nil {
		return nil, fmt.Errorf("table: batch get: %w", err)
	}
	countRead(ctx, out.ConsumedCapacity...)
	return out, nil
}

// query reads a range of items in key order. It reads the next page when the
// loop has used the items of the previous one. An error is the last pair.
func (t *Table) query(ctx context.Context, in dynamodb.QueryInput) iter.Seq2[item, error] {
	return func(yield func(item, error) bool) {
		for in := in; ; {
			out, err := t.queryPage(ctx, in)
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

// queryPage reads one page of a range: 1 MB, or fewer items if the query has a
// limit.
func (t *Table) queryPage(ctx context.Context, in dynamodb.QueryInput) (*dynamodb.QueryOutput, error) {
	in.TableName = &t.name
	in.ReturnConsumedCapacity = metered(ctx)
	out, err := t.api.Query(ctx, &in)
	if err != nil {
		return nil, fmt.Errorf("table: query: %w", err)
	}
	countRead(ctx, optional(out.ConsumedCapacity)...)
	return out, nil
}

// withPrefix is a strongly consistent query for the sort keys that begin with
// prefix.
func withPrefix(pk, prefix string) dynamodb.QueryInput {
	return dynamodb.QueryInput{
		ConsistentRead:            aws.Bool(true),
		KeyConditionExpression:    aws.String("pk = :pk AND begins_with(sk, :sk)"),
		ExpressionAttributeValues: marshal(map[string]string{":pk": pk, ":sk": prefix}),
	}
}

// withPrefixAfter is withPrefix for the sort keys that continue with a ULID
// after last; "" is all of them.
func withPrefixAfter(pk, prefix, last string) dynamodb.QueryInput {
	if last == "" {
		return withPrefix(pk, prefix)
	}
	// NUL is the smallest byte that can follow, and a tilde sorts after every
	// ULID.
	return between(pk, prefix+last+"\x00", prefix+"~")
}

// between is a strongly consistent query for the sort keys from first to last,
// both included.
func between(pk, first, last string) dynamodb.QueryInput {
	return dynamodb.QueryInput{
		ConsistentRead:            aws.Bool(true),
		KeyConditionExpression:    aws.String("pk = :pk AND sk BETWEEN :from AND :to"),
		ExpressionAttributeValues: marshal(map[string]string{":pk": pk, ":from": first, ":to": last}),
	}
}

// indexPartition is a query for a whole partition of the index.
func indexPartition(pk string) dynamodb.QueryInput {
	return dynamodb.QueryInput{
		IndexName:                 aws.String(indexName),
		KeyConditionExpression:    aws.String("gsi1pk = :pk"),
		ExpressionAttributeValues: marshal(map[string]string{":pk": pk}),
	}
}

// indexPartitionAfter is indexPartition for the sort keys after last.
func indexPartitionAfter(pk, last string) dynamodb.QueryInput {
	return dynamodb.QueryInput{
		IndexName:                 aws.String(indexName),
		KeyConditionExpression:    aws.String("gsi1pk = :pk AND gsi1sk > :last"),
		ExpressionAttributeValues: marshal(map[string]string{":pk": pk, ":last": last}),
	}
}

// indexBetween is a query for the sort keys of an index partition from first to
// last, both included.
func indexBetween(pk, first, last string) dynamodb.QueryInput {
	return dynamodb.QueryInput{
		IndexName:                 aws.String(indexName),
		KeyConditionExpression:    aws.String("gsi1pk = :pk AND gsi1sk BETWEEN :from AND :to"),
		ExpressionAttributeValues: marshal(map[string]string{":pk": pk, ":from": first, ":to": last}),
	}
}

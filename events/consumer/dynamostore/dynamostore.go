// Package dynamostore implements consumer.Store in a DynamoDB table of its own.
//
// The table has a partition key pk and a sort key sk, both strings, and TTL on
// the attribute forget_at. A directory is one partition, so the limit is about
// 500 events per second and directory: an event takes two writes of one unit,
// and a partition allows 1,000 write units per second. With Options.Gap it takes
// three writes, and the limit is about 330. An event also reads a few keys.
package dynamostore

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"dsync/events/consumer"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Store is a consumer.Store. It is safe for concurrent use.
//
// It calls dynamodb:UpdateItem, dynamodb:BatchGetItem and dynamodb:Query.
type Store struct {
	api   *dynamodb.Client
	table string
}

var _ consumer.Store = (*Store)(nil)

// New returns the store in the table of that name.
func New(api *dynamodb.Client, table string) *Store { return &Store{api, table} }

// Attributes of an item. None is a reserved word, so expressions use the names
// directly. There are also held_by and held_until (milliseconds since 1970)
// while there is a lease, and forget_at (seconds since 1970) when the key is
// removed.
const (
	partitionKey = "pk"
	sortKey      = "sk"
	// newest is the position of the newest event that was started, or the mark.
	// Before events had sequences, it was the id of that event.
	newest   = "event_id"
	finished = "is_finished" // exists if that event is finished
	offsets  = "offsets"     // of the recorded sequences in a window
)

// noDirectory is the partition of events without a directory. DynamoDB allows
// no empty key.
const noDirectory = "-"

type item = map[string]types.AttributeValue

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

func number(n int64) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(n, 10)}
}

func stringOf(v types.AttributeValue) string {
	s, _ := v.(*types.AttributeValueMemberS)
	if s == nil {
		return ""
	}
	return s.Value
}

func partition(directory string) string {
	if directory == "" {
		return noDirectory
	}
	return directory
}

func keyOf(k consumer.Key) item {
	return item{partitionKey: text(partition(k.Directory)), sortKey: text(k.Resource)}
}

// update updates an item if the condition holds. ok reports whether it did; if
// not, old is the item.
func (s *Store) update(ctx context.Context, k consumer.Key, expression, condition string, values item) (ok bool, old item, err error) {
	in := &dynamodb.UpdateItemInput{
		TableName:                           &s.table,
		Key:                                 keyOf(k),
		UpdateExpression:                    &expression,
		ExpressionAttributeValues:           values,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	}
	if condition != "" {
		in.ConditionExpression = &condition
	}
	for attempt := 0; ; attempt++ {
		_, err = s.api.UpdateItem(ctx, in)
		if conflict := (*types.TransactionConflictException)(nil); !errors.As(err, &conflict) || attempt == attempts {
			break
		}
		if err := wait(ctx, attempt); err != nil {
			return false, nil, err
		}
	}
	if failed := (*types.ConditionalCheckFailedException)(nil); errors.As(err, &failed) {
		return false, failed.Item, nil
	}
	if err != nil {
		return false, nil, fmt.Errorf("dynamostore: %w", err)
	}
	return true, nil, nil
}

// attempts is how often a call is repeated that DynamoDB answers with a conflict
// or in part. The SDK itself repeats calls that fail or are throttled.
const attempts = 8

// wait waits before the next attempt.
func wait(ctx context.Context, attempt int) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(rand.N(min(20*time.Millisecond<<attempt, 200*time.Millisecond))):
		return nil
	}
}

// Take implements consumer.Store.
func (s *Store) Take(ctx context.Context, k consumer.Key, l consumer.Lease) error {
	ok, old, err := s.update(ctx, k,
		"SET event_id = :id, held_by = :holder, held_until = :until REMOVE is_finished, forget_at",
		"(attribute_not_exists(event_id) OR event_id < :id OR event_id = :id AND attribute_not_exists(is_finished))"+
			" AND (attribute_not_exists(held_by) OR held_by = :holder OR held_until <= :now)",
		item{":id": text(l.Position), ":holder": text(l.Holder), ":until": number(l.Until.UnixMilli()), ":now": number(l.Now.UnixMilli())})
	if ok || err != nil {
		return err
	}
	position := stringOf(old[newest])
	_, isFinished := old[finished]
	if position > l.Position || position == l.Position && isFinished {
		return consumer.ErrStale
	}
	return consumer.ErrHeld
}

// Finish implements consumer.Store.
func (s *Store) Finish(ctx context.Context, k consumer.Key, holder string, expiry time.Time) error {
	update, values := "SET is_finished = :yes", item{":yes": &types.AttributeValueMemberBOOL{Value: true}, ":holder": text(holder)}
	if !expiry.IsZero() {
		update += ", forget_at = :forget"
		values[":forget"] = number(expiry.Unix())
	}
	ok, _, err := s.update(ctx, k, update+" REMOVE held_by, held_until", "held_by = :holder", values)
	if !ok && err == nil {
		return consumer.ErrLost
	}
	return err
}

// Release implements consumer.Store.
func (s *Store) Release(ctx context.Context, k consumer.Key, holder string) error {
	_, _, err := s.update(ctx, k, "REMOVE held_by, held_until", "held_by = :holder", item{":holder": text(holder)})
	return err
}

// Raise implements consumer.Store.
func (s *Store) Raise(ctx context.Context, k consumer.Key, position string, expiry time.Time) error {
	_, _, err := s.update(ctx, k, "SET event_id = :id, forget_at = :forget", "attribute_not_exists(event_id) OR event_id < :id",
		item{":id": text(position), ":forget": number(expiry.Unix())})
	return err
}

// List implements consumer.Store.
func (s *Store) List(ctx context.Context, prefix consumer.Key) ([]consumer.Key, error) {
	in := &dynamodb.QueryInput{
		TableName:                 &s.table,
		ConsistentRead:            aws.Bool(true),
		KeyConditionExpression:    aws.String("pk = :pk"),
		FilterExpression:          aws.String("attribute_not_exists(forget_at)"),
		ExpressionAttributeValues: item{":pk": text(partition(prefix.Directory))},
		ProjectionExpression:      aws.String(sortKey),
	}
	if prefix.Resource != "" { // a key condition allows no empty value
		in.KeyConditionExpression = aws.String("pk = :pk AND begins_with(sk, :sk)")
		in.ExpressionAttributeValues[":sk"] = text(prefix.Resource)
	}
	var keys []consumer.Key
	for pages := dynamodb.NewQueryPaginator(s.api, in); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("dynamostore: %w", err)
		}
		for _, i := range page.Items {
			keys = append(keys, consumer.Key{Directory: prefix.Directory, Resource: stringOf(i[sortKey])})
		}
	}
	return keys, nil
}

// Read implements consumer.Store.
func (s *Store) Read(ctx context.Context, keys ...consumer.Key) ([]string, error) {
	marks := map[consumer.Key]string{}
	request := types.KeysAndAttributes{ConsistentRead: aws.Bool(true)}
	for _, k := range keys {
		if _, twice := marks[k]; !twice {
			marks[k] = ""
			request.Keys = append(request.Keys, keyOf(k))
		}
	}
	for attempt := 0; len(request.Keys) > 0; attempt++ {
		if attempt > attempts {
			return nil, errors.New("dynamostore: DynamoDB throttles the table")
		}
		if attempt > 0 {
			if err := wait(ctx, attempt); err != nil {
				return nil, err
			}
		}
		out, err := s.api.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{s.table: request}})
		if err != nil {
			return nil, fmt.Errorf("dynamostore: %w", err)
		}
		for _, i := range out.Responses[s.table] {
			k := consumer.Key{Directory: stringOf(i[partitionKey]), Resource: stringOf(i[sortKey])}
			if k.Directory == noDirectory {
				k.Directory = ""
			}
			marks[k] = stringOf(i[newest])
		}
		request.Keys = out.UnprocessedKeys[s.table].Keys
	}
	list := make([]string, len(keys))
	for i, k := range keys {
		list[i] = marks[k]
	}
	return list, nil
}

package table

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Errors that callers act on. Every other error is a failure of the engine.
var (
	// ErrNotFound: there is no such record, or it is deleted.
	ErrNotFound = errors.New("table: not found")
	// ErrTaken: the name belongs to another resource.
	ErrTaken = errors.New("table: name taken")
	// ErrStale: the record changed since it was read. Read it again.
	ErrStale = errors.New("table: stale")
	// ErrBusy: others kept writing the same records. Try again later.
	ErrBusy = errors.New("table: busy")
)

// DynamoDB's limits on one call.
const (
	maxBatchGet   = 100
	maxBatchWrite = 25
	maxTransact   = 100
)

// Table reads and writes the records.
type Table struct {
	api      *dynamodb.Client
	name     string
	conflict func()
}

// New returns the table of that name.
func New(api *dynamodb.Client, name string) *Table { return &Table{api, name, func() {}} }

// OnConflict calls f whenever a write meets another one and is tried again. It
// is to be called before the table is used.
func (t *Table) OnConflict(f func()) { t.conflict = f }

type item = map[string]types.AttributeValue

// marshal makes an item of a key, an index key and a record. These are plain
// structs of strings, numbers, booleans and times: marshalling cannot fail.
func marshal(parts ...any) item {
	all := item{}
	for _, part := range parts {
		m, err := attributevalue.MarshalMap(part)
		if err != nil {
			panic(err)
		}
		for name, v := range m {
			all[name] = v
		}
	}
	return all
}

func unmarshal(i item, record any) error {
	if err := attributevalue.UnmarshalMap(i, record); err != nil {
		return fmt.Errorf("table: record: %w", err)
	}
	return nil
}

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
	countRead(ctx, one(out.ConsumedCapacity)...)
	if out.Item == nil {
		return ErrNotFound
	}
	return unmarshal(out.Item, record)
}

// batchGet reads many records by key, in no order, and hands each to found.
// The keys must differ from one another.
func (t *Table) batchGet(ctx context.Context, keys []key, found func(item) error) error {
	for len(keys) > 0 {
		n := min(len(keys), maxBatchGet)
		request := types.KeysAndAttributes{ConsistentRead: aws.Bool(true)}
		for _, k := range keys[:n] {
			request.Keys = append(request.Keys, marshal(k))
		}
		keys = keys[n:]
		for attempt := 0; len(request.Keys) > 0; attempt++ {
			if err := pause(ctx, attempt); err != nil {
				return err
			}
			out, err := t.api.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{
				RequestItems:           map[string]types.KeysAndAttributes{t.name: request},
				ReturnConsumedCapacity: metered(ctx),
			})
			if err != nil {
				return fmt.Errorf("table: batch get: %w", err)
			}
			countRead(ctx, out.ConsumedCapacity...)
			for _, i := range out.Responses[t.name] {
				if err := found(i); err != nil {
					return err
				}
			}
			request.Keys = out.UnprocessedKeys[t.name].Keys
		}
	}
	return nil
}

// query reads a range in key order. It requests a page when the loop has used
// the items of the previous one. An error is the last pair.
func (t *Table) query(ctx context.Context, in dynamodb.QueryInput) iter.Seq2[item, error] {
	return func(yield func(item, error) bool) {
		in := in
		for {
			out, err := t.page(ctx, in)
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

// records decodes the items of a query. An error is the last pair.
func records[T any](items iter.Seq2[item, error]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for i, err := range items {
			var record T
			if err == nil {
				err = unmarshal(i, &record)
			}
			if err != nil {
				yield(*new(T), err)
				return
			}
			if !yield(record, nil) {
				return
			}
		}
	}
}

// page reads one page of a range: 1 MB, unless the query has a limit.
func (t *Table) page(ctx context.Context, in dynamodb.QueryInput) (*dynamodb.QueryOutput, error) {
	in.TableName = &t.name
	in.ReturnConsumedCapacity = metered(ctx)
	out, err := t.api.Query(ctx, &in)
	if err != nil {
		return nil, fmt.Errorf("table: query: %w", err)
	}
	countRead(ctx, one(out.ConsumedCapacity)...)
	return out, nil
}

// prefix is a strongly consistent query for sort keys that begin with sk.
func prefix(pk, sk string) dynamodb.QueryInput {
	return dynamodb.QueryInput{
		ConsistentRead:            aws.Bool(true),
		KeyConditionExpression:    aws.String("pk = :pk AND begins_with(sk, :sk)"),
		ExpressionAttributeValues: marshal(map[string]string{":pk": pk, ":sk": sk}),
	}
}

// after is a strongly consistent query for the sort keys that begin with sk
// and go on with a ULID behind last; "" is from the first.
func after(pk, sk, last string) dynamodb.QueryInput {
	if last == "" {
		return prefix(pk, sk)
	}
	return dynamodb.QueryInput{
		ConsistentRead:         aws.Bool(true),
		KeyConditionExpression: aws.String("pk = :pk AND sk BETWEEN :from AND :to"),
		// NUL is the least that can follow, and no ULID is behind a tilde.
		ExpressionAttributeValues: marshal(map[string]string{":pk": pk, ":from": sk + last + "\x00", ":to": sk + "~"}),
	}
}

// listIndex is a query for a whole partition of the index.
func listIndex(pk string) dynamodb.QueryInput {
	return dynamodb.QueryInput{
		IndexName:                 aws.String(indexName),
		KeyConditionExpression:    aws.String("gsi1pk = :pk"),
		ExpressionAttributeValues: marshal(map[string]string{":pk": pk}),
	}
}

// conditionFailed is a transaction or write whose condition did not hold: the
// index of the first such part.
type conditionFailed struct{ part int }

func (e conditionFailed) Error() string { return fmt.Sprintf("table: condition %d failed", e.part) }

// transact writes all parts or none. It repeats conflicts with other
// transactions, and fails with conditionFailed or ErrBusy.
func (t *Table) transact(ctx context.Context, parts []types.TransactWriteItem) error {
	return t.retryConflicts(ctx, func() error {
		out, err := t.api.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{
			TransactItems:          parts,
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

// put writes one item if the condition holds. It fails with conditionFailed.
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

// update changes one item if the condition holds. It fails with conditionFailed.
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

// single writes one item, repeats conflicts and counts the cost.
func (t *Table) writeItem(ctx context.Context, write func(types.ReturnConsumedCapacity) (*types.ConsumedCapacity, error)) error {
	return t.retryConflicts(ctx, func() error {
		consumed, err := write(metered(ctx))
		countWrite(ctx, one(consumed)...)
		return err
	})
}

// contend repeats a write while others hold its items.
func (t *Table) retryConflicts(ctx context.Context, write func() error) error {
	for attempt := 0; attempt < maxAttempts; attempt++ {
		if err := pause(ctx, attempt); err != nil {
			return err
		}
		err := write()
		if err == nil {
			return nil
		}
		if failed, conflict := classify(err); failed >= 0 {
			return conditionFailed{failed}
		} else if !conflict {
			return fmt.Errorf("table: write: %w", err)
		}
		t.conflict()
	}
	return ErrBusy
}

// classify reads why a write was refused: the index of a condition that did
// not hold (or -1), and whether another write was in the way.
func classify(err error) (failed int, conflict bool) {
	var cancelled *types.TransactionCanceledException
	var condition *types.ConditionalCheckFailedException
	var held *types.TransactionConflictException
	switch {
	case errors.As(err, &condition):
		return 0, false
	case errors.As(err, &held):
		return -1, true
	case errors.As(err, &cancelled):
		for i, reason := range cancelled.CancellationReasons {
			switch aws.ToString(reason.Code) {
			case "ConditionalCheckFailed":
				return i, false
			case "TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded":
				conflict = true
			}
		}
		return -1, conflict
	}
	return -1, false
}

// batchWrite puts and deletes items. It is not atomic: it may be repeated.
func (t *Table) batchWrite(ctx context.Context, requests []types.WriteRequest) error {
	for len(requests) > 0 {
		n := min(len(requests), maxBatchWrite)
		chunk := requests[:n]
		requests = requests[n:]
		for attempt := 0; len(chunk) > 0; attempt++ {
			if attempt == maxAttempts {
				return ErrBusy
			}
			if err := pause(ctx, attempt); err != nil {
				return err
			}
			out, err := t.api.BatchWriteItem(ctx, &dynamodb.BatchWriteItemInput{
				RequestItems:           map[string][]types.WriteRequest{t.name: chunk},
				ReturnConsumedCapacity: metered(ctx),
			})
			if err != nil {
				return fmt.Errorf("table: batch write: %w", err)
			}
			countWrite(ctx, out.ConsumedCapacity...)
			chunk = out.UnprocessedItems[t.name]
		}
	}
	return nil
}

// Retries: with these, a write that meets dozens of others still gets through
// within about three seconds.
const (
	maxAttempts = 40
	firstPause  = 2 * time.Millisecond
	longestWait = 100 * time.Millisecond
)

// pause waits before an attempt, none before the first, then longer and longer
// with full jitter.
func pause(ctx context.Context, attempt int) error {
	if attempt == 0 {
		return nil
	}
	limit := min(longestWait, firstPause<<min(attempt, 10))
	timer := time.NewTimer(rand.N(limit) + 1)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

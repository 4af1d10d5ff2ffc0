package scale

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go/middleware"
)

// recording has the calls that were made under a context, in the order of their
// beginning.
type recording struct {
	mu    sync.Mutex
	calls []any
}

type recordingKey struct{}

// record lets a client record its calls, under a context that has a recording.
func record(o *dynamodb.Options) {
	o.APIOptions = append(slices.Clone(o.APIOptions), func(stack *middleware.Stack) error {
		return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("record", func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
			if r, ok := ctx.Value(recordingKey{}).(*recording); ok {
				r.mu.Lock()
				r.calls = append(r.calls, in.Parameters)
				r.mu.Unlock()
			}
			return next.HandleInitialize(ctx, in)
		}), middleware.After)
	})
}

// rewrite replaces the texts of an item.
func rewrite(i item, f func(string) string) item {
	if i == nil {
		return nil
	}
	to := maps.Clone(i)
	for name, v := range i {
		if text, ok := v.(*types.AttributeValueMemberS); ok {
			to[name] = &types.AttributeValueMemberS{Value: f(text.Value)}
		}
	}
	return to
}

// bare are the calls of a recording for other records: without the conditions of
// puts, which a call that is made again does not fulfil.
func (r *recording) bare(f func(string) string) []any {
	list := make([]any, len(r.calls))
	for n, call := range r.calls {
		switch in := call.(type) {
		case *dynamodb.GetItemInput:
			to := *in
			to.Key = rewrite(in.Key, f)
			list[n] = &to
		case *dynamodb.QueryInput:
			to := *in
			to.ExpressionAttributeValues = rewrite(in.ExpressionAttributeValues, f)
			list[n] = &to
		case *dynamodb.BatchGetItemInput:
			to := dynamodb.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{}}
			for name, request := range in.RequestItems {
				keys := make([]item, len(request.Keys))
				for k, key := range request.Keys {
					keys[k] = rewrite(key, f)
				}
				request.Keys = keys
				to.RequestItems[name] = request
			}
			list[n] = &to
		case *dynamodb.BatchWriteItemInput:
			to := dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{}}
			for name, requests := range in.RequestItems {
				for _, request := range requests {
					if put := request.PutRequest; put != nil {
						request = types.WriteRequest{PutRequest: &types.PutRequest{Item: rewrite(put.Item, f)}}
					} else {
						request = types.WriteRequest{DeleteRequest: &types.DeleteRequest{Key: rewrite(request.DeleteRequest.Key, f)}}
					}
					to.RequestItems[name] = append(to.RequestItems[name], request)
				}
			}
			list[n] = &to
		case *dynamodb.PutItemInput:
			list[n] = &dynamodb.PutItemInput{TableName: in.TableName, Item: rewrite(in.Item, f)}
		case *dynamodb.UpdateItemInput:
			to := *in
			to.Key, to.ExpressionAttributeValues = rewrite(in.Key, f), rewrite(in.ExpressionAttributeValues, f)
			list[n] = &to
		case *dynamodb.TransactWriteItemsInput:
			list[n] = bareTransaction(in, f)
		default:
			panic(fmt.Sprintf("a call of type %T", call))
		}
	}
	return list
}

func bareTransaction(in *dynamodb.TransactWriteItemsInput, f func(string) string) *dynamodb.TransactWriteItemsInput {
	var to dynamodb.TransactWriteItemsInput
	for _, a := range in.TransactItems {
		switch {
		case a.Put != nil:
			a.Put = &types.Put{TableName: a.Put.TableName, Item: rewrite(a.Put.Item, f)}
		case a.Update != nil:
			update := *a.Update
			update.Key, update.ExpressionAttributeValues = rewrite(update.Key, f), rewrite(update.ExpressionAttributeValues, f)
			a.Update = &update
		case a.Delete != nil:
			a.Delete = &types.Delete{TableName: a.Delete.TableName, Key: rewrite(a.Delete.Key, f)}
		case a.ConditionCheck != nil:
			check := *a.ConditionCheck
			check.Key, check.ExpressionAttributeValues = rewrite(check.Key, f), rewrite(check.ExpressionAttributeValues, f)
			a.ConditionCheck = &check
		}
		to.TransactItems = append(to.TransactItems, a)
	}
	return &to
}

// replay makes calls with a bare client, one after the other.
func replay(ctx context.Context, db *dynamodb.Client, calls []any) (err error) {
	for _, call := range calls {
		switch in := call.(type) {
		case *dynamodb.GetItemInput:
			_, err = db.GetItem(ctx, in)
		case *dynamodb.QueryInput:
			_, err = db.Query(ctx, in)
		case *dynamodb.BatchGetItemInput:
			_, err = db.BatchGetItem(ctx, in)
		case *dynamodb.BatchWriteItemInput:
			_, err = db.BatchWriteItem(ctx, in)
		case *dynamodb.PutItemInput:
			_, err = db.PutItem(ctx, in)
		case *dynamodb.UpdateItemInput:
			_, err = db.UpdateItem(ctx, in)
		case *dynamodb.TransactWriteItemsInput:
			_, err = db.TransactWriteItems(ctx, in)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

var anyULID = regexp.MustCompile(`[0-7][0-9A-HJKMNP-TV-Z]{25}`)

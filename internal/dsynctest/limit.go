package dsynctest

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
)

// LimitWrites returns a client that writes only to partitions whose keys begin with
// one of the prefixes. Other writes fail as IAM refuses them: DynamoDB Local does
// not know permissions.
func LimitWrites(api *dynamodb.Client, prefixes []string) *dynamodb.Client {
	limit := middleware.InitializeMiddlewareFunc("LimitWrites", func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
		for _, item := range writtenItems(in.Parameters) {
			key, _ := item["pk"].(*types.AttributeValueMemberS)
			if key == nil || !slices.ContainsFunc(prefixes, func(prefix string) bool { return strings.HasPrefix(key.Value, prefix) }) {
				return middleware.InitializeOutput{}, middleware.Metadata{}, &smithy.GenericAPIError{Code: "AccessDeniedException", Message: "not authorized to write this partition"}
			}
		}
		return next.HandleInitialize(ctx, in)
	})
	return dynamodb.New(api.Options(), func(o *dynamodb.Options) {
		o.APIOptions = append(slices.Clone(o.APIOptions), func(stack *middleware.Stack) error { return stack.Initialize.Add(limit, middleware.Before) })
	})
}

// writtenItems returns the items, or their keys, that a call writes.
func writtenItems(parameters any) (items []map[string]types.AttributeValue) {
	switch in := parameters.(type) {
	case *dynamodb.PutItemInput:
		items = append(items, in.Item)
	case *dynamodb.UpdateItemInput:
		items = append(items, in.Key)
	case *dynamodb.DeleteItemInput:
		items = append(items, in.Key)
	case *dynamodb.BatchWriteItemInput:
		for _, requests := range in.RequestItems {
			for _, r := range requests {
				if r.PutRequest != nil {
					items = append(items, r.PutRequest.Item)
				}
				if r.DeleteRequest != nil {
					items = append(items, r.DeleteRequest.Key)
				}
			}
		}
	case *dynamodb.TransactWriteItemsInput:
		for _, action := range in.TransactItems {
			switch {
			case action.Put != nil:
				items = append(items, action.Put.Item)
			case action.Update != nil:
				items = append(items, action.Update.Key)
			case action.Delete != nil:
				items = append(items, action.Delete.Key)
			}
		}
	}
	return items
}

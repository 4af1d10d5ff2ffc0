package main

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"dsync/internal/backoff"
	"dsync/internal/table/schema"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"golang.org/x/sync/errgroup"
)

const (
	// segments is the number of segments of the table that are copied at the same
	// time.
	segments = 8
	// maxBatchWrite is DynamoDB's limit on the requests of a BatchWriteItem.
	maxBatchWrite = 25
	// maxAttempts is how often a batch is written of which DynamoDB leaves items
	// unprocessed.
	maxAttempts = 10
)

// copied counts items.
type copied struct {
	log     int64 // items of the log
	revoked int64 // revoked tokens and API keys
}

// copyTable copies the log with its sequences and claims, and revoked tokens and
// API keys. It reads all of the table from, and overwrites items of the table to.
// Nobody may write to either table meanwhile. It can be repeated.
func copyTable(ctx context.Context, client *dynamodb.Client, from, to string) (copied, error) {
	var log, revoked atomic.Int64
	filter, prefixes := carried()
	group, ctx := errgroup.WithContext(ctx)
	for segment := range segments {
		group.Go(func() error {
			pages := dynamodb.NewScanPaginator(client, &dynamodb.ScanInput{
				TableName: &from, ConsistentRead: aws.Bool(true), Segment: aws.Int32(int32(segment)), TotalSegments: aws.Int32(segments),
				FilterExpression: &filter, ExpressionAttributeValues: prefixes,
			})
			for pages.HasMorePages() {
				page, err := pages.NextPage(ctx)
				if err != nil {
					return fmt.Errorf("reading %s: %w", from, err)
				}
				if err := put(ctx, client, to, page.Items); err != nil {
					return fmt.Errorf("writing %s: %w", to, err)
				}
				for _, item := range page.Items {
					if item["revoked"] != nil {
						revoked.Add(1)
					} else {
						log.Add(1)
					}
				}
			}
			return nil
		})
	}
	err := group.Wait()
	return copied{log.Load(), revoked.Load()}, err
}

// put writes items.
func put(ctx context.Context, client *dynamodb.Client, table string, items []map[string]types.AttributeValue) error {
	for len(items) > 0 {
		n := min(len(items), maxBatchWrite)
		batch := make([]types.WriteRequest, n)
		for i, item := range items[:n] {
			batch[i].PutRequest = &types.PutRequest{Item: item}
		}
		items = items[n:]
		for retry := 0; len(batch) > 0; retry++ {
			if retry == maxAttempts {
				return fmt.Errorf("DynamoDB left %d items unprocessed %d times", len(batch), maxAttempts)
			}
			if err := backoff.Wait(ctx, retry, 100*time.Millisecond, 5*time.Second); err != nil {
				return err
			}
			out, err := client.BatchWriteItem(ctx, &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{table: batch}})
			if err != nil {
				return err
			}
			batch = out.UnprocessedItems[table]
		}
	}
	return nil
}

// carried returns the filter of the items that are copied.
func carried() (expression string, values map[string]types.AttributeValue) {
	values = map[string]types.AttributeValue{}
	add := func(prefix string) string {
		name := fmt.Sprint(":p", len(values))
		values[name] = &types.AttributeValueMemberS{Value: prefix}
		return "begins_with(pk, " + name + ")"
	}
	for _, prefix := range schema.CredentialPartitions() {
		expression += add(prefix) + " AND attribute_exists(revoked) OR "
	}
	for i, prefix := range schema.LogPartitions() {
		if i > 0 {
			expression += " OR "
		}
		expression += add(prefix)
	}
	return expression, values
}

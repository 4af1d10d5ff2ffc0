package dynamodb

import (
	"context"
	"fmt"

	"dsync/internal/table/schema"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"golang.org/x/sync/errgroup"
)

const (
	maxBatchWrite  = 25 // requests of a BatchWriteItem
	restoreWriters = 4
)

// Restore creates the table target with all items of origin, as
// RestoreTableToPointInTime does: the new table has no stream and no TTL
// (DynamoDB Developer Guide, "Restoring a table to a point in time"). from and to
// are clients of their databases, which may be one. edit changes or drops (nil) an
// item; it may be nil. The copy is consistent only if nobody writes.
func Restore(ctx context.Context, from, to *dynamodb.Client, t schema.Table, origin, target string, edit func(map[string]types.AttributeValue) map[string]types.AttributeValue) error {
	in := definition(t, target)
	in.StreamSpecification = nil
	if _, err := to.CreateTable(ctx, in); err != nil {
		return fmt.Errorf("restore %s: %w", target, err)
	}
	writers, writing := errgroup.WithContext(ctx)
	writers.SetLimit(restoreWriters)
	pages := dynamodb.NewScanPaginator(from, &dynamodb.ScanInput{TableName: &origin, ConsistentRead: aws.Bool(true)})
	for pages.HasMorePages() && writing.Err() == nil {
		page, err := pages.NextPage(writing)
		if err != nil {
			return fmt.Errorf("restore %s: %w", target, err)
		}
		var puts []types.WriteRequest
		for _, item := range page.Items {
			if edit != nil {
				item = edit(item)
			}
			if item != nil {
				puts = append(puts, types.WriteRequest{PutRequest: &types.PutRequest{Item: item}})
			}
		}
		for len(puts) > 0 {
			batch := puts[:min(maxBatchWrite, len(puts))]
			puts = puts[len(batch):]
			writers.Go(func() error { return putAll(writing, to, target, batch) })
		}
	}
	if err := writers.Wait(); err != nil {
		return fmt.Errorf("restore %s: %w", target, err)
	}
	return nil
}

func putAll(ctx context.Context, db *dynamodb.Client, table string, puts []types.WriteRequest) error {
	for len(puts) > 0 {
		out, err := db.BatchWriteItem(ctx, &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{table: puts}})
		if err != nil {
			return err
		}
		puts = out.UnprocessedItems[table]
	}
	return nil
}

// EnableStream enables the stream of a restored table and returns its ARN. The
// stream has only what is written from now on.
func EnableStream(ctx context.Context, db *dynamodb.Client, t schema.Table, name string) (arn string, err error) {
	out, err := db.UpdateTable(ctx, &dynamodb.UpdateTableInput{
		TableName:           &name,
		StreamSpecification: &types.StreamSpecification{StreamEnabled: aws.Bool(true), StreamViewType: types.StreamViewType(t.StreamView)},
	})
	if err != nil {
		return "", fmt.Errorf("enable the stream of %s: %w", name, err)
	}
	return aws.ToString(out.TableDescription.LatestStreamArn), nil
}

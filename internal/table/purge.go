package table

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// Purge removes at most limit records of a deleted directory for good and tells
// how many there were. Its own record is left for RemoveDirectory. Removing an
// item is silent.
func (t *Table) Purge(ctx context.Context, directoryID string, limit int32) (int, error) {
	in := dynamodb.QueryInput{
		ConsistentRead:         aws.Bool(true),
		KeyConditionExpression: aws.String("pk = :pk AND sk > :own"),
		// The directory's own record sorts before all others.
		ExpressionAttributeValues: marshal(map[string]string{":pk": directoryPartition(directoryID), ":own": directorySort}),
	}
	return t.clear(ctx, in, limit)
}

// clear removes the first records that a query finds.
func (t *Table) clear(ctx context.Context, in dynamodb.QueryInput, limit int32) (int, error) {
	in.Limit = aws.Int32(limit)
	in.ProjectionExpression = aws.String("pk, sk")
	out, err := t.page(ctx, in)
	if err != nil {
		return 0, err
	}
	keys := make([]key, len(out.Items))
	for n, i := range out.Items {
		if err := unmarshal(i, &keys[n]); err != nil {
			return 0, err
		}
	}
	return len(keys), t.removeAll(ctx, keys)
}

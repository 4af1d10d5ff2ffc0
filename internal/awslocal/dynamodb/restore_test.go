package dynamodb_test

import (
	"fmt"
	"testing"

	localdynamodb "dsync/internal/awslocal/dynamodb"
	"dsync/internal/table/schema"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
	streamtypes "github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"
)

// A restored table has the items, but no stream until that is enabled. The
// stream has later changes alone.
func TestRestore(t *testing.T) {
	e, err := localdynamodb.Start(t.Context(), localdynamodb.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Stop() })
	db, source, target := client(e), "source", "restored"
	if err := localdynamodb.CreateTable(t.Context(), db, schema.Dsync(), source); err != nil {
		t.Fatal(err)
	}
	put := func(table string, n int) {
		t.Helper()
		if _, err := db.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &table, Item: map[string]types.AttributeValue{
			"pk": &types.AttributeValueMemberS{Value: "D"}, "sk": &types.AttributeValueMemberS{Value: fmt.Sprint(n)},
		}}); err != nil {
			t.Fatal(err)
		}
	}
	for n := range 60 {
		put(source, n)
	}
	drop := func(item map[string]types.AttributeValue) map[string]types.AttributeValue {
		if item["sk"].(*types.AttributeValueMemberS).Value == "7" {
			return nil
		}
		return item
	}
	if err := localdynamodb.Restore(t.Context(), db, db, schema.Dsync(), source, target, drop); err != nil {
		t.Fatal(err)
	}
	described, err := db.DescribeTable(t.Context(), &dynamodb.DescribeTableInput{TableName: &target})
	if err != nil {
		t.Fatal(err)
	}
	if described.Table.StreamSpecification != nil {
		t.Error("the restored table has a stream")
	}
	out, err := db.Scan(t.Context(), &dynamodb.ScanInput{TableName: &target})
	if err != nil || out.Count != 59 {
		t.Errorf("%d items, error %v", out.Count, err)
	}
	arn, err := localdynamodb.EnableStream(t.Context(), db, schema.Dsync(), target)
	if err != nil {
		t.Fatal(err)
	}
	put(target, 99)
	o := db.Options()
	streams := dynamodbstreams.New(dynamodbstreams.Options{Region: o.Region, BaseEndpoint: o.BaseEndpoint, Credentials: o.Credentials})
	stream, err := streams.DescribeStream(t.Context(), &dynamodbstreams.DescribeStreamInput{StreamArn: &arn})
	if err != nil {
		t.Fatal(err)
	}
	shard, err := streams.GetShardIterator(t.Context(), &dynamodbstreams.GetShardIteratorInput{
		StreamArn: &arn, ShardId: stream.StreamDescription.Shards[0].ShardId, ShardIteratorType: streamtypes.ShardIteratorTypeTrimHorizon,
	})
	if err != nil {
		t.Fatal(err)
	}
	records, err := streams.GetRecords(t.Context(), &dynamodbstreams.GetRecordsInput{ShardIterator: shard.ShardIterator})
	if err != nil || len(records.Records) != 1 {
		t.Errorf("%d records, error %v", len(records.Records), err)
	}
}

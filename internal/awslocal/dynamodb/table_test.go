package dynamodb_test

import (
	"testing"

	localdynamodb "dsync/internal/awslocal/dynamodb"
	"dsync/internal/table/schema"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"
)

func TestCreateTable(t *testing.T) {
	e, err := localdynamodb.Start(t.Context(), localdynamodb.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Stop() })
	db := client(e)
	want := schema.Dsync()
	for range 2 {
		if err := localdynamodb.CreateTable(t.Context(), db, want, "schema-test"); err != nil {
			t.Fatal(err)
		}
	}

	out, err := db.DescribeTable(t.Context(), &dynamodb.DescribeTableInput{TableName: aws.String("schema-test")})
	if err != nil {
		t.Fatal(err)
	}
	ttl, err := db.DescribeTimeToLive(t.Context(), &dynamodb.DescribeTimeToLiveInput{TableName: aws.String("schema-test")})
	if err != nil {
		t.Fatal(err)
	}
	index := out.Table.GlobalSecondaryIndexes[0]
	got := schema.Table{
		Name:         want.Name,
		PartitionKey: key(t, out.Table.KeySchema, types.KeyTypeHash),
		SortKey:      key(t, out.Table.KeySchema, types.KeyTypeRange),
		Index: schema.Index{
			Name:         *index.IndexName,
			PartitionKey: key(t, index.KeySchema, types.KeyTypeHash),
			SortKey:      key(t, index.KeySchema, types.KeyTypeRange),
		},
		TTLAttribute: aws.ToString(ttl.TimeToLiveDescription.AttributeName),
		StreamView:   string(out.Table.StreamSpecification.StreamViewType),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-schema +table)\n%s", diff)
	}
	if index.Projection.ProjectionType != types.ProjectionTypeKeysOnly {
		t.Errorf("index projection %s", index.Projection.ProjectionType)
	}
	if mode := out.Table.BillingModeSummary.BillingMode; mode != types.BillingModePayPerRequest {
		t.Errorf("billing mode %s", mode)
	}
}

func key(t *testing.T, schema []types.KeySchemaElement, role types.KeyType) string {
	t.Helper()
	for _, e := range schema {
		if e.KeyType == role {
			return *e.AttributeName
		}
	}
	t.Fatalf("no %s key", role)
	return ""
}

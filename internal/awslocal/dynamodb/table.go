package dynamodb

import (
	"context"
	"errors"
	"fmt"
	"time"

	"dsync/internal/table/schema"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// CreateTable creates the table t with the name physicalName if it does not
// exist, and waits until it is active. It is idempotent and safe for concurrent
// processes. It does not change an existing table, except to enable TTL.
func CreateTable(ctx context.Context, db *dynamodb.Client, t schema.Table, physicalName string) error {
	_, err := db.CreateTable(ctx, definition(t, physicalName))
	var exists *types.ResourceInUseException
	if err != nil && !errors.As(err, &exists) {
		return fmt.Errorf("create table %s: %w", physicalName, err)
	}
	ready := dynamodb.NewTableExistsWaiter(db, func(o *dynamodb.TableExistsWaiterOptions) {
		o.MinDelay, o.MaxDelay = 20*time.Millisecond, time.Second
	})
	if err := ready.Wait(ctx, &dynamodb.DescribeTableInput{TableName: &physicalName}, time.Minute); err != nil {
		return fmt.Errorf("create table %s: wait until active: %w", physicalName, err)
	}
	return enableTTL(ctx, db, t.TTLAttribute, physicalName)
}

func definition(t schema.Table, physicalName string) *dynamodb.CreateTableInput {
	in := &dynamodb.CreateTableInput{
		TableName:   &physicalName,
		KeySchema:   keys(t.PartitionKey, t.SortKey),
		BillingMode: types.BillingModePayPerRequest,
		GlobalSecondaryIndexes: []types.GlobalSecondaryIndex{{
			IndexName:  &t.Index.Name,
			KeySchema:  keys(t.Index.PartitionKey, t.Index.SortKey),
			Projection: &types.Projection{ProjectionType: types.ProjectionTypeKeysOnly},
		}},
		StreamSpecification: &types.StreamSpecification{
			StreamEnabled:  aws.Bool(true),
			StreamViewType: types.StreamViewType(t.StreamView),
		},
	}
	for _, name := range []string{t.PartitionKey, t.SortKey, t.Index.PartitionKey, t.Index.SortKey} {
		in.AttributeDefinitions = append(in.AttributeDefinitions,
			types.AttributeDefinition{AttributeName: aws.String(name), AttributeType: types.ScalarAttributeTypeS})
	}
	return in
}

func keys(partition, sort string) []types.KeySchemaElement {
	return []types.KeySchemaElement{
		{AttributeName: &partition, KeyType: types.KeyTypeHash},
		{AttributeName: &sort, KeyType: types.KeyTypeRange},
	}
}

// enableTTL enables TTL. DynamoDB rejects the request if TTL is enabled already,
// so enableTTL reads the status first.
func enableTTL(ctx context.Context, db *dynamodb.Client, attribute, table string) error {
	state, err := db.DescribeTimeToLive(ctx, &dynamodb.DescribeTimeToLiveInput{TableName: &table})
	if err != nil {
		return fmt.Errorf("enable TTL of %s: %w", table, err)
	}
	switch state.TimeToLiveDescription.TimeToLiveStatus {
	case types.TimeToLiveStatusEnabled, types.TimeToLiveStatusEnabling:
		return nil
	}
	_, err = db.UpdateTimeToLive(ctx, &dynamodb.UpdateTimeToLiveInput{
		TableName:               &table,
		TimeToLiveSpecification: &types.TimeToLiveSpecification{AttributeName: &attribute, Enabled: aws.Bool(true)},
	})
	if err != nil {
		return fmt.Errorf("enable TTL of %s: %w", table, err)
	}
	return nil
}

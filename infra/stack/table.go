package stack

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awsdynamodb"
	"github.com/aws/jsii-runtime-go"
)

// drawTable draws the table. It has no name of its own choosing, so that a
// change which replaces it does not collide with the one it replaces.
func (d *drawing) drawTable() {
	t := d.system.Table
	d.table = awsdynamodb.NewTable(d.stack, jsii.String("Table"), &awsdynamodb.TableProps{
		PartitionKey:        stringKey(t.PartitionKey),
		SortKey:             stringKey(t.SortKey),
		Stream:              awsdynamodb.StreamViewType(t.StreamView),
		TimeToLiveAttribute: &t.TTLAttribute,
		BillingMode:         awsdynamodb.BillingMode_PAY_PER_REQUEST,
		PointInTimeRecoverySpecification: &awsdynamodb.PointInTimeRecoverySpecification{
			PointInTimeRecoveryEnabled: jsii.Bool(true),
		},
		DeletionProtection: jsii.Bool(d.settings.stage == prod),
		RemovalPolicy:      d.settings.removal(),
	})
	d.table.AddGlobalSecondaryIndex(&awsdynamodb.GlobalSecondaryIndexProps{
		IndexName:      &t.Index.Name,
		PartitionKey:   stringKey(t.Index.PartitionKey),
		SortKey:        stringKey(t.Index.SortKey),
		ProjectionType: awsdynamodb.ProjectionType_KEYS_ONLY,
	})
}

func stringKey(name string) *awsdynamodb.Attribute {
	return &awsdynamodb.Attribute{Name: &name, Type: awsdynamodb.AttributeType_STRING}
}

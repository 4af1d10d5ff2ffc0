package stack

import (
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2/awsdynamodb"
	"github.com/aws/jsii-runtime-go"
)

// addTable adds the table. CloudFormation chooses its name, so a replacement does
// not conflict with the table that it replaces.
//
// With the setting tableStreamArn, everything else refers to an existing table. The
// stack's own table stays in the stack: if it left, CloudFormation would go by the
// policy of the last deployment, not of this one, and delete a table that was not
// retained.
func (b *builder) addTable() {
	t := b.system.Table
	table := awsdynamodb.NewTable(b.stack, jsii.String("Table"), &awsdynamodb.TableProps{
		PartitionKey:        stringKey(t.PartitionKey),
		SortKey:             stringKey(t.SortKey),
		Stream:              awsdynamodb.StreamViewType(t.StreamView),
		TimeToLiveAttribute: &t.TTLAttribute,
		BillingMode:         awsdynamodb.BillingMode_PAY_PER_REQUEST,
		PointInTimeRecoverySpecification: &awsdynamodb.PointInTimeRecoverySpecification{
			PointInTimeRecoveryEnabled: jsii.Bool(true),
			RecoveryPeriodInDays:       jsii.Number(b.settings.recoveryDays),
		},
		EncryptionKey:      b.key,
		DeletionProtection: &b.settings.retain,
		RemovalPolicy:      b.settings.removal(),
	})
	table.AddGlobalSecondaryIndex(&awsdynamodb.GlobalSecondaryIndexProps{
		IndexName:      &t.Index.Name,
		PartitionKey:   stringKey(t.Index.PartitionKey),
		SortKey:        stringKey(t.Index.SortKey),
		ProjectionType: awsdynamodb.ProjectionType_KEYS_ONLY,
	})
	b.table, b.ownTable = table, table
	if b.settings.tableStream != "" {
		arn, _, _ := strings.Cut(b.settings.tableStream, "/stream/")
		b.table = awsdynamodb.Table_FromTableAttributes(b.stack, jsii.String("RestoredTable"), &awsdynamodb.TableAttributes{
			TableArn: &arn, TableStreamArn: &b.settings.tableStream,
		})
	}
}

// streams returns the ARNs of the streams that are read: that of the table in use,
// and before it that of the stack's own table if it is another one.
func (b *builder) streams() []*string {
	if b.table != b.ownTable {
		return []*string{b.ownTable.TableStreamArn(), b.table.TableStreamArn()}
	}
	return []*string{b.table.TableStreamArn()}
}

func stringKey(name string) *awsdynamodb.Attribute {
	return &awsdynamodb.Attribute{Name: &name, Type: awsdynamodb.AttributeType_STRING}
}

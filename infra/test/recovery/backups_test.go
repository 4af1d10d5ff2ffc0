package recovery

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	localdynamodb "dsync/internal/awslocal/dynamodb"
	"dsync/internal/awslocal/faults"
	"dsync/internal/table/schema"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// backups are the point-in-time recovery that DynamoDB Local lacks, in front of its
// client: the table can be restored to the one time at which it was copied. A table
// that is being restored takes a while until it is active, has no stream, no TTL and
// no protection.
type backups struct {
	db   *dynamodb.Client // without backups
	copy string           // the table with the backup
	at   time.Time

	mu       sync.Mutex
	creating int // how often the restored table will say that it is not active
	restored chan error
	recovery map[string]any // point-in-time recovery of the restored table
	// protected is its deletion protection, which DynamoDB Local accepts and forgets.
	protected bool
}

// slowness is how often a restored table is looked at until it is active.
const slowness = 3

func backUp(t *testing.T, db *dynamodb.Client, table string) *backups {
	t.Helper()
	b := &backups{db: db, copy: table + "-backup", at: time.Now().UTC().Truncate(time.Second)}
	if err := localdynamodb.Restore(t.Context(), db, db, schema.Dsync(), table, b.copy, nil); err != nil {
		t.Fatal(err)
	}
	return b
}

// client is the client of an operator.
func (b *backups) client() *dynamodb.Client {
	o := b.db.Options()
	o.HTTPClient = &http.Client{Transport: faults.New(http.DefaultTransport, 1, faults.Rule{Fault: b})}
	return dynamodb.New(o)
}

// Name implements faults.Fault.
func (b *backups) Name() string { return "point-in-time recovery" }

// Answer implements faults.Fault.
func (b *backups) Answer(c faults.Call, _ bool, _ *faults.Dice, next faults.Send) (faults.Answer, bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch c.Operation {
	case "DescribeContinuousBackups":
		// Up to five minutes ago.
		return ok(map[string]any{"ContinuousBackupsDescription": map[string]any{"ContinuousBackupsStatus": "ENABLED", "PointInTimeRecoveryDescription": map[string]any{
			"PointInTimeRecoveryStatus": "ENABLED", "EarliestRestorableDateTime": b.at.Unix(), "LatestRestorableDateTime": b.at.Unix(),
		}}})
	case "UpdateContinuousBackups":
		b.recovery = c.Input["PointInTimeRecoverySpecification"].(map[string]any)
		return ok(map[string]any{})
	case "RestoreTableToPointInTime":
		if at, _ := c.Input["RestoreDateTime"].(json.Number).Float64(); int64(at) != b.at.Unix() || b.restored != nil {
			return faults.Answer{}, true, fmt.Errorf("restored to %v, or twice", c.Input["RestoreDateTime"])
		}
		target := c.Input["TargetTableName"].(string)
		b.creating, b.restored = slowness, make(chan error, 1)
		// The whole copy is there before the table is active, but not before the answer.
		b.restored <- localdynamodb.Restore(context.Background(), b.db, b.db, schema.Dsync(), b.copy, target, nil)
		return ok(map[string]any{"TableDescription": map[string]any{"TableName": target, "TableStatus": "CREATING"}})
	case "DescribeTable":
		answer, injected, err := pass(c, next)
		if table, found := answer.Output["Table"].(map[string]any); found && table["TableName"] != nil && b.creating > 0 && table["StreamSpecification"] == nil {
			b.creating--
			table["TableStatus"] = "CREATING"
			return answer, true, err
		}
		return answer, injected, err
	case "UpdateTable", "BatchWriteItem":
		if b.creating > 0 {
			return faults.Answer{}, true, errors.New("the table is changed before it is active")
		}
		if c.Input["DeletionProtectionEnabled"] == true {
			b.protected = true
		}
	}
	return pass(c, next)
}

func ok(output map[string]any) (faults.Answer, bool, error) {
	return faults.Answer{Status: http.StatusOK, Output: output}, true, nil
}

func pass(c faults.Call, next faults.Send) (faults.Answer, bool, error) {
	a, err := next(c)
	return a, false, err
}

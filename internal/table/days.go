package table

import (
	"context"
	"errors"
	"fmt"
	"time"

	"dsync/internal/dynamo"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// DayRetention is how long the counts of a day are retained: the time of the
// last request is still known after a year without requests.
const DayRetention = 400 * 24 * time.Hour

// Day counts the SCIM requests to a directory on one day.
type Day struct {
	Date     string    `dynamodbav:"date"`     // 2026-01-31, UTC
	Requests int64     `dynamodbav:"requests"` // all requests
	Refused  int64     `dynamodbav:"refused"`  // requests that were rejected
	Writes   int64     `dynamodbav:"writes"`   // requests that changed something
	Last     time.Time `dynamodbav:"at"`       // time of the last request
	// Quarter is when the counts were written last: see Quarter.
	Quarter int64 `dynamodbav:"quarter,omitempty"`
	// Hours are the requests of each hour, as Requests: those of a write are in the
	// hour of its last request. An earlier version counted none.
	Hours [24]int64 `dynamodbav:"-"`
}

// hourName is the attribute with the requests of an hour.
func hourName(hour int) string { return fmt.Sprintf("h%02d", hour) }

// Quarter numbers the quarters of an hour. Each begins in one day.
func Quarter(at time.Time) int64 { return at.Unix() / (15 * 60) }

// CountDay adds the counts of d to those of the day, and sets the time of its
// last request and the quarter of an hour. Unless always is true, it fails with
// ErrStale when the counts of that quarter are written. The counts are not exact: a
// write that the SDK retries after a lost response counts twice.
func (t *Table) CountDay(ctx context.Context, directoryID string, d Day, always bool) error {
	u := types.Update{
		Key:                      dynamo.Marshal(dayKey(directoryID, d.Date)),
		UpdateExpression:         aws.String("SET #date = :date, #at = :at, #ttl = :ttl, quarter = :quarter ADD requests :requests, refused :refused, writes :writes, #hour :requests"),
		ExpressionAttributeNames: map[string]string{"#date": "date", "#at": "at", "#ttl": "ttl", "#hour": hourName(d.Last.UTC().Hour())},
		ExpressionAttributeValues: dynamo.Marshal(map[string]any{
			":date": d.Date, ":at": d.Last, ":ttl": d.Last.Add(DayRetention).Unix(), ":quarter": d.Quarter,
			":requests": d.Requests, ":refused": d.Refused, ":writes": d.Writes,
		}),
	}
	if !always {
		u.ConditionExpression = aws.String("attribute_not_exists(quarter) OR quarter < :quarter")
	}
	return dynamo.IfConditionFails(t.db.Update(ctx, u), ErrStale)
}

// Days reads the counts of the last days that had requests, newest first, at
// most limit of them.
func (t *Table) Days(ctx context.Context, directoryID string, limit int) ([]Day, error) {
	// Package finding has a record that sorts after the days.
	in := dynamo.Between(directoryPartition(directoryID), dayPrefix+"0", dayPrefix+"9~")
	in.ScanIndexForward = aws.Bool(false)
	out, err := t.db.QueryPage(ctx, in, limit)
	if err != nil {
		return nil, err
	}
	days, err := dynamo.UnmarshalAll[Day](out.Items)
	for i := range days {
		for hour := range days[i].Hours {
			if v, ok := out.Items[i][hourName(hour)]; ok {
				err = errors.Join(err, attributevalue.Unmarshal(v, &days[i].Hours[hour]))
			}
		}
	}
	return days, err
}

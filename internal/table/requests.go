package table

import (
	"context"
	"time"

	"dsync/internal/id"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

const (
	// RequestLife is how long the record of a request is kept: Entra repeats
	// what failed for longer, and the admin who looks looks within days.
	RequestLife = 7 * 24 * time.Hour
	// DayLife is how long the counts of a day are kept, so that a directory
	// still tells of its last request after a year of silence.
	DayLife = 400 * 24 * time.Hour
)

// RequestKind is the kind of ids that records of requests have.
const RequestKind id.Kind = "scim_request"

// Request is a SCIM request that was refused, or of which something was passed
// over. It tells what happened and where, and nothing that the request said.
type Request struct {
	ID           string    `dynamodbav:"id"`
	DirectoryID  string    `dynamodbav:"dir"`
	At           time.Time `dynamodbav:"at"` // of the answer
	Method       string    `dynamodbav:"method"`
	Route        string    `dynamodbav:"route,omitempty"` // "/Users/{id}"; "" for a path that is no endpoint
	Status       int       `dynamodbav:"status"`
	ScimType     string    `dynamodbav:"scim_type,omitempty"`
	Path         string    `dynamodbav:"path,omitempty"`           // the attribute, path or parameter at fault
	Operation    int       `dynamodbav:"operation,omitempty"`      // of a PATCH, counted from 1
	Bulk         int       `dynamodbav:"bulk_operation,omitempty"` // of a bulk request, counted from 1
	Milliseconds int64     `dynamodbav:"ms"`
	// Tolerated is what was passed over.
	Tolerated []Tolerated `dynamodbav:"tolerated,omitempty"`
	// Unrecorded is how many such requests came before this one, since the
	// last record, and were not recorded: there were too many at a time.
	Unrecorded int `dynamodbav:"unrecorded,omitempty"`
	Actor
	TTL int64 `dynamodbav:"ttl"`
}

// Tolerated is what a request asked for and did not get, although it succeeded.
type Tolerated struct {
	What  string `dynamodbav:"what"`
	Count int    `dynamodbav:"count"`
	Path  string `dynamodbav:"path,omitempty"`
}

// Day is what came to a directory on one day.
type Day struct {
	Date     string    `dynamodbav:"date"` // 2026-01-31, UTC
	Requests int64     `dynamodbav:"requests"`
	Refused  int64     `dynamodbav:"refused"`
	Writes   int64     `dynamodbav:"writes"` // requests that changed something
	Last     time.Time `dynamodbav:"at"`     // the time of the last one
}

// PutRequests writes records of requests.
func (t *Table) PutRequests(ctx context.Context, all []Request) error {
	requests := make([]types.WriteRequest, len(all))
	for i, r := range all {
		r.TTL = r.At.Add(RequestLife).Unix()
		requests[i].PutRequest = &types.PutRequest{Item: marshal(requestKey(r.DirectoryID, r.ID), r)}
	}
	return t.batchWrite(ctx, requests)
}

// Requests is the records of a directory's requests.
func Requests(directoryID string) List[Request] {
	return List[Request]{kind: RequestKind, pk: directoryPartition(directoryID), prefix: requestPrefix, record: own}
}

// CountDay adds counts to those of a day. It is not exact: a write that is
// repeated, because its answer got lost, counts twice.
func (t *Table) CountDay(ctx context.Context, directoryID string, d Day) error {
	return t.update(ctx, types.Update{
		Key:                      marshal(dayKey(directoryID, d.Date)),
		UpdateExpression:         aws.String("SET #date = :date, #at = :at, #ttl = :ttl ADD requests :requests, refused :refused, writes :writes"),
		ExpressionAttributeNames: map[string]string{"#date": "date", "#at": "at", "#ttl": "ttl"},
		ExpressionAttributeValues: marshal(struct {
			Date     string    `dynamodbav:":date"`
			At       time.Time `dynamodbav:":at"`
			TTL      int64     `dynamodbav:":ttl"`
			Requests int64     `dynamodbav:":requests"`
			Refused  int64     `dynamodbav:":refused"`
			Writes   int64     `dynamodbav:":writes"`
		}{d.Date, d.Last, d.Last.Add(DayLife).Unix(), d.Requests, d.Refused, d.Writes}),
	})
}

// Days reads the counts of the last days on which requests came, at most that
// many, newest first.
func (t *Table) Days(ctx context.Context, directoryID string, limit int32) ([]Day, error) {
	in := prefix(directoryPartition(directoryID), dayPrefix)
	in.ScanIndexForward, in.Limit = aws.Bool(false), &limit
	out, err := t.page(ctx, in)
	if err != nil {
		return nil, err
	}
	days := make([]Day, len(out.Items))
	for n, i := range out.Items {
		if err := unmarshal(i, &days[n]); err != nil {
			return nil, err
		}
	}
	return days, nil
}

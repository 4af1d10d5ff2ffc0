package table

import (
	"context"
	"time"

	"dsync/internal/dynamo"
	"dsync/internal/id"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// RequestRetention is how long the record of a request is retained. Entra
// retries a failed request for longer than that, and an administrator looks for
// the cause within days.
const RequestRetention = 7 * 24 * time.Hour

// RequestKind is the kind of the ids of request records.
const RequestKind id.Kind = "scim_request"

// Request is the record of a SCIM request that was rejected, or that succeeded
// although parts of it were ignored. It holds no attribute values of the
// request.
type Request struct {
	ID           string    `dynamodbav:"id"`
	DirectoryID  string    `dynamodbav:"dir"`
	At           time.Time `dynamodbav:"at"` // of the response
	Method       string    `dynamodbav:"method"`
	Route        string    `dynamodbav:"route,omitempty"` // "/Users/{id}"; "" for a path that is no endpoint
	Status       int       `dynamodbav:"status"`
	ScimType     string    `dynamodbav:"scim_type,omitempty"`
	Path         string    `dynamodbav:"path,omitempty"`           // the invalid attribute, path or parameter
	Operation    int       `dynamodbav:"operation,omitempty"`      // of a PATCH, counted from 1
	Bulk         int       `dynamodbav:"bulk_operation,omitempty"` // of a bulk request, counted from 1
	Milliseconds int64     `dynamodbav:"ms"`                       // from the request to the response
	// Reason is the finding that a request without a valid token raised: its code. The
	// record has no token id then, and nothing of the token.
	Reason string `dynamodbav:"reason,omitempty"`
	// Tolerated lists the ignored parts.
	Tolerated []Tolerated `dynamodbav:"tolerated,omitempty"`
	// Unrecorded counts the requests since the previous record that should have
	// a record and have none, because there were too many at a time.
	Unrecorded int `dynamodbav:"unrecorded,omitempty"`
	Actor
	TTL int64 `dynamodbav:"ttl"`
}

// Tolerated is a part of a successful request that was ignored.
type Tolerated struct {
	What  string `dynamodbav:"what"` // the reason
	Count int    `dynamodbav:"count"`
	Path  string `dynamodbav:"path,omitempty"`
}

// PutRequests writes records of requests. It is not atomic and can be repeated.
func (t *Table) PutRequests(ctx context.Context, requests []Request) error {
	puts := make([]types.WriteRequest, len(requests))
	for i, r := range requests {
		r.TTL = r.At.Add(RequestRetention).Unix()
		puts[i].PutRequest = &types.PutRequest{Item: dynamo.Marshal(requestKey(r.DirectoryID, r.ID), r)}
	}
	return t.db.BatchWrite(ctx, puts)
}

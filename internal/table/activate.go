package table

import (
	"context"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Activate notes the first request to a directory, which came with the token
// of that hash. If another one was first, only the token is told.
func (t *Table) Activate(ctx context.Context, directoryID, token string, at time.Time, actor Actor) error {
	told := types.Update{
		TableName:                 &t.name,
		Key:                       marshal(tokenKey(token)),
		UpdateExpression:          aws.String("REMOVE pending"),
		ConditionExpression:       aws.String("attribute_exists(pk)"),
		ExpressionAttributeValues: nil,
	}
	activate := types.Update{
		TableName:                &t.name,
		Key:                      marshal(directoryKey(directoryID)),
		UpdateExpression:         aws.String("SET #state = :linked, #at = :at, rid = :rid, tid = :tid ADD v :one REMOVE pending"),
		ConditionExpression:      aws.String("pending = :true AND #state = :validating"),
		ExpressionAttributeNames: map[string]string{"#state": "state", "#at": "at"},
		ExpressionAttributeValues: marshal(struct {
			Linked     State     `dynamodbav:":linked"`
			Validating State     `dynamodbav:":validating"`
			At         time.Time `dynamodbav:":at"`
			R          string    `dynamodbav:":rid"`
			T          string    `dynamodbav:":tid"`
			One        int       `dynamodbav:":one"`
			True       bool      `dynamodbav:":true"`
		}{Linked, Validating, at, actor.RequestID, actor.TokenID, 1, true}),
	}
	err := t.transact(ctx, []types.TransactWriteItem{{Update: &activate}, {Update: &told}})
	var failed conditionFailed
	if errors.As(err, &failed) && failed.part == 0 {
		err = t.update(ctx, told)
	}
	if errors.As(err, &failed) {
		return ErrNotFound // the token is gone
	}
	return err
}

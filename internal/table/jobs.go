package table

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

func (j Job) item() item {
	return marshal(jobKey(j.ID), indexKey{jobsIndex(j.DirectoryID), ulidOf(j.ID)}, j)
}

// Job reads a job. It fails with ErrNotFound.
func (t *Table) Job(ctx context.Context, jobID string) (Job, error) {
	var j Job
	err := t.get(ctx, jobKey(jobID), &j)
	return j, err
}

// StepJob writes a job after step number j.Steps. It fails with ErrStale when
// another invocation has done that step already.
func (t *Table) StepJob(ctx context.Context, j Job) error {
	err := t.put(ctx, types.Put{
		Item:                      j.item(),
		ConditionExpression:       aws.String("steps = :before"),
		ExpressionAttributeValues: marshal(map[string]int{":before": j.Steps - 1}),
	})
	return ifConditionFails(err, ErrStale)
}

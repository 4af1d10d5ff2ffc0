package table

import (
	"context"
	"fmt"
	"io"
	"time"

	"dsync/internal/id"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

func (j Job) item() item {
	return marshal(jobKey(j.ID), indexKey{jobsIndex(j.DirectoryID), ulidOf(j.ID)}, j)
}

// NewJob returns a job before its first step. It is not written yet: see
// Replace, Update, Delete and ReplaceDirectory.
func NewJob(task Task, directoryID string, at time.Time, actor Actor, entropy io.Reader) (Job, error) {
	jobID, err := id.New(id.Job, at, entropy)
	if err != nil {
		return Job{}, fmt.Errorf("table: job: %w", err)
	}
	return Job{ID: jobID, DirectoryID: directoryID, Task: task, State: JobRunning, Created: at, Modified: at, Actor: actor}, nil
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

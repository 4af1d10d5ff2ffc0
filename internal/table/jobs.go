package table

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"dsync/internal/dynamo"
	"dsync/internal/id"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

func (j Job) item() dynamo.Item {
	return dynamo.Marshal(jobKey(j.ID), dynamo.IndexKey{PK: jobsIndex(j.DirectoryID), SK: ulidOf(j.ID)}, j)
}

// StartCountsID is the id of the one job that starts the counts of directories.
var StartCountsID = id.Job.Of("00000000000000000000000001")

// NewJob returns a job before its first step. It is not written yet: see
// Replace, Update, Delete and ReplaceDirectory.
func NewJob(task Task, directoryID string, at time.Time, actor Actor, entropy io.Reader) (Job, error) {
	jobID, err := id.New(id.Job, at, entropy)
	if err != nil {
		return Job{}, fmt.Errorf("table: job: %w", err)
	}
	return Job{ID: jobID, DirectoryID: directoryID, Task: task, State: JobRunning, Created: at, Modified: at, Actor: actor}, nil
}

// Failed reports whether the job was stopped before its end.
func (j Job) Failed() bool { return j.State == JobFailed }

// Job reads a job. It fails with ErrNotFound.
func (t *Table) Job(ctx context.Context, jobID string) (Job, error) {
	var j Job
	err := t.db.Get(ctx, jobKey(jobID), &j)
	return j, err
}

// Actions are the two writes of a new job, which is listed as running.
func (j Job) Actions() []types.TransactWriteItem {
	j.Listed = true
	return []types.TransactWriteItem{dynamo.PutNewAction(j.item()), listJob(j)}
}

// CreateJob writes a new job and lists it as running.
func (t *Table) CreateJob(ctx context.Context, j Job) error {
	return t.db.Transact(ctx, j.Actions())
}

// listJob is the action that lists a job as running.
func listJob(j Job) types.TransactWriteItem {
	return dynamo.PutAction(dynamo.Marshal(runningKey(j.ID), runningEntry{j.ID, j.Begins}))
}

// runningEntry is the record of a job in the list of running jobs.
type runningEntry struct {
	JobID  string    `dynamodbav:"job"`
	Begins time.Time `dynamodbav:"begins,omitempty,omitzero"`
}

// StepJob writes a job after step number j.Steps, and the jobs that follow it,
// all or nothing. A job that has ended leaves the list of running jobs, and one
// that is missing there, because older code created it, enters it. StepJob
// fails with ErrStale when another invocation has done that step already.
func (t *Table) StepJob(ctx context.Context, j Job, follow ...Job) error {
	return t.writeJob(ctx, j, j.Steps-1, follow)
}

// PostponeJob writes a job whose next step was tried and is not done. It fails
// with ErrStale when another invocation has done the step.
func (t *Table) PostponeJob(ctx context.Context, j Job) error {
	return t.writeJob(ctx, j, j.Steps, nil)
}

// writeJob writes a job if the stored one has done that many steps.
func (t *Table) writeJob(ctx context.Context, j Job, steps int, follow []Job) error {
	var actions []types.TransactWriteItem
	switch {
	case j.State != JobRunning:
		j.Listed = false
		actions = append(actions, dynamo.DeleteAction(runningKey(j.ID)))
	case !j.Listed:
		j.Listed = true
		actions = append(actions, listJob(j))
	}
	for _, f := range follow {
		actions = append(actions, f.Actions()...)
	}
	write := types.Put{
		Item:                      j.item(),
		ConditionExpression:       aws.String("steps = :before"),
		ExpressionAttributeValues: dynamo.Marshal(map[string]int{":before": steps}),
	}
	if len(actions) == 0 {
		return dynamo.IfConditionFails(t.db.Put(ctx, write), ErrStale)
	}
	return dynamo.IfConditionFails(t.db.Transact(ctx, append(actions, types.TransactWriteItem{Put: &write})), ErrStale)
}

// runningPage is the number of entries of one read: about 150 KB.
const runningPage = 1_000

// RunningJobs reads all running jobs that have begun at that time. Jobs that
// older code created are among them after their next step: see StepJob.
func (t *Table) RunningJobs(ctx context.Context, at time.Time) ([]Job, error) {
	var jobs []Job
	for shard := range runningShards {
		entries := make(map[string]dynamo.Key)
		var keys []dynamo.Key
		in := dynamodb.QueryInput{
			ConsistentRead:            aws.Bool(true),
			KeyConditionExpression:    aws.String("pk = :pk"),
			ExpressionAttributeValues: dynamo.Marshal(map[string]string{":pk": runningPartition(shard)}),
		}
		for e, err := range dynamo.Records[runningEntry](t.db.Query(ctx, in, runningPage)) {
			if err != nil {
				return nil, err
			}
			if !e.Begins.After(at) {
				entries[e.JobID] = runningKey(e.JobID)
				keys = append(keys, jobKey(e.JobID))
			}
		}
		for j, err := range dynamo.Records[Job](t.db.BatchGet(ctx, keys)) {
			if err != nil {
				return nil, err
			}
			if j.State == JobRunning {
				jobs = append(jobs, j)
				delete(entries, j.ID)
			}
		}
		// Entries of jobs that have ended: code that does not know the list ended
		// them, or they ended since the query.
		if err := t.db.DeleteItems(ctx, slices.Collect(maps.Values(entries))); err != nil {
			return nil, err
		}
	}
	return jobs, nil
}

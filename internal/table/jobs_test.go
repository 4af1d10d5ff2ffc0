package table_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"dsync/internal/id"
	"dsync/internal/table"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

func TestStepJobOnce(t *testing.T) {
	f, ctx := open(t), t.Context()
	n := table.Keys{Name: "ada"}
	user := f.create(table.User, n)
	job := f.job(user)
	if err := f.Delete(ctx, user, n, job, now, actor); err != nil {
		t.Fatal(err)
	}
	job.Steps = 1
	if err := f.StepJob(ctx, job); err != nil {
		t.Error(err)
	}
	if err := f.StepJob(ctx, job); !errors.Is(err, table.ErrStale) {
		t.Errorf("the same step twice: %v", err)
	}
}

// running are the ids of the running jobs at a time, in order.
func (f fixture) running(at time.Time) (ids []string) {
	f.t.Helper()
	jobs, err := f.RunningJobs(f.t.Context(), at)
	f.do(err)
	for _, j := range jobs {
		ids = append(ids, j.ID)
	}
	slices.Sort(ids)
	return ids
}

// The list of running jobs has each job from its creation to its end, also one
// that follows another; a job that begins later is in the list from then on.
func TestRunningJobs(t *testing.T) {
	f, ctx := open(t), t.Context()
	user := f.create(table.User, table.Keys{Name: "ada"})
	job := f.job(user)
	f.do(f.Update(ctx, user.Version, next(user), job))
	if got := f.running(now); !slices.Equal(got, []string{job.ID}) {
		t.Errorf("running: %v, want %s", got, job.ID)
	}
	job.Steps, job.Due, job.Listed = 1, now.Add(time.Hour), true
	f.do(f.StepJob(ctx, job))
	if got := f.running(now); !slices.Equal(got, []string{job.ID}) {
		t.Errorf("a job that waits: %v, want %s", got, job.ID)
	}
	if got := must(f.Job(ctx, job.ID)); got != job {
		t.Errorf("the job is %+v, want %+v", got, job)
	}
	begins := now.Add(30 * 24 * time.Hour)
	follow := table.Job{ID: newID(t, id.Job), DirectoryID: f.directoryID, Task: table.Erase, State: table.JobRunning, Created: now, Modified: now, Begins: begins, Due: begins}
	job.Steps, job.State = 2, table.JobDone
	f.do(f.StepJob(ctx, job, follow))
	if err := f.StepJob(ctx, job, f.job(user)); !errors.Is(err, table.ErrStale) {
		t.Errorf("the last step twice: %v", err)
	}
	if got := f.running(begins.Add(-time.Millisecond)); len(got) != 0 {
		t.Errorf("before %s begins: %v", follow.ID, got)
	}
	if got := f.running(begins); !slices.Equal(got, []string{follow.ID}) {
		t.Errorf("running: %v, want %s", got, follow.ID)
	}
	follow.Steps, follow.State = 1, table.JobFailed
	f.do(f.StepJob(ctx, follow))
	if got := f.running(begins); len(got) != 0 {
		t.Errorf("after all have ended: %v", got)
	}
}

// The list of running jobs has every job, whatever its partition.
func TestManyRunningJobs(t *testing.T) {
	f, ctx := open(t), t.Context()
	user := f.create(table.User, table.Keys{Name: "ada"})
	var want []string
	for range 40 {
		job := f.job(user)
		want = append(want, job.ID)
		f.do(f.Update(ctx, user.Version, next(user), job))
		user = next(user)
	}
	slices.Sort(want)
	if got := f.running(now); !slices.Equal(got, want) {
		t.Errorf("%d jobs are running, want %d", len(got), len(want))
	}
}

func next(r table.Resource) table.Resource {
	r.Version++
	return r
}

// A job of code that does not know the list enters it with its next step, and
// leaves it when it has ended, also if such code ended it.
func TestJobsOfOlderCode(t *testing.T) {
	f, ctx := open(t), t.Context()
	user := f.create(table.User, table.Keys{Name: "ada"})
	job := f.job(user)
	f.do(f.Update(ctx, user.Version, next(user), job))
	f.forget(ctx, job)
	if got := f.running(now); len(got) != 0 {
		t.Fatalf("running: %v", got)
	}
	f.do(f.PostponeJob(ctx, job))
	if got := f.running(now); !slices.Equal(got, []string{job.ID}) {
		t.Errorf("after an attempt: %v, want %s", got, job.ID)
	}
	f.forget(ctx, job)
	job.Steps = 1
	f.do(f.StepJob(ctx, job))
	if got := f.running(now); !slices.Equal(got, []string{job.ID}) {
		t.Errorf("after a step: %v, want %s", got, job.ID)
	}
	// The older code ends the job and leaves it in the list.
	f.set(ctx, job, "SET #state = :done REMOVE listed")
	entries := len(f.items())
	if got := f.running(now); len(got) != 0 || len(f.items()) != entries-1 {
		t.Errorf("running: %v; %d items, before %d", got, len(f.items()), entries)
	}
}

// forget makes a job one of code that does not know the list.
func (f fixture) forget(ctx context.Context, job table.Job) {
	f.t.Helper()
	for _, item := range f.items() {
		if job, ok := item["job"].(*types.AttributeValueMemberS); ok && job.Value != "" {
			_, err := f.db.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: &f.tableName, Key: map[string]types.AttributeValue{"pk": item["pk"], "sk": item["sk"]}})
			f.do(err)
		}
	}
	f.set(ctx, job, "REMOVE listed")
}

// set changes the record of a job.
func (f fixture) set(ctx context.Context, job table.Job, update string) {
	f.t.Helper()
	in := &dynamodb.UpdateItemInput{TableName: &f.tableName, UpdateExpression: &update}
	if update != "REMOVE listed" {
		in.ExpressionAttributeNames = map[string]string{"#state": "state"}
		in.ExpressionAttributeValues = map[string]types.AttributeValue{":done": &types.AttributeValueMemberS{Value: "done"}}
	}
	for _, item := range f.items() {
		if own, ok := item["id"].(*types.AttributeValueMemberS); ok && own.Value == job.ID {
			in.Key = map[string]types.AttributeValue{"pk": item["pk"], "sk": item["sk"]}
		}
	}
	_, err := f.db.UpdateItem(ctx, in)
	f.do(err)
}

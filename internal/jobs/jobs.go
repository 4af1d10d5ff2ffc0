// Package jobs does long work a page at a time. A job is a record: creating it
// starts the first step through the stream, and each step ends by writing the
// record, which starts the next. So it survives crashes, needs no queue, and a
// step that is delivered twice is done once.
package jobs

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"dsync/internal/table"

	"github.com/aws/aws-lambda-go/events"
)

// page is how many memberships a step removes: 20 writes of 25.
const page = 500

// Worker runs jobs. It is safe for concurrent use.
type Worker struct {
	table *table.Table
	now   func() time.Time
	log   *slog.Logger
}

// New returns a worker on the table.
func New(t *table.Table, now func() time.Time, log *slog.Logger) *Worker {
	return &Worker{t, now, log}
}

// Handle does one step of each job in the batch. It fails when a step fails:
// then the batch comes again, and steps that were done are recognised.
func (w *Worker) Handle(ctx context.Context, batch events.DynamoDBEvent) error {
	for _, record := range batch.Records {
		job, err := table.ReadJob(record.Change)
		if err != nil {
			return err
		}
		if job == nil || job.State != table.JobRunning {
			continue
		}
		if err := w.step(ctx, *job); err != nil {
			return err
		}
	}
	return nil
}

// step removes one page of memberships of what the job is about. An empty page
// ends the job.
func (w *Worker) step(ctx context.Context, job table.Job) error {
	current, err := w.table.Job(ctx, job.ID)
	if errors.Is(err, table.ErrNotFound) || err == nil && current.Steps != job.Steps {
		return nil // this step was done before
	} else if err != nil {
		return err
	}
	n, err := w.table.ClearMemberships(ctx, job.Kind, job.DirectoryID, job.Subject, page)
	if err != nil {
		return err
	}
	at := w.now().UTC().Truncate(time.Millisecond)
	job.Steps++
	job.Removed += n
	job.Modified = at
	if n == 0 {
		job.State, job.TTL = table.JobDone, at.Add(table.TombstoneLife).Unix()
	}
	if err := w.table.StepJob(ctx, job); err != nil && !errors.Is(err, table.ErrStale) {
		return err
	}
	w.log.LogAttrs(ctx, slog.LevelInfo, "job step", slog.String("job_id", job.ID), slog.String("directory_id", job.DirectoryID),
		slog.Int("step", job.Steps), slog.Int("removed", job.Removed), slog.String("state", string(job.State)))
	return nil
}

// Package jobs does long work one page at a time. A job is a record of the
// table. Creating the record starts the first step through the stream. Each
// step ends with a write of the record, which starts the next step.
//
// Promises: a job survives crashes and needs no queue. A step that is delivered
// twice is done once.
package jobs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"dsync/internal/table"

	"github.com/aws/aws-lambda-go/events"
)

// page is the number of records of one step: 20 BatchWriteItem calls of 25.
const page = 500

// TokenTrust is how long a function may still act on the old state after a
// directory changed: it caches a token for 5 seconds, and a request may then
// run for 10 seconds. One second is added for the clocks.
const TokenTrust = 16 * time.Second

// maxWait is the longest wait within a step. It is shorter than the timeout of
// the function.
const maxWait = 20 * time.Second

// Worker runs jobs. It is safe for concurrent use.
type Worker struct {
	table      *table.Table
	now        func() time.Time
	entropy    io.Reader
	tokenTrust time.Duration
	log        *slog.Logger
}

// New returns a worker on the table. entropy is the source of ids. tokenTrust
// is TokenTrust outside tests.
func New(t *table.Table, now func() time.Time, entropy io.Reader, tokenTrust time.Duration, log *slog.Logger) *Worker {
	return &Worker{t, now, entropy, tokenTrust, log}
}

// Handle does one step of each job in the batch. It fails if a step fails.
// Lambda then retries the batch; completed steps are recognised and skipped.
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
			return fmt.Errorf("%s %s: %w", job.Task, job.ID, err)
		}
	}
	return nil
}

// progress is the result of a step.
type progress struct {
	records int    // number of records processed
	cursor  string // start of the next step
	end     bool
}

// step processes one page of the job.
func (w *Worker) step(ctx context.Context, job table.Job) error {
	current, err := w.table.Job(ctx, job.ID)
	if errors.Is(err, table.ErrNotFound) || err == nil && current.Steps != job.Steps {
		return nil // this step is complete
	} else if err != nil {
		return err
	}
	do, ok := map[table.Task]func(context.Context, table.Job) (progress, error){
		table.ClearMemberships: w.clearMemberships,
		table.Announce:         w.announce,
		table.Project:          w.project,
		table.Purge:            w.purge,
	}[job.Task]
	if !ok {
		return errors.New("no such task")
	}
	p, err := do(ctx, job)
	if err != nil {
		return err
	}
	at := w.now().UTC().Truncate(time.Millisecond)
	job.Steps++
	job.Done += p.records
	job.Cursor, job.Modified = p.cursor, at
	if p.end {
		job.State, job.TTL = table.JobDone, at.Add(table.DeletedRetention).Unix()
	}
	if err := w.table.StepJob(ctx, job); err != nil && !errors.Is(err, table.ErrStale) {
		return err
	}
	w.log.LogAttrs(ctx, slog.LevelInfo, "job step", slog.String("job_id", job.ID), slog.String("task", string(job.Task)),
		slog.String("directory_id", job.DirectoryID), slog.Int("step", job.Steps), slog.Int("done", job.Done), slog.String("state", string(job.State)))
	return nil
}

// clearMemberships removes a page of memberships of a deleted user or group.
func (w *Worker) clearMemberships(ctx context.Context, job table.Job) (progress, error) {
	n, err := w.table.ClearMemberships(ctx, job.Kind, job.DirectoryID, job.Subject, page)
	return progress{records: n, end: n == 0}, err
}

// announce makes events for a page of memberships of a user who became visible
// to consumers again.
func (w *Worker) announce(ctx context.Context, job table.Job) (progress, error) {
	user, err := w.table.Resource(ctx, table.User, job.DirectoryID, job.Subject)
	if errors.Is(err, table.ErrNotFound) || err == nil && user.Hidden {
		return progress{end: true}, nil // deleted or hidden since
	} else if err != nil {
		return progress{}, err
	}
	kept, cursor, err := w.table.KeptMemberships(ctx, job.DirectoryID, job.Subject, job.Cursor, announcePage)
	if err != nil {
		return progress{}, err
	}
	for _, m := range kept {
		if m.Hidden || m.Generation < user.Generation {
			if err := w.table.AnnounceMembership(ctx, m, user.Generation); err != nil {
				return progress{}, err
			}
		}
	}
	return progress{len(kept), cursor, cursor == ""}, nil
}

// announcePage is the number of memberships that one step reads. Each may cost
// a write.
const announcePage = 100

// purge removes a page of the records of a deleted directory. It starts after
// the end of the directory's log, because earlier events are derived from the
// records, and after the last function can have written to the directory.
func (w *Worker) purge(ctx context.Context, job table.Job) (progress, error) {
	if job.Done == 0 {
		if ready, err := w.waitForLog(ctx, job); !ready || err != nil {
			return progress{}, err
		}
	}
	n, err := w.table.Purge(ctx, job.DirectoryID, page)
	if err != nil || n > 0 {
		return progress{records: n}, err
	}
	d, err := w.table.Directory(ctx, job.DirectoryID)
	if errors.Is(err, table.ErrNotFound) {
		return progress{end: true}, nil
	} else if err != nil {
		return progress{}, err
	}
	return progress{records: 1, end: true}, w.table.RemoveDirectory(ctx, d)
}

// maxLogWait is how long a purge waits for the end of the log. By then the
// stream has lost the records that the log could not take: it keeps 24 hours.
const maxLogWait = 48 * time.Hour

// waitForLog waits until the purge may start, up to maxWait, and reports
// whether it may.
func (w *Worker) waitForLog(ctx context.Context, job table.Job) (bool, error) {
	heads, err := w.table.LogHeads(ctx, []string{job.DirectoryID})
	if err != nil {
		return false, err
	}
	if !heads[job.DirectoryID].End && w.now().Before(job.Created.Add(maxLogWait)) {
		return false, w.wait(ctx, w.tokenTrust/8)
	}
	return true, w.wait(ctx, job.Created.Add(w.tokenTrust).Sub(w.now()))
}

// wait waits for d, at most for maxWait.
func (w *Worker) wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(min(d, maxWait))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// Package jobs does long work a page at a time. A job is a record: creating it
// starts the first step through the stream, and each step ends by writing the
// record, which starts the next. So it survives crashes, needs no queue, and a
// step that is delivered twice is done once.
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

// page is how many records a step deals with: 20 writes of 25.
const page = 500

// Trust is how long after a change of a directory a function may still act as
// if it had not been: 5 seconds it trusts a token, and 10 it may then run.
const Trust = 16 * time.Second

// maxWait bounds how long a step waits: less than a function's timeout.
const maxWait = 20 * time.Second

// Worker runs jobs. It is safe for concurrent use.
type Worker struct {
	table   *table.Table
	now     func() time.Time
	entropy io.Reader
	trust   time.Duration
	log     *slog.Logger
}

// New returns a worker on the table. entropy is the source of ids, trust is
// Trust outside tests.
func New(t *table.Table, now func() time.Time, entropy io.Reader, trust time.Duration, log *slog.Logger) *Worker {
	return &Worker{t, now, entropy, trust, log}
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
			return fmt.Errorf("%s %s: %w", job.Task, job.ID, err)
		}
	}
	return nil
}

// progress is what a step has done.
type progress struct {
	done   int    // how many records it has dealt with
	cursor string // where the next step begins
	end    bool
}

// step does one page of what the job is about.
func (w *Worker) step(ctx context.Context, job table.Job) error {
	current, err := w.table.Job(ctx, job.ID)
	if errors.Is(err, table.ErrNotFound) || err == nil && current.Steps != job.Steps {
		return nil // this step was done before
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
	job.Done += p.done
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

// clearMemberships removes a page of memberships of what was deleted.
func (w *Worker) clearMemberships(ctx context.Context, job table.Job) (progress, error) {
	n, err := w.table.ClearMemberships(ctx, job.Kind, job.DirectoryID, job.Subject, page)
	return progress{done: n, end: n == 0}, err
}

// announce tells consumers of a page of memberships of a user who returned.
func (w *Worker) announce(ctx context.Context, job table.Job) (progress, error) {
	user, err := w.table.Resource(ctx, table.User, job.DirectoryID, job.Subject)
	if errors.Is(err, table.ErrNotFound) || err == nil && user.Hidden {
		return progress{end: true}, nil // gone again
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

// announcePage is how many memberships one step reads; each may be a write.
const announcePage = 100

// purge removes a page of the records of a deleted directory. It begins when
// the directory's log has its end, because events of what was before need the
// records, and when no function can still write to the directory.
func (w *Worker) purge(ctx context.Context, job table.Job) (progress, error) {
	if job.Done == 0 {
		if ready, err := w.mayPurge(ctx, job); !ready || err != nil {
			return progress{}, err
		}
	}
	n, err := w.table.Purge(ctx, job.DirectoryID, page)
	if err != nil || n > 0 {
		return progress{done: n}, err
	}
	d, err := w.table.Directory(ctx, job.DirectoryID)
	if errors.Is(err, table.ErrNotFound) {
		return progress{end: true}, nil
	} else if err != nil {
		return progress{}, err
	}
	return progress{done: 1, end: true}, w.table.RemoveDirectory(ctx, d)
}

// abandon is when a purge no longer waits for the log: the stream has lost by
// then what the log could not take.
const abandon = 48 * time.Hour

// mayPurge waits a while for the purge to be possible, and reports whether it is.
func (w *Worker) mayPurge(ctx context.Context, job table.Job) (bool, error) {
	heads, err := w.table.LogHeads(ctx, []string{job.DirectoryID})
	if err != nil {
		return false, err
	}
	if !heads[job.DirectoryID].End && w.now().Before(job.Created.Add(abandon)) {
		return false, w.wait(ctx, w.trust/8)
	}
	return true, w.wait(ctx, job.Created.Add(w.trust).Sub(w.now()))
}

// wait waits, but not longer than a step may.
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

package jobs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"time"

	"dsync/internal/metric"
	"dsync/internal/redact"
	"dsync/internal/table"

	"golang.org/x/sync/errgroup"
)

const (
	// stale is how long a step that is due at once is left to the stream.
	// Longer than that, Lambda retries a batch in vain, or has given it up.
	stale = 2 * time.Minute
	// sweepSteps is the number of steps that Sweep does at a time.
	sweepSteps = 8
	// sweepMargin is the time before the deadline in which Sweep starts no
	// step: one takes some seconds at most.
	sweepMargin = 15 * time.Second
	// maxRetryWait is the longest time between two attempts of a step.
	maxRetryWait = 15 * time.Minute
)

// Sweep does a step of each running job that is due, or that has made no
// progress for some minutes: the oldest first, several at a time, until shortly
// before the deadline of ctx. The stream continues jobs that have no more to
// wait for. Sweep fails if it cannot find the jobs, not if a job fails. Calls
// may overlap.
func (w *Worker) Sweep(ctx context.Context) error {
	at := w.now()
	running, err := w.table.RunningJobs(ctx, at)
	if err != nil {
		return fmt.Errorf("jobs: list of running jobs: %w", err)
	}
	w.startUpgrades(ctx, running)
	if err := w.ensureCounts(ctx); err != nil {
		w.log.LogAttrs(ctx, slog.LevelError, "the counts of directories were not started", slog.String("error", redact.Error(err)))
	}
	var oldest time.Duration
	for _, j := range running {
		oldest = max(oldest, at.Sub(start(j)))
	}
	w.metrics.Write(nil, nil, metric.OldestJobAge.Of(oldest.Seconds()))

	ready := slices.DeleteFunc(running, func(j table.Job) bool {
		if j.Due.IsZero() {
			return at.Sub(j.Modified) <= stale
		}
		return j.Due.After(at)
	})
	slices.SortFunc(ready, func(a, b table.Job) int { return cmp.Or(a.Due.Compare(b.Due), a.Modified.Compare(b.Modified)) })
	var group errgroup.Group
	group.SetLimit(sweepSteps)
	for _, j := range ready {
		group.Go(func() error {
			if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < sweepMargin {
				return nil // the next sweep finds the job
			}
			_ = w.attempt(ctx, j) // which logs the failure
			return nil
		})
	}
	return group.Wait()
}

// start is when a job has begun.
func start(j table.Job) time.Time {
	if j.Begins.After(j.Created) {
		return j.Begins
	}
	return j.Created
}

// attempt does a step of a job. If the step fails, attempt writes when to try
// it again; it fails if it cannot.
func (w *Worker) attempt(ctx context.Context, job table.Job) error {
	err := w.contain(ctx, job)
	if err == nil {
		return nil
	}
	reason := redact.Error(err)
	w.logJob(ctx, slog.LevelError, "job step failed", job, slog.String("error", reason), slog.Int("step", job.Steps))
	if err := w.postpone(ctx, job, reason); err != nil {
		w.logJob(ctx, slog.LevelError, "the failure of a job step could not be recorded", job, slog.String("error", redact.Error(err)))
		return err
	}
	return nil
}

// contain does a step within most of the time that ctx has left. It makes a
// panic an error.
func (w *Worker) contain(ctx context.Context, job table.Job) (err error) {
	defer func() {
		if p := recover(); p != nil {
			// The value of a panic may quote a record.
			w.logJob(ctx, slog.LevelError, "job step panicked", job, slog.String("stack", string(debug.Stack())))
			err = errors.New("panic")
		}
	}()
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Until(deadline)*9/10)
		defer cancel()
	}
	return w.step(ctx, job)
}

// postpone writes that a step has failed and when it is due again. The wait
// doubles with each failure.
func (w *Worker) postpone(ctx context.Context, delivered table.Job, reason string) error {
	job, err := w.table.Job(ctx, delivered.ID)
	if errors.Is(err, table.ErrNotFound) || err == nil && (job.Steps != delivered.Steps || job.State != table.JobRunning) {
		return nil
	} else if err != nil {
		return err
	}
	wait := w.tokenTrust / 4 << min(job.Failures, 20)
	job.Due = table.Timestamp(w.now()).Add(min(wait, maxRetryWait))
	job.Failures++
	job.Error = reason
	if err := w.table.PostponeJob(ctx, job); !errors.Is(err, table.ErrStale) {
		return err
	}
	return nil
}

// Adopt puts the running jobs of a directory that code without a list of
// running jobs created into that list, and returns how many there were. It
// reads the index. It can be repeated.
func (w *Worker) Adopt(ctx context.Context, directoryID string) (int, error) {
	adopted := 0
	for from, more := "", true; more; {
		chunk, err := table.Jobs(directoryID).Read(ctx, w.table, from, false, page)
		if err != nil {
			return adopted, err
		}
		for _, e := range chunk.Entries {
			if e.Record.State != table.JobRunning || e.Record.Listed {
				continue
			}
			if err := w.table.PostponeJob(ctx, e.Record); errors.Is(err, table.ErrStale) {
				continue // a step has put it there
			} else if err != nil {
				return adopted, err
			}
			adopted++
		}
		from, more = chunk.Last, chunk.More
	}
	return adopted, nil
}

package jobs

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"

	"dsync/internal/eventlog"
	"dsync/internal/redact"
	"dsync/internal/table"
	"dsync/internal/table/idclaim"
	"dsync/internal/table/version"
)

// upgrade is a job that is done once in a table: it brings records of an earlier
// version to the present form.
type upgrade struct {
	task   table.Task
	needed func(context.Context) (bool, error)
	// done says that the job is not needed any more. Each process looks until then.
	done *atomic.Bool
}

func (w *Worker) upgrades() []upgrade {
	return []upgrade{
		{table.MigrateLog, eventlog.NewMigration(w.table).Needed, &w.migrated},
		{table.CompleteRecords, func(ctx context.Context) (bool, error) {
			complete, err := idclaim.Complete(ctx, w.table)
			return !complete, err
		}, &w.completed},
	}
}

// startUpgrades creates the jobs that are needed and do not run. When none is needed
// any more, it records the version of the table. Each sweep looks.
func (w *Worker) startUpgrades(ctx context.Context, running []table.Job) {
	for _, u := range w.upgrades() {
		if err := w.startUpgrade(ctx, u, running); err != nil {
			w.log.LogAttrs(ctx, slog.LevelError, "a job that upgrades records was not started",
				slog.String("task", string(u.task)), slog.String("error", redact.Error(err)))
		}
	}
	if w.versioned.Load() || slices.ContainsFunc(w.upgrades(), func(u upgrade) bool { return !u.done.Load() }) {
		return
	}
	err := version.Complete(ctx, w.table)
	if err != nil {
		w.log.LogAttrs(ctx, slog.LevelError, "the version of the table was not recorded", slog.String("error", redact.Error(err)))
	}
	w.versioned.Store(err == nil)
}

func (w *Worker) startUpgrade(ctx context.Context, u upgrade, running []table.Job) error {
	if u.done.Load() || slices.ContainsFunc(running, func(j table.Job) bool { return j.Task == u.task }) {
		return nil
	}
	needed, err := u.needed(ctx)
	if err != nil || !needed {
		u.done.Store(err == nil)
		return err
	}
	at := table.Timestamp(w.now())
	job, err := table.NewJob(u.task, "", at, table.Actor{}, w.entropy)
	if err != nil {
		return err
	}
	// By then no function of the earlier version writes, and the index has all of
	// its records.
	job.Due = at.Add(w.settle())
	if err := w.table.CreateJob(ctx, job); err != nil {
		return fmt.Errorf("jobs: %s: %w", u.task, err)
	}
	w.logJob(ctx, slog.LevelInfo, "records of an earlier version are upgraded", job)
	return nil
}

// migrate migrates a page of the event log of an earlier version.
func (w *Worker) migrate(ctx context.Context, job table.Job) (progress, error) {
	cursor, n, done, err := eventlog.NewMigration(w.table).Step(ctx, job.Cursor)
	return progress{records: n, cursor: cursor, end: done}, err
}

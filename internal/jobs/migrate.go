package jobs

import (
	"context"
	"fmt"
	"log/slog"
	"slices"

	"dsync/internal/eventlog"
	"dsync/internal/table"
)

// startMigration creates the job that migrates the event log of an earlier
// version, if there is one and no job for it. Each sweep looks.
func (w *Worker) startMigration(ctx context.Context, running []table.Job) error {
	if w.migrated.Load() || slices.ContainsFunc(running, func(j table.Job) bool { return j.Task == table.MigrateLog }) {
		return nil
	}
	needed, err := eventlog.NewMigration(w.table).Needed(ctx)
	if err != nil || !needed {
		w.migrated.Store(err == nil)
		return err
	}
	at := table.Timestamp(w.now())
	job, err := table.NewJob(table.MigrateLog, "", at, table.Actor{}, w.entropy)
	if err != nil {
		return err
	}
	// By then no function of the earlier version appends to the log, and the index
	// has all of its events.
	job.Due = at.Add(w.settle())
	if err := w.table.CreateJob(ctx, job); err != nil {
		return fmt.Errorf("jobs: migration of the event log: %w", err)
	}
	w.logJob(ctx, slog.LevelInfo, "the event log of an earlier version is migrated", job)
	return nil
}

// migrate migrates a page of the event log of an earlier version.
func (w *Worker) migrate(ctx context.Context, job table.Job) (progress, error) {
	cursor, n, done, err := eventlog.NewMigration(w.table).Step(ctx, job.Cursor)
	return progress{records: n, cursor: cursor, end: done}, err
}

package jobs

import (
	"context"
	"errors"
	"time"

	"dsync/internal/table"
)

// maxLogWait is how long a purge waits for the end of the log. By then the
// stream has lost the records that the log could not take: it keeps 24 hours.
const maxLogWait = 48 * time.Hour

// purge removes a page of the records of a deleted directory. It starts after
// the end of the directory's log, because earlier events are derived from the
// records, and after the last function can have written to the directory. The
// erasure of the log follows.
func (w *Worker) purge(ctx context.Context, job table.Job) (progress, error) {
	if job.Done == 0 {
		if ready, due, err := w.mayPurge(ctx, job); err != nil || !ready {
			return progress{due: due}, err
		}
	}
	n, err := w.table.Purge(ctx, job.DirectoryID, page)
	if err != nil || n > 0 {
		return progress{records: n}, err
	}
	d, err := w.table.Directory(ctx, job.DirectoryID)
	if errors.Is(err, table.ErrNotFound) {
		return w.purged(job)
	} else if err != nil {
		return progress{}, err
	}
	if err := w.table.RemoveDirectory(ctx, d); err != nil {
		return progress{}, err
	}
	return w.purged(job)
}

// mayPurge reports whether a purge may start, and when to look again if not.
// While the log has not ended, the intervals grow with the age of the job.
func (w *Worker) mayPurge(ctx context.Context, job table.Job) (ready bool, due time.Time, err error) {
	at := table.Timestamp(w.now())
	trusted := job.Created.Add(w.tokenTrust)
	if at.Before(trusted) {
		return false, trusted, nil
	}
	heads, err := w.table.LogHeads(ctx, []string{job.DirectoryID})
	if err != nil || heads[job.DirectoryID].End || !at.Before(job.Created.Add(maxLogWait)) {
		return err == nil, time.Time{}, err
	}
	wait := max(at.Sub(job.Created)/4, w.tokenTrust/8)
	return false, at.Add(min(wait, 16*w.tokenTrust)), nil
}

// minEraseAfter is the earliest time of an erasure after the deletion. The
// stream keeps records for 24 hours. Until then the log must tell which of
// their events it has: without the log, a record that the relay reads again
// would become a new event.
const minEraseAfter = 25 * time.Hour

// purged ends a purge and starts the job that erases the log.
func (w *Worker) purged(job table.Job) (progress, error) {
	erase, err := table.NewJob(table.Erase, job.DirectoryID, table.Timestamp(w.now()), job.Actor, w.entropy)
	erase.Subject = job.Subject
	erase.Begins = job.Created.Add(max(w.eraseAfter, minEraseAfter))
	erase.Due = erase.Begins
	return progress{records: 1, end: true, follow: []table.Job{erase}}, err
}

// erase removes a page of the log of a purged directory, then the claims of its
// ids, then what was written to the directory after the purge: counts and
// records of its last requests.
func (w *Worker) erase(ctx context.Context, job table.Job) (progress, error) {
	n, err := w.table.EraseLog(ctx, job.DirectoryID, page)
	if err != nil || n > 0 {
		return progress{records: n}, err
	}
	n, err = w.table.EraseIDs(ctx, job.DirectoryID, page)
	if err != nil || n > 0 {
		return progress{records: n}, err
	}
	n, err = w.table.Purge(ctx, job.DirectoryID, page)
	return progress{records: n, end: n == 0}, err
}

package jobs

import (
	"context"
	"errors"
	"slices"

	"dsync/internal/dsync"
	"dsync/internal/table"
)

// domainDirectories is the number of directories of one step of applyDomains.
const domainDirectories = 20

// applyDomains gives a page of directories of an organization its verified
// domains. A directory that was created from an earlier state of the organization,
// while it changed, gets them in the second pass.
func (w *Worker) applyDomains(ctx context.Context, job table.Job) (progress, error) {
	list, err := table.DirectoriesOf(job.Subject).Read(ctx, w.table, job.Cursor, false, domainDirectories)
	if err != nil {
		return progress{}, err
	}
	for _, d := range list.Entries {
		if err := w.completeDomains(ctx, job, d.Record); err != nil {
			return progress{}, err
		}
	}
	return progress{records: len(list.Entries), cursor: list.Last, end: !list.More}, nil
}

// completeDomains gives a directory the verified domains of its organization, and
// starts the job that gives them to its users. It writes nothing if the directory
// has them.
func (w *Worker) completeDomains(ctx context.Context, job table.Job, d table.Directory) error {
	return table.RetryStale(func() error {
		o, err := w.table.Organization(ctx, d.OrganizationID)
		if errors.Is(err, table.ErrNotFound) {
			return nil
		} else if err != nil {
			return err
		}
		view, err := dsync.ParseProjection(d.View)
		if err != nil {
			return err
		}
		verified := o.VerifiedDomains()
		if slices.Equal(view.Domains, verified) {
			return nil
		}
		// The record of the list may be old.
		if d, err = w.table.Directory(ctx, d.ID); errors.Is(err, table.ErrNotFound) || err == nil && d.State == table.Deleting {
			return nil
		} else if err != nil {
			return err
		}
		if view, err = dsync.ParseProjection(d.View); err != nil || slices.Equal(view.Domains, verified) {
			return err
		}
		view.Domains = verified
		next, at := d, table.Timestamp(w.now())
		next.Version++
		next.Modified, next.Actor, next.View = at, job.Actor, view.Encode()
		project, err := table.NewJob(table.Project, d.ID, at, job.Actor, w.entropy)
		if err != nil {
			return err
		}
		return w.table.ReplaceDirectory(ctx, d, next, &project)
	})
}

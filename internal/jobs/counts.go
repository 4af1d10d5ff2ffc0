package jobs

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"dsync/internal/dsync"
	"dsync/internal/scim/resource"
	"dsync/internal/table"
	"dsync/internal/table/count"
)

// A directory counts its users and groups from its creation: the append of an
// event counts its change. A directory of an earlier version, of a restored table,
// or whose counts were found wrong, has no counts until a job has counted it.

// lookForUncounted is how often a process tries to create the job
// table.StartCountsID, which looks for directories without counts. While the
// record of that job exists, no other is created. The record is removed a week
// after the end of the job, and then it is created again.
const lookForUncounted = 24 * time.Hour

// ensureCounts creates the job table.StartCountsID, if there is none.
func (w *Worker) ensureCounts(ctx context.Context) error {
	at := table.Timestamp(w.now())
	last := w.walked.Load()
	if at.Sub(time.Unix(last, 0)) < lookForUncounted || !w.walked.CompareAndSwap(last, at.Unix()) {
		return nil
	}
	// By then no function of the earlier version changes users.
	begins := at.Add(w.settle())
	job := table.Job{ID: table.StartCountsID, Task: table.StartCounts, State: table.JobRunning, Created: at, Modified: at, Begins: begins, Due: begins}
	_, err := w.table.Job(ctx, job.ID)
	if errors.Is(err, table.ErrNotFound) {
		err = w.table.CreateJob(ctx, job)
	}
	if err != nil {
		w.walked.Store(last)
		return fmt.Errorf("jobs: counts: %w", err)
	}
	return nil
}

// countedDirectories is how many directories one step of startCounts looks at.
// Each job takes two of the 100 actions of a transaction.
const countedDirectories = 40

// startCounts creates a job for each directory of a page that has no counts.
func (w *Worker) startCounts(ctx context.Context, job table.Job) (progress, error) {
	ids, more, err := table.Directories().IDs(ctx, w.table, job.Cursor, false, countedDirectories)
	if err != nil {
		return progress{}, err
	}
	heads, err := w.table.LogHeads(ctx, ids)
	if err != nil {
		return progress{}, err
	}
	p := progress{records: len(ids), end: !more}
	for _, directoryID := range ids {
		p.cursor = directoryID
		// A new directory counts from its creation, with its first event.
		h := heads[directoryID]
		if h.Begin(w.now(), minEraseAfter); h.Count.Known || h.End {
			continue
		}
		count, err := table.NewJob(table.Count, directoryID, table.Timestamp(w.now()), job.Actor, w.entropy)
		if err != nil {
			return progress{}, err
		}
		p.follow = append(p.follow, count)
	}
	return p, nil
}

const (
	// countPage is the number of users or groups that one step counts.
	countPage = 2_000
	// maxTries is how often a count begins again.
	maxTries = 10
)

// count counts the users and groups of a directory at a time, the cut.
//
// The first step sets the cut a little into the future and tells the log, which
// from then on accumulates the changes after it. When every request that made a
// change before the cut has ended, the next steps read all users and groups, and
// find out what each of them was at the cut. The last step adds the two. So a
// change is counted once, by the job or by its append, however late that comes.
func (w *Worker) count(ctx context.Context, job table.Job) (progress, error) {
	if !job.Counts.Known {
		return w.beginCount(ctx, job)
	}
	p := progress{counts: job.Counts}
	// The cursor is a kind and the last id of the previous step.
	kind, last := table.User, job.Cursor
	if rest, groups := strings.CutPrefix(job.Cursor, string(table.Group)+" "); groups {
		kind, last = table.Group, rest
	}
	list, err := w.table.ResourcePage(ctx, kind, job.DirectoryID, last, countPage)
	if err != nil {
		return progress{}, err
	}
	p.records = len(list)
	cut := time.UnixMilli(job.Counts.Cut)
	for _, r := range list {
		known, err := addAt(&p.counts, r, cut)
		switch {
		case err != nil:
			return progress{}, err
		case !known && job.Tries == maxTries:
			return progress{end: true}, nil // StartCounts comes again
		case !known:
			return progress{restart: true, due: w.now().Add(w.settle())}, nil
		}
	}
	switch {
	case len(list) == countPage && kind == table.User:
		p.cursor = list[len(list)-1].ID
		return p, nil
	case len(list) == countPage:
		p.cursor = string(table.Group) + " " + list[len(list)-1].ID
		return p, nil
	case kind == table.User:
		p.cursor = string(table.Group) + " "
		return p, nil
	}
	err = w.table.FinishCount(ctx, job.DirectoryID, p.counts)
	if errors.Is(err, table.ErrStale) || errors.Is(err, table.ErrNotFound) {
		err = nil // another job counts, or the directory is deleted
	}
	p.end = true
	return p, err
}

func (w *Worker) beginCount(ctx context.Context, job table.Job) (progress, error) {
	d, err := w.table.Directory(ctx, job.DirectoryID)
	if errors.Is(err, table.ErrNotFound) || err == nil && d.State == table.Deleting {
		return progress{end: true}, nil
	} else if err != nil {
		return progress{}, err
	}
	// No clock is so far ahead that a change after the cut is logged already.
	cut := table.Timestamp(w.now()).Add(w.settle())
	err = w.table.BeginCount(ctx, job.DirectoryID, cut)
	if errors.Is(err, table.ErrNotFound) {
		return progress{end: true}, nil
	}
	return progress{counts: count.Counts{Known: true, Cut: cut.UnixMilli()}, due: cut.Add(w.settle())}, err
}

// addAt adds what a user or group was at the cut. It reports whether that is
// known: it is not if the user was activated or deactivated since.
func addAt(c *count.Counts, r table.Resource, cut time.Time) (known bool, err error) {
	switch {
	case r.Created.After(cut), r.Deleted && !r.Modified.After(cut):
		return true, nil // not created yet, or deleted
	case r.Kind == table.Group:
		c.Groups++
		return true, nil
	case r.Switched > cut.UnixMilli():
		return false, nil
	}
	doc, err := resource.Decode(r.Document)
	if dsync.Active(doc) {
		c.Active++
	} else {
		c.Inactive++
	}
	return true, err
}

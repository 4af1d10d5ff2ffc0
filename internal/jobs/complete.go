package jobs

import (
	"context"
	"strings"

	"dsync/internal/table"
	"dsync/internal/table/idclaim"
)

const (
	// completePage is the number of users or groups of one step, completeDirectories
	// that of directories.
	completePage        = 500
	completeDirectories = 25
)

// place is where a step of complete starts: after a directory, or, with a kind,
// in it after the user or group last.
type place struct {
	directoryID string
	kind        table.Kind
	last        string
}

func (p place) cursor() string {
	return strings.TrimRight(p.directoryID+" "+string(p.kind)+" "+p.last, " ")
}

func parsePlace(cursor string) (p place) {
	var kind string
	p.directoryID, cursor, _ = strings.Cut(cursor, " ")
	kind, p.last, _ = strings.Cut(cursor, " ")
	p.kind = table.Kind(kind)
	return p
}

// complete gives the records of some directories what they lack: see
// table.CompleteRecords. What a record lacks it gets once, however often a step
// is done.
func (w *Worker) complete(ctx context.Context, job table.Job) (progress, error) {
	at := parsePlace(job.Cursor)
	p := progress{cursor: job.Cursor}
	if at.kind != "" {
		more, err := w.claimPage(ctx, &p, at)
		if err != nil || more {
			return p, err
		}
	}
	directories, err := table.Directories().Read(ctx, w.table, at.directoryID, false, completeDirectories)
	if err != nil {
		return p, err
	}
	for _, d := range directories.Entries {
		if p.records >= completePage {
			return p, nil
		}
		if d.Record.State == table.Deleting {
			continue // the purge removes its users, and the erasure their claims
		}
		if err := w.completeDomains(ctx, job, d.Record); err != nil {
			return p, err
		}
		more, err := w.claimPage(ctx, &p, place{d.ID, table.User, ""})
		if err != nil || more {
			return p, err
		}
	}
	p.cursor, p.end = directories.Last, !directories.More
	if p.end {
		err = idclaim.SetComplete(ctx, w.table)
	}
	return p, err
}

// claimPage claims the ids of a page of users, and of groups if there are no more
// users. It sets the cursor, and reports whether the directory has more.
func (w *Worker) claimPage(ctx context.Context, p *progress, at place) (more bool, err error) {
	for {
		ids, more, err := w.table.IDs(ctx, at.kind, at.directoryID, at.last, completePage)
		if err != nil {
			return false, err
		}
		unclaimed, err := idclaim.Unclaimed(ctx, w.table, at.kind, at.directoryID, ids)
		if err != nil {
			return false, err
		}
		if err := each(unclaimed, func(id string) error { return idclaim.Add(ctx, w.table, at.kind, at.directoryID, id) }); err != nil {
			return false, err
		}
		p.records += len(ids)
		if more {
			at.last = ids[len(ids)-1]
			p.cursor = at.cursor()
			return true, nil
		}
		if at.kind == table.Group {
			p.cursor = place{directoryID: at.directoryID}.cursor()
			return false, nil
		}
		at.kind, at.last = table.Group, ""
	}
}

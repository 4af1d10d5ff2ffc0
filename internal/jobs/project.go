package jobs

import (
	"context"
	"errors"
	"strings"
	"time"

	"dsync/internal/dsync"
	"dsync/internal/id"
	"dsync/internal/scim/resource"
	"dsync/internal/table"

	"golang.org/x/sync/errgroup"
)

const (
	// projectPage is the number of users or groups of one step, concurrentWrites
	// the number of writes at a time.
	projectPage      = 250
	concurrentWrites = 8
)

// project writes the directory's view to a page of users, then of groups, and the
// look-ups of e-mail addresses that an earlier version did not write. It starts
// after the last function can have written with the old view. A resource
// that looks different gets a new version and time, and so an event.
func (w *Worker) project(ctx context.Context, job table.Job) (progress, error) {
	if due := job.Created.Add(w.tokenTrust); job.Cursor == "" && due.After(w.now()) {
		return progress{due: due}, nil
	}
	d, err := w.table.Directory(ctx, job.DirectoryID)
	if errors.Is(err, table.ErrNotFound) || err == nil && d.State == table.Deleting {
		return progress{end: true}, nil
	} else if err != nil {
		return progress{}, err
	}
	view, err := dsync.ParseProjection(d.View)
	if err != nil {
		return progress{}, err
	}
	view = view.Current()
	// The cursor is a kind and the last id of the previous step.
	kind, last := table.User, job.Cursor
	if rest, groups := strings.CutPrefix(job.Cursor, string(table.Group)+" "); groups {
		kind, last = table.Group, rest
	}
	var list []table.Resource
	for r, err := range w.table.All(ctx, kind, job.DirectoryID, last) {
		if err != nil {
			return progress{}, err
		}
		list = append(list, r)
		if len(list) == projectPage {
			break
		}
	}
	if err := each(list, func(r table.Resource) error { return w.projectOne(ctx, job, r, view) }); err != nil {
		return progress{}, err
	}
	p := progress{records: len(list)}
	switch {
	case len(list) == projectPage && kind == table.User:
		p.cursor = list[len(list)-1].ID
	case len(list) == projectPage:
		p.cursor = string(table.Group) + " " + list[len(list)-1].ID
	case kind == table.User:
		p.cursor = string(table.Group) + " "
	default:
		p.end = true
	}
	return p, nil
}

// each calls do for every element, several at once, and returns the first error.
func each[T any](list []T, do func(T) error) error {
	var group errgroup.Group
	group.SetLimit(concurrentWrites)
	for _, e := range list {
		group.Go(func() error { return do(e) })
	}
	return group.Wait()
}

// projectOne writes the view to one user or group. It retries if another write
// came in between.
func (w *Worker) projectOne(ctx context.Context, job table.Job, r table.Resource, view dsync.Projection) error {
	encoded := view.Encode()
	for {
		if r.View == encoded {
			return nil
		}
		p, err := w.projected(job, r, encoded, view)
		if err != nil {
			return err
		}
		if err := w.table.Replace(ctx, r, p.next, p.before, p.after, p.follow...); !errors.Is(err, table.ErrStale) {
			return err
		}
		current, err := w.table.Resource(ctx, r.Kind, r.DirectoryID, r.ID)
		if errors.Is(err, table.ErrNotFound) {
			return nil
		} else if err != nil {
			return err
		}
		r = current
	}
}

// projected is how a record changes with the view.
type projected struct {
	next          table.Resource
	before, after table.Keys  // those that a view can change
	follow        []table.Job // announces the memberships of a user who becomes visible again
}

func (w *Worker) projected(job table.Job, r table.Resource, encoded string, view dsync.Projection) (p projected, err error) {
	doc, err := resource.Decode(r.Document)
	if err != nil {
		return p, err
	}
	before, err := dsync.ParseProjection(r.View)
	if err != nil {
		return p, err
	}
	at := w.now().UTC().Truncate(time.Millisecond)
	if r.Kind == table.User {
		p.before.Emails, p.after.Emails = before.KeyedEmails(doc), view.KeyedEmails(doc)
	}
	next := r
	next.Version++
	next.View, next.Actor = encoded, job.Actor
	change, hidden := dsync.GroupChange, false
	if r.Kind == table.User {
		change, hidden = dsync.UserChange, view.Excludes(doc)
	}
	old := dsync.Resource{ID: r.ID, Document: doc, Created: r.Created, Updated: r.Modified, Projection: before}
	updated := old
	updated.Projection = view
	if change(&old, &updated) != nil {
		next.Modified = at
	}
	next.Hidden = hidden
	if r.Hidden && !hidden {
		next.Generation++
		next.VisibleSince = at
		announce := table.Job{
			DirectoryID: r.DirectoryID, Task: table.Announce, Kind: r.Kind, Subject: r.ID, State: table.JobRunning, Created: at, Modified: at, Actor: job.Actor,
		}
		announce.ID, err = id.New(id.Job, at, w.entropy)
		p.follow = append(p.follow, announce)
	}
	p.next = next
	return p, err
}

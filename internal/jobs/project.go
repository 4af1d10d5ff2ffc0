package jobs

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"dsync/internal/dsync"
	"dsync/internal/id"
	"dsync/internal/scim"
	"dsync/internal/table"
)

const (
	// projectPage is how many users or groups a step shows anew, and
	// projectWriters how many of them at once.
	projectPage    = 250
	projectWriters = 8
)

// project gives a page of users, then of groups, the directory's view of them.
// It begins when no function can still write with the view before. What is
// shown differently has a new version and time, and so an event.
func (w *Worker) project(ctx context.Context, job table.Job) (progress, error) {
	if job.Cursor == "" {
		if err := w.wait(ctx, job.Created.Add(w.trust).Sub(w.now())); err != nil {
			return progress{}, err
		}
	}
	d, err := w.table.Directory(ctx, job.DirectoryID)
	if errors.Is(err, table.ErrNotFound) || err == nil && d.State == table.Deleting {
		return progress{end: true}, nil
	} else if err != nil {
		return progress{}, err
	}
	view, err := dsync.ParseView(d.View)
	if err != nil {
		return progress{}, err
	}
	// The cursor is a kind and the id that the last step ended with.
	kind, last := table.User, job.Cursor
	if rest, groups := strings.CutPrefix(job.Cursor, string(table.Group)+" "); groups {
		kind, last = table.Group, rest
	}
	var list []table.Resource
	err = w.table.All(ctx, kind, job.DirectoryID, last, func(r table.Resource) (bool, error) {
		list = append(list, r)
		return len(list) < projectPage, nil
	})
	if err != nil {
		return progress{}, err
	}
	if err := w.each(list, func(r table.Resource) error { return w.show(ctx, job, r, d.View, view) }); err != nil {
		return progress{}, err
	}
	p := progress{done: len(list)}
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

// each deals with all of the list, several at once, and returns the errors.
func (w *Worker) each(list []table.Resource, do func(table.Resource) error) error {
	errs := make([]error, len(list))
	slots := make(chan struct{}, projectWriters)
	var wg sync.WaitGroup
	for i, r := range list {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			errs[i] = do(r)
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// show gives one user or group the view. It begins anew when somebody else has
// written it in between.
func (w *Worker) show(ctx context.Context, job table.Job, r table.Resource, encoded string, view dsync.View) error {
	for {
		if r.View == encoded {
			return nil
		}
		next, follow, err := w.shown(job, r, encoded, view)
		if err != nil {
			return err
		}
		if err := w.table.Update(ctx, r.Version, next, follow...); !errors.Is(err, table.ErrStale) {
			return err
		}
		again, err := w.table.Resource(ctx, r.Kind, r.DirectoryID, r.ID)
		if errors.Is(err, table.ErrNotFound) {
			return nil
		} else if err != nil {
			return err
		}
		r = again
	}
}

// shown is the record under the view, and the job that follows if its user is
// shown to consumers again.
func (w *Worker) shown(job table.Job, r table.Resource, encoded string, view dsync.View) (next table.Resource, follow []table.Job, err error) {
	doc, err := scim.Decode(r.Document)
	if err != nil {
		return r, nil, err
	}
	before, err := dsync.ParseView(r.View)
	if err != nil {
		return r, nil, err
	}
	at := w.now().UTC().Truncate(time.Millisecond)
	next = r
	next.Version++
	next.View, next.Actor = encoded, job.Actor
	change, hidden := dsync.GroupChange, false
	if r.Kind == table.User {
		change, hidden = dsync.UserChange, view.Hides(doc)
	}
	was := dsync.Resource{ID: r.ID, Document: doc, Created: r.Created, Updated: r.Modified, View: before}
	is := was
	is.View = view
	if change(&was, &is) != nil {
		next.Modified = at
	}
	next.Hidden = hidden
	if r.Hidden && !hidden {
		next.Generation++
		announce := table.Job{
			DirectoryID: r.DirectoryID, Task: table.Announce, Kind: r.Kind, Subject: r.ID, State: table.JobRunning, Created: at, Modified: at, Actor: job.Actor,
		}
		announce.ID, err = id.New(id.Job, at, w.entropy)
		follow = append(follow, announce)
	}
	return next, follow, err
}

package jobs

import (
	"context"
	"errors"

	"dsync/internal/dsync"
	"dsync/internal/table"
	"dsync/internal/table/removal"
)

// announcePage is the number of memberships that one step of announce reads.
// Each may cost a write.
const announcePage = 100

// clearMemberships removes a page of memberships of a deleted user or group:
// those that the request of the deletion has left.
func (w *Worker) clearMemberships(ctx context.Context, job table.Job) (progress, error) {
	n, err := w.table.ClearMemberships(ctx, job.Kind, job.DirectoryID, job.Subject, page)
	return progress{records: n, end: n < page}, err
}

// removeMembers removes a page of the members that a group had before it was
// emptied, with an event for each. It starts when the request that emptied the group
// has written the members that stay, and requests before it those that they added.
func (w *Worker) removeMembers(ctx context.Context, job table.Job) (progress, error) {
	if due := job.Created.Add(w.tokenTrust); job.Cursor == "" && due.After(w.now()) {
		return progress{due: due}, nil
	}
	_, err := w.table.Resource(ctx, table.Group, job.DirectoryID, job.Subject)
	if errors.Is(err, table.ErrNotFound) {
		return progress{end: true}, nil // its deletion removes the memberships
	} else if err != nil {
		return progress{}, err
	}
	p, err := removal.Read(ctx, w.table, job.DirectoryID, job.Subject, job.Until, job.Cursor, page)
	if err != nil {
		return progress{}, err
	}
	if err := w.addStates(ctx, job, p.Members); err != nil {
		return progress{}, err
	}
	at := table.Timestamp(w.now())
	err = each(p.Members, func(m table.Membership) error {
		m.At, m.Actor = at, job.Actor
		return removal.Remove(ctx, w.table, m, job.Until)
	})
	if err == nil && !p.More {
		err = removal.Finish(ctx, w.table, job.DirectoryID, job.Subject, job.Until)
	}
	return progress{records: len(p.Members), cursor: p.Last, end: !p.More}, err
}

// addStates gives memberships the state of their users, if the directory hides
// users: then their events depend on it.
func (w *Worker) addStates(ctx context.Context, job table.Job, members []table.Membership) error {
	d, err := w.table.Directory(ctx, job.DirectoryID)
	if errors.Is(err, table.ErrNotFound) {
		return nil // nobody sees events of it
	} else if err != nil {
		return err
	}
	view, err := dsync.ParseProjection(d.View)
	if err != nil || view.Deactivation != dsync.Delete {
		return err
	}
	ids := make([]string, len(members))
	for i, m := range members {
		ids[i] = m.UserID
	}
	known, _, err := w.table.CheckMembers(ctx, job.DirectoryID, job.Subject, ids)
	for i, m := range members {
		members[i].Hidden, members[i].Generation = known[m.UserID].Hidden, known[m.UserID].Generation
	}
	return err
}

// announce makes events for a page of memberships of a user who became visible
// to consumers again. A membership that is announced in the user's generation
// already is left as it is.
func (w *Worker) announce(ctx context.Context, job table.Job) (progress, error) {
	user, err := w.table.Resource(ctx, table.User, job.DirectoryID, job.Subject)
	if errors.Is(err, table.ErrNotFound) || err == nil && user.Hidden {
		return progress{end: true}, nil // deleted or hidden since
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
	return progress{records: len(kept), cursor: cursor, end: cursor == ""}, nil
}

package jobs

import (
	"context"
	"errors"

	"dsync/internal/table"
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

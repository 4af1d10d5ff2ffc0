package relay

import (
	"context"
	"errors"
	"maps"
	"slices"

	"dsync/internal/dsync"
	"dsync/internal/table"
)

// maxDeferrals is how many deferred changes of a directory are read at a time.
const maxDeferrals = 1000

// facts is what a derivation reads: first the head of the log, then the rest.
type facts struct {
	head     table.LogHead
	deferred []change                  // in their order
	more     bool                      // there are other deferred changes
	subjects map[string]table.Resource // users and groups of memberships, soft-deleted ones included
	logged   map[string]bool           // keys of creations and deletions that are in the log
}

// subject returns a user or group, or nil.
func (f *facts) subject(id string) *table.Resource {
	if r, ok := f.subjects[id]; ok {
		return &r
	}
	return nil
}

// facts reads what the derivations of the works need, in one read of each kind.
func (r *Relay) facts(ctx context.Context, works []*work) (map[*work]*facts, error) {
	directoryIDs := make([]string, len(works))
	for i, w := range works {
		directoryIDs[i] = w.directoryID
	}
	heads, err := r.table.LogHeads(ctx, directoryIDs)
	if err != nil {
		return nil, err
	}
	all := make(map[*work]*facts, len(works))
	var members []table.Membership
	for _, w := range works {
		f := &facts{head: heads[w.directoryID]}
		all[w] = f
		if f.head.Deferred > 0 {
			if err := r.readDeferred(ctx, w, f); err != nil {
				return nil, err
			}
		}
		for _, list := range [][]change{f.deferred, w.changes} {
			for _, c := range list {
				if c.NewMembership != nil {
					members = append(members, *c.NewMembership)
				}
			}
		}
	}
	if len(members) == 0 {
		return all, nil
	}
	subjects, err := r.table.Subjects(ctx, members)
	if err != nil {
		return nil, err
	}
	logged, err := r.lives(ctx, all, works, subjects)
	if err != nil {
		return nil, err
	}
	for _, f := range all {
		f.subjects, f.logged = subjects, logged
	}
	return all, nil
}

// readDeferred reads the deferred changes of a directory. One that cannot be
// read is parked and deleted.
func (r *Relay) readDeferred(ctx context.Context, w *work, f *facts) error {
	list, more, err := r.table.Deferrals(ctx, w.directoryID, maxDeferrals)
	if err != nil {
		return err
	}
	f.more = more
	for _, d := range list {
		c, err := deferred(d)
		if err != nil {
			if err := w.park(ctx, c.record, err); err != nil {
				return err
			}
			w.released = append(w.released, d)
			continue
		}
		f.deferred = append(f.deferred, c)
	}
	return nil
}

// lives finds which of the creations and deletions of the users and groups of
// memberships are in the log. It does not read creations that the relay
// remembers, nor deletions of resources that still exist.
func (r *Relay) lives(ctx context.Context, all map[*work]*facts, works []*work, subjects map[string]table.Resource) (map[string]bool, error) {
	keys := map[string]bool{}
	for _, w := range works {
		for _, c := range slices.Concat(all[w].deferred, w.changes) {
			m := c.NewMembership
			if m == nil {
				continue
			}
			user, group := subjects[m.UserID], subjects[m.GroupID]
			generations := []int64{m.Generation}
			if c.OldMembership != nil && c.OldMembership.Generation != m.Generation {
				generations = append(generations, c.OldMembership.Generation)
			}
			for _, generation := range generations {
				l, err := lifeOf(user, group, generation)
				if err != nil {
					continue // the derivation parks the change
				}
				keys[l.userCreated], keys[l.groupCreated] = true, true
				if user.Deleted || user.Hidden || user.Generation > generation {
					keys[l.userDeleted] = true
				}
				if group.Deleted {
					keys[l.groupDeleted] = true
				}
			}
		}
	}
	var unknown []string
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		if _, known := r.created.Get(key); !known {
			unknown = append(unknown, key)
		}
	}
	events, err := r.table.LoggedEvents(ctx, unknown)
	if err != nil {
		return nil, err
	}
	logged := make(map[string]bool, len(events))
	for _, e := range events {
		key := table.EventKey(e.ID)
		logged[key] = true
		if e.Name == dsync.UserCreated || e.Name == dsync.GroupCreated {
			r.created.Put(key, struct{}{})
		}
	}
	return logged, nil
}

// repair corrects memberships that were written at the same time as another
// change. Every membership record passes here, so none is missed:
//
//   - It removes memberships of deleted users and groups. The deletion and its
//     job remove only those that they find.
//   - It announces memberships that were written while their user was hidden, or
//     in an earlier generation of the user, if the user is visible now.
func (r *Relay) repair(ctx context.Context, w *work, f *facts) error {
	var orphans []table.Membership
	for _, c := range w.changes {
		if c.NewMembership == nil || c.NewMembership.Deleted {
			continue
		}
		m := *c.NewMembership
		user, group := f.subjects[m.UserID], f.subjects[m.GroupID]
		switch {
		case user.Deleted || group.Deleted:
			orphans = append(orphans, m)
		case user.ID != "" && !user.Hidden && (m.Hidden || m.Generation < user.Generation):
			if err := r.table.AnnounceMembership(ctx, m, user.Generation); err != nil {
				return err
			}
		}
	}
	return r.table.RemoveMemberships(ctx, orphans)
}

// refresh replaces changes that later ones may have overtaken: an event with an
// older state must not follow one with a newer state.
//
// A directory without a log was erased: what is left of it is no event.
func (r *Relay) refresh(ctx context.Context, w *work, head table.LogHead) error {
	if head.Version == 0 {
		_, err := r.table.Directory(ctx, w.directoryID)
		if errors.Is(err, table.ErrNotFound) {
			w.changes = nil
			return nil
		} else if err != nil {
			return err
		}
	}
	if err := r.recount(ctx, w); err != nil {
		return err
	}
	for i := range w.changes {
		c := &w.changes[i]
		switch {
		case c.NewResource != nil && !c.NewResource.Deleted:
			current, err := r.table.Resource(ctx, c.NewResource.Kind, w.directoryID, c.NewResource.ID)
			switch {
			case errors.Is(err, table.ErrNotFound):
				c.NewResource = nil // deleted since
			case err != nil:
				return err
			case current.Version > c.NewResource.Version:
				current.Version, current.Generation = c.NewResource.Version, c.NewResource.Generation // the identity of the change
				c.NewResource = &current
			}
		case c.NewMembership != nil:
			current, err := r.table.Membership(ctx, *c.NewMembership)
			if err != nil && !errors.Is(err, table.ErrNotFound) {
				return err
			}
			if exists := err == nil && !current.Deleted; exists == c.NewMembership.Deleted {
				c.NewMembership = nil // undone since
			}
		}
	}
	return nil
}

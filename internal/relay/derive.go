package relay

import (
	"context"
	"errors"
	"fmt"
	"time"

	"dsync/internal/dsync"
	"dsync/internal/eventlog"
	"dsync/internal/scim"
	"dsync/internal/table"
	"dsync/internal/table/count"
)

// entry is an event to append and to publish.
type entry struct {
	eventlog.Entry
	event   dsync.Event
	at      time.Time // of the change, by the clock of the function that made it
	about   subjects  // the resources of the event
	creates string    // key of the event, if it creates a user or group
	deletes string    // key of the event, if it deletes a user or group
	life    life      // of a membership

	truncated bool // the event was too large
	bytes     int  // size
}

// temporaryError is an error that a retry of the record may fix.
type temporaryError struct{ error }

// operation is an operation of an append, and the change that it comes from.
type operation struct {
	op     eventlog.Op
	entry  *entry // of an event
	change change
	part   bool // the change has another operation, after this one
}

// waiting is a change whose event has to wait for another event.
type waiting struct {
	change change
	entry  *entry
}

// derivation derives the events of a work from what was read after the head of
// its log.
type derivation struct {
	relay *Relay
	work  *work
	facts *facts

	operations []operation
	eventless  []int             // indices of records that have no event
	known      map[string]bool   // ids of the events of the operations and of those that wait
	waiting    []waiting         // in their order
	waits      map[subjects]bool // memberships of what waits
	created    map[string]bool   // keys of creations among the operations
	deleted    map[string]bool   // keys of deletions among the operations
	progress   bool              // a deferred change has an event now
	bytes      int               // size of the events of the operations
	full       bool              // they are the share of the directory: other changes are left
}

// run derives events until it has considered all changes, or until one fails
// temporarily. Then the operations before it are valid.
func (d *derivation) run(ctx context.Context) error {
	for _, c := range d.facts.deferred {
		if err := d.consider(ctx, c); err != nil {
			return err
		}
	}
	for _, c := range d.work.changes {
		if d.bytes > maxWorkBytes {
			d.full = true
			break
		}
		if err := d.consider(ctx, c); err != nil {
			return err
		}
	}
	for _, w := range d.waiting {
		if w.change.deferral != nil {
			continue
		}
		if d.ended(w.entry) {
			d.drop(w.change, w.entry)
			continue
		}
		deferral, err := deferralOf(w.change, d.relay.now().Add(eventlog.Retention).Unix())
		if err != nil {
			return err
		}
		d.operations = append(d.operations, operation{op: eventlog.Op{Deferral: deferral}, change: w.change})
	}
	return nil
}

// consider derives the event of a change. It parks a change that fails
// permanently.
func (d *derivation) consider(ctx context.Context, c change) error {
	e, err := d.eventOf(ctx, c)
	var temporary temporaryError
	if errors.As(err, &temporary) {
		return err
	}
	if err != nil {
		if err := d.work.park(ctx, c.record, err); err != nil {
			return fmt.Errorf("relay: parking failed: %w", err)
		}
	}
	if e != nil && e.Name == "" {
		c.count, e = &eventlog.Count{ID: e.ID, Tally: e.Tally}, nil
	}
	// A change can be delivered twice in a batch.
	if e == nil || d.work.seen[e.ID] || d.known[e.ID] {
		d.omit(c)
		return nil
	}
	if c.count != nil {
		e.Tally = count.Tally{}
		d.count(c, true)
	}
	d.place(c, e)
	d.known[e.ID] = true
	return nil
}

// place emits an event, lets it wait, or drops it.
func (d *derivation) place(c change, e *entry) {
	switch {
	case c.NewMembership == nil:
		d.emit(c, e)
	case d.ended(e):
		d.drop(c, e)
	case d.blocked(c, e) || !d.exists(e):
		d.waiting = append(d.waiting, waiting{c, e})
		d.waits[e.about] = true
	default:
		d.emit(c, e)
	}
}

// count counts a change apart from its event, if it has one. It reports whether
// there was anything to count.
func (d *derivation) count(c change, part bool) bool {
	if c.count == nil || c.count.Tally.Zero() || d.known[c.count.ID] {
		return false
	}
	d.known[c.count.ID] = true
	d.operations = append(d.operations, operation{op: eventlog.Op{Count: c.count}, change: c, part: part})
	return true
}

// omit finishes a change without an event.
func (d *derivation) omit(c change) {
	if d.count(c, false) {
		return
	}
	if c.deferral != nil {
		d.operations = append(d.operations, operation{change: c})
	} else {
		d.eventless = append(d.eventless, c.index)
	}
}

// emit adds an event to the operations, and after a creation the events that
// waited for it.
func (d *derivation) emit(c change, e *entry) {
	d.operations = append(d.operations, operation{op: eventlog.Op{Event: &e.Entry}, entry: e, change: c})
	d.progress = d.progress || c.deferral != nil
	d.bytes += e.bytes
	if e.deletes != "" {
		d.deleted[e.deletes] = true
	}
	if e.creates == "" {
		return
	}
	d.created[e.creates] = true
	before := d.waiting
	d.waiting, d.waits = nil, map[subjects]bool{}
	for _, w := range before {
		d.place(w.change, w.entry)
	}
}

// drop finishes a membership whose user or group is deleted for consumers. It may
// have been logged before that.
func (d *derivation) drop(c change, e *entry) {
	d.work.dropped = append(d.work.dropped, e.ID)
	d.omit(c)
}

// blocked reports whether an earlier change of the same membership waits.
func (d *derivation) blocked(c change, e *entry) bool {
	// An earlier change may be among those that were not read.
	return d.waits[e.about] || d.facts.more && c.deferral == nil
}

// exists reports whether the creations of the user and the group of a membership,
// in the generation of the event, are logged or among the operations.
func (d *derivation) exists(e *entry) bool {
	return d.isCreated(e.life.began, e.life.userCreated) && d.isCreated(e.life.groupBegan, e.life.groupCreated)
}

// isCreated reports whether the creation of a resource is logged or among the
// operations. A creation that is older than the stream's retention counts as
// logged: its event may have expired.
func (d *derivation) isCreated(began time.Time, key string) bool {
	head := d.facts.head
	legacy := head.Legacy() || head.LegacyUntil > 0 && began.Before(time.Unix(head.LegacyUntil, 0).Add(-eventlog.StreamRetention))
	if legacy || d.relay.now().Sub(began) > eventlog.StreamRetention || d.created[key] || d.facts.logged[key] {
		return true
	}
	_, known := d.relay.created.Get(key)
	return known
}

// ended reports whether the user or the group of a membership is deleted for
// consumers, in the generation of the event.
func (d *derivation) ended(e *entry) bool {
	for _, key := range []string{e.life.userDeleted, e.life.groupDeleted} {
		if d.deleted[key] || d.facts.logged[key] {
			return true
		}
	}
	return false
}

// life is the time in which consumers can know a membership: from the creation of
// its user and group to the deletion of one of them.
type life struct {
	began, groupBegan         time.Time // of the generations of user and group, or earlier
	userCreated, groupCreated string    // keys of events
	userDeleted, groupDeleted string
}

func lifeOf(user, group table.Resource, generation int64) (life, error) {
	began := user.Created
	if generation > 0 && generation == user.Generation {
		began = user.VisibleSince // zero if an earlier version wrote it
	}
	groupBegan := group.Created
	if group.Generation > 0 { // a restore of the table has brought it back
		groupBegan = group.VisibleSince
	}
	at := user.Created // the key of an event does not depend on the time
	created, err1 := dsync.CreationID(at, user.ID, generation)
	deleted, err2 := dsync.DeletionID(at, user.ID, generation)
	groupCreated, err3 := dsync.CreationID(at, group.ID, group.Generation)
	groupDeleted, err4 := dsync.DeletionID(at, group.ID, group.Generation)
	return life{
		began, groupBegan, table.EventKey(created), table.EventKey(groupCreated), table.EventKey(deleted), table.EventKey(groupDeleted),
	}, errors.Join(err1, err2, err3, err4)
}

// eventOf returns the event of a change, or nil if consumers see no change. If
// that changes the counts of the directory nevertheless, it returns an entry
// without a name. A panic is an error.
func (d *derivation) eventOf(ctx context.Context, c change) (e *entry, err error) {
	defer recovered(&err)
	e = &entry{event: dsync.Event{Object: "event"}}
	at := c.record.Change.ApproximateCreationDateTime.Time
	var change *dsync.Change
	switch {
	case c.NewResource != nil:
		change, err = e.resourceChange(at, c.OldResource, c.NewResource)
		if change == nil && err == nil && !e.Tally.Zero() && c.count == nil {
			e.ID, err = countID(at, c.NewResource)
			return e, err
		}
	case c.NewMembership != nil:
		change, err = d.membershipChange(e, at, c)
	case c.NewDirectory != nil:
		change, err = d.directoryChange(ctx, e, at, c.OldDirectory, c.NewDirectory)
	}
	if change == nil || err != nil {
		return nil, err
	}
	e.Name, e.event.ID, e.event.Name, e.event.Data = change.Name, e.ID, change.Name, change.Data
	encoded, err := e.event.Encode()
	e.JSON, e.bytes, e.truncated = encoded.JSON, encoded.Size(), encoded.Truncated()
	return e, err
}

// setContext sets the directory, the time and the actor of the change.
func (e *entry) setContext(dir, org string, at time.Time, actor table.Actor) {
	e.DirectoryID, e.OrganizationID, e.at = dir, org, at
	e.event.CreatedAt, e.event.Context = scim.Timestamp(at), dsync.Context{RequestID: actor.RequestID, TokenID: actor.TokenID}
}

// resourceChange derives the event of a user or group. The identity of a
// creation and of a deletion is the generation, that of an update the version:
// both are unique, because every write of the record is conditional.
func (e *entry) resourceChange(at time.Time, old, updated *table.Resource) (*dsync.Change, error) {
	e.setContext(updated.DirectoryID, updated.OrganizationID, updated.Modified, updated.Actor)
	oldView, err := dsyncResource(old)
	if err != nil {
		return nil, err
	}
	newView, err := dsyncResource(updated)
	if err != nil {
		return nil, err
	}
	change := dsync.UserChange
	e.about = subjects{user: updated.ID}
	if updated.Kind == table.Group {
		change, e.about = dsync.GroupChange, subjects{group: updated.ID}
	}
	e.Tally = tallyOf(oldView, newView, updated.Kind)
	c := change(oldView, newView)
	if c == nil {
		return nil, nil
	}
	switch c.Name {
	case dsync.UserCreated, dsync.GroupCreated:
		e.ID, err = dsync.CreationID(at, updated.ID, updated.Generation)
		e.creates = table.EventKey(e.ID)
	case dsync.UserDeleted, dsync.GroupDeleted:
		e.ID, err = dsync.DeletionID(at, updated.ID, updated.Generation)
		e.deletes = table.EventKey(e.ID)
	default:
		e.ID, err = dsync.EventID(at, "updated", updated.ID, fmt.Sprint(updated.Version))
	}
	return c, err
}

// membershipChange derives the event of a membership. Memberships are written
// without a condition, so their records have no unique version: the identity of
// their changes is the eventID of the stream record.
func (d *derivation) membershipChange(e *entry, at time.Time, c change) (*dsync.Change, error) {
	m := c.NewMembership
	e.setContext(m.DirectoryID, m.OrganizationID, m.At, m.Actor)
	e.about = subjects{user: m.UserID, group: m.GroupID}
	if c.record.EventID == "" {
		return nil, errors.New("relay: the stream record has no eventID")
	}
	var err error
	if e.ID, err = dsync.EventID(at, "record", c.record.EventID); err != nil {
		return nil, err
	}
	user, group := d.facts.subject(m.UserID), d.facts.subject(m.GroupID)
	if user == nil || group == nil { // deleted more than a week ago, or purged
		d.work.dropped = append(d.work.dropped, e.ID)
		return nil, nil
	}
	userView, userErr := dsyncResource(user)
	groupView, groupErr := dsyncResource(group)
	if err := errors.Join(userErr, groupErr); err != nil {
		return nil, err
	}
	old, updated := membership(c.OldMembership), *membership(m)
	e.life, err = lifeOf(*user, *group, dsync.MembershipGeneration(old, updated))
	return dsync.MembershipChange(old, updated, *userView, *groupView), err
}

func (d *derivation) directoryChange(ctx context.Context, e *entry, at time.Time, old, updated *table.Directory) (*dsync.Change, error) {
	e.setContext(updated.ID, updated.OrganizationID, updated.Modified, updated.Actor)
	e.about = subjects{directory: true}
	var err error
	if e.ID, err = dsync.EventID(at, "directory", updated.ID, fmt.Sprint(updated.Version)); err != nil {
		return nil, err
	}
	view := directory(updated)
	if old != nil && old.Pending && !updated.Pending {
		o, err := d.relay.table.Organization(ctx, updated.OrganizationID)
		if err != nil && !errors.Is(err, table.ErrNotFound) {
			return nil, temporaryError{err}
		}
		for _, domain := range o.Domains {
			view.Domains = append(view.Domains, dsync.Domain{ID: domain.ID, Domain: domain.Domain})
		}
	}
	change := dsync.DirectoryChange(directory(old), view)
	e.End = change != nil && change.Name == dsync.DirectoryDeleted
	return change, nil
}

// Package consumer applies dsync events to an application.
//
// EventBridge delivers events at least once and in any order. A Consumer calls
// the application's handler with these guarantees, for each resource (a
// directory, a token, a user, a group, or one membership):
//
//   - The handler is not called again for an event that was applied. It is not
//     called for an event that is older than one that was started. Consume
//     drops such an event and returns nil.
//   - The handler runs for one event of a resource at a time, in any number of
//     processes. So an older event is never applied after a newer one.
//   - A deletion removes what belongs to the resource, including what arrives
//     later: the memberships of a user or a group, and everything in a
//     directory.
//   - After all events have been consumed, in any order, the application's
//     state is the same as if each event had been applied once, in order.
//
// The order of events is that of their sequences. The id only identifies an
// event. Every event contains the whole resource, so a dropped event loses
// nothing. But an event that the handler keeps rejecting stays in front of the
// older ones: do not discard it.
//
// The sequences of a directory have no gap, so a missing one is an event that
// did not arrive. Options.Gap is called for it after a while, because it may
// arrive late. See Options.
//
// Requirements on the handler:
//
//   - It is idempotent. If a process or the store fails after the handler has
//     succeeded and before that is stored, the handler is called again with
//     the same event. This is at-least-once delivery with de-duplication, not
//     a transaction.
//   - It stops when its context ends. The context ends before the resource's
//     lease does; the consumer cannot undo writes that are sent later. The
//     clocks of the processes may differ by at most 5 seconds.
//   - It writes only the resource of the event, and does not require other
//     resources to exist. A membership may arrive before its user, and
//     dsync.user.updated before dsync.user.created.
//   - For dsync.deleted it removes the directory and everything in it. For
//     dsync.group.deleted it removes the group and its memberships. For
//     dsync.user.deleted it removes only the user, because the user may
//     return: the handler receives dsync.group.user_removed for each older
//     membership, with the id of the deletion.
//   - It accepts the removal of a resource that it has never seen. An event
//     that is older than a deletion that covers it arrives as the removal of
//     its resource: dsync.group.user_added as dsync.group.user_removed, for
//     example.
//
// The store deletes its record of a removed resource after Options.Retention.
// An event from before the removal that arrives later than that is applied.
//
// A store that a version without sequences has written remains valid: what it
// has applied is older than every event with a sequence.
package consumer

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"
)

// Handler applies one event to the application. See the package comment for
// its requirements.
type Handler func(ctx context.Context, e Event) error

// Options of a Consumer. The zero value selects the defaults.
type Options struct {
	// Timeout is the longest time that the handler may take for one event. The
	// default is 30 seconds. If a process dies, its resource is free again 5
	// seconds after the timeout.
	Timeout time.Duration
	// Retention is how long the store keeps its record of a removed resource.
	// The default is 90 days, the retention of the event log.
	Retention time.Duration
	// Gap is called when events of a directory were not consumed Grace after a
	// later one was: they did not arrive, or the handler rejects them. It should
	// only report the gap. To fill it, read the log of the directory backwards
	// with GET /events?directory=…&order=desc, until the sequence is smaller than
	// From, and pass the events of the gap to Consume. If the log no longer has
	// them, do a reconciliation and call Reconciled.
	//
	// A gap is reported once, by one process, between one and two times Grace
	// after the later event, if events of the directory keep arriving; see
	// FindGaps. If Gap fails, or its process, it is called again.
	// The first gap of a directory begins at 1 if the consumer has not received
	// its first events.
	//
	// nil turns the tracking off, which saves a write per event. Leave it nil if
	// the consumer's rules do not select every event of a directory.
	Gap func(ctx context.Context, g Gap) error
	// Grace is how long a missing event may be late. The default is 15 minutes.
	Grace time.Duration
	Now   func() time.Time // default: time.Now
}

const (
	// leaseMargin is how much longer a lease is than the handler's timeout. It
	// allows for different clocks.
	leaseMargin = 5 * time.Second
	// maxWait is how long Consume waits for a lease of another process before
	// it returns ErrHeld.
	maxWait   = 5 * time.Second
	firstWait = 10 * time.Millisecond
)

// Consumer is safe for concurrent use.
type Consumer struct {
	store  Store
	handle Handler
	o      Options
	checks checks
}

// New returns a consumer that calls handle for each event.
func New(store Store, handle Handler, o Options) *Consumer {
	if o.Timeout == 0 {
		o.Timeout = 30 * time.Second
	}
	if o.Retention == 0 {
		o.Retention = 90 * 24 * time.Hour
	}
	if o.Grace == 0 {
		o.Grace = defaultGrace
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Consumer{store, handle, o, checks{next: map[string]time.Time{}}}
}

// Consume applies an event or drops it. After an error, call it again with the
// same event. The time of the retry and its order with other events do not
// matter.
func (c *Consumer) Consume(ctx context.Context, e Event) error {
	if err := c.recordDeletion(ctx, e); err != nil {
		return fmt.Errorf("consumer: %s %s: %w", e.Name, e.ID, err)
	}
	if err := c.apply(ctx, e); err != nil {
		return err
	}
	return c.track(ctx, e)
}

// recordDeletion stores a deletion before anything else is done for it. From
// then on, older events of what belongs to the resource are applied as
// removals. Then it removes the memberships of a deleted user. It also finds
// those whose handler is running, because a resource is in the store before
// its handler is called.
func (c *Consumer) recordDeletion(ctx context.Context, e Event) error {
	switch e.Name {
	case UserDeleted, GroupDeleted, DirectoryDeleted:
		if err := c.store.Raise(ctx, e.Key().deletion(), e.position(), c.expiry()); err != nil {
			return err
		}
	}
	u, ok := e.Data.(User)
	if !ok || e.Name != UserDeleted {
		return nil
	}
	prefix := u.memberships()
	keys, err := c.store.List(ctx, prefix)
	if err != nil {
		return err
	}
	for _, k := range keys {
		removal := e
		removal.Name = GroupUserRemoved
		removal.Data = Membership{
			DirectoryID: u.DirectoryID,
			User:        u,
			Group:       Group{ID: k.Resource[len(prefix.Resource):], DirectoryID: u.DirectoryID, OrganizationID: u.OrganizationID},
		}
		if err := c.apply(ctx, removal); err != nil {
			return err
		}
	}
	return nil
}

// apply applies an event to its own resource. It waits for the lease of
// another process, with growing pauses.
func (c *Consumer) apply(ctx context.Context, e Event) error {
	var waited time.Duration
	for wait := firstWait; ; wait *= 2 {
		taken, err := c.attempt(ctx, e)
		switch {
		case !taken && errors.Is(err, ErrStale):
			return nil
		case !taken && errors.Is(err, ErrHeld) && waited < maxWait:
		case err != nil:
			return fmt.Errorf("consumer: %s %s: %w", e.Name, e.ID, err)
		default:
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
			waited += wait
		}
	}
}

// attempt takes the lease of the event's resource and runs the handler. taken
// reports whether it got the lease.
func (c *Consumer) attempt(ctx context.Context, e Event) (taken bool, err error) {
	limited, cancel := context.WithTimeout(ctx, c.o.Timeout)
	defer cancel()
	k, holder, now := e.Key(), rand.Text(), c.o.Now()
	if err := c.store.Take(limited, k, Lease{Position: e.position(), Holder: holder, Now: now, Until: now.Add(c.o.Timeout + leaseMargin)}); err != nil {
		return false, err
	}
	removed, err := c.runHandler(limited, e)
	if err != nil {
		return true, errors.Join(err, c.release(ctx, k, holder))
	}
	var expiry time.Time
	if removed {
		expiry = c.expiry()
	}
	return true, c.store.Finish(ctx, k, holder, expiry)
}

// release releases a lease, even if ctx has ended.
func (c *Consumer) release(ctx context.Context, k Key, holder string) error {
	after, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaseMargin)
	defer cancel()
	return c.store.Release(after, k, holder)
}

// runHandler calls the handler, with the removal of the resource instead of
// the event if the resource was deleted with its parent. A parent may be
// deleted while the handler runs: then the handler is called once more, with
// the removal. A deletion that is stored after the second check finds and
// removes what the handler has written. removed reports that the store may
// delete its record of the resource.
func (c *Consumer) runHandler(ctx context.Context, e Event) (removed bool, err error) {
	deleted, err := c.deletedWithParent(ctx, e)
	if err != nil {
		return false, err
	}
	t, known := eventTypes[e.Name]
	switch {
	case !deleted:
		if err := c.handle(ctx, e); err != nil || !known || e.Removes() {
			return true, err
		}
		if deleted, err = c.deletedWithParent(ctx, e); err != nil || !deleted {
			return false, err
		}
	case !known:
		return true, nil
	}
	e.Name = t.removal
	return true, c.handle(ctx, e)
}

// deletedWithParent reports whether a parent of the event's resource was
// deleted after the event.
func (c *Consumer) deletedWithParent(ctx context.Context, e Event) (bool, error) {
	parents := e.parents()
	if len(parents) == 0 {
		return false, nil
	}
	keys := make([]Key, len(parents))
	for i, p := range parents {
		keys[i] = p.deletion()
	}
	deletions, err := c.store.Read(ctx, keys...)
	if err != nil {
		return false, err
	}
	for i, deletion := range deletions {
		if deletion > e.position() || deletion != "" && !parents[i].returns {
			return true, nil
		}
	}
	return false, nil
}

// expiry is when the store may delete its record of what is removed now.
func (c *Consumer) expiry() time.Time { return c.o.Now().Add(c.o.Retention) }

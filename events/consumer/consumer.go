// Package consumer applies dsync events to an application.
//
// EventBridge delivers at least once and in no order. A Consumer stands before
// the application's handler and makes of that, for each resource, what the
// application needs:
//
//   - An event that was applied is not handed over again, and none that is
//     older than one that was begun: a late or repeated event is dropped,
//     successfully.
//   - The handler runs for one event of a resource at a time, in any number of
//     processes. So an older event is never applied over a newer one.
//   - A deletion takes along what hangs on it, also what arrives later: a
//     user's and a group's memberships, and everything in a directory.
//   - Whatever the order of delivery, when all events have been consumed the
//     application is as if they had been applied once each, in their order.
//
// A resource is a directory, a token, a user, a group, or one membership; its
// order is that of event ids, which is the order of changes in a directory.
// Each event carries its resource whole, so that a dropped one is not missed;
// but one that the handler refuses for good has taken the place of those that
// are older, so it must not be thrown away.
//
// What is asked of the handler:
//
//   - It is idempotent. When a process dies, or the store fails, between the
//     handler and the note that it succeeded, the same event comes again. This
//     is delivery at least once with de-duplication, not a transaction.
//   - It obeys its context, which ends before the lease of the resource does.
//     What it still sends afterwards is beyond the consumer's reach. (Clocks of
//     the processes may differ by 5 seconds.)
//   - It writes what the event is about and nothing else, and does not expect
//     other resources to be there: a membership may come before its user, and
//     dsync.user.updated instead of dsync.user.created.
//   - dsync.deleted removes the directory with everything in it, and
//     dsync.group.deleted the group with its memberships. dsync.user.deleted
//     leaves memberships alone, because the user can come back: each one that
//     is older arrives as dsync.group.user_removed, under the deletion's id.
//   - What a deletion has overtaken arrives as the removal of its resource
//     (dsync.group.user_removed for dsync.group.user_added, and so on), and
//     may never have been there.
//
// The store forgets removed resources after a time. Until then, but no longer,
// an event from before the removal is known for what it is.
package consumer

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"
)

// Handler applies one event to the application. The package comment says what
// is asked of it.
type Handler func(ctx context.Context, e Event) error

// Options of a Consumer. The zero value has the defaults.
type Options struct {
	// Time is how long the handler may take for one event: 30 seconds. A
	// resource whose process died can be taken after that, and a little more.
	Time time.Duration
	// Memory is how long removed resources are remembered: 90 days, as long as
	// the log of events goes back.
	Memory time.Duration
	Now    func() time.Time // time.Now
}

// Limits of waiting.
const (
	// margin is how much longer a lease is than the handler's time: for the
	// difference of clocks.
	margin = 5 * time.Second
	// patience is how long to wait for a resource that somebody else works
	// on, before the event is given back.
	patience  = 5 * time.Second
	firstWait = 10 * time.Millisecond
)

// Consumer is safe for concurrent use.
type Consumer struct {
	store  Store
	handle Handler
	o      Options
}

// New returns a consumer that hands events to handle.
func New(store Store, handle Handler, o Options) *Consumer {
	if o.Time == 0 {
		o.Time = 30 * time.Second
	}
	if o.Memory == 0 {
		o.Memory = 90 * 24 * time.Hour
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Consumer{store, handle, o}
}

// Consume applies an event, or drops it. After an error it must be called
// again with the same event, at any time and in any order with others.
func (c *Consumer) Consume(ctx context.Context, e Event) error {
	if err := c.bury(ctx, e); err != nil {
		return fmt.Errorf("consumer: %s %s: %w", e.Name, e.ID, err)
	}
	return c.apply(ctx, e)
}

// bury notes a deletion, before anything else is done for it: from now on
// what it takes along is not applied any more. Then it removes a user's
// memberships; those that are being applied right now are found, too, because
// a resource is in the store before its handler runs.
func (c *Consumer) bury(ctx context.Context, e Event) error {
	switch e.Name {
	case UserDeleted, GroupDeleted, DirectoryDeleted:
		if err := c.store.Raise(ctx, e.Key().deletion(), e.ID, c.forget()); err != nil {
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
		removed := e
		removed.Name = GroupUserRemoved
		removed.Data = Membership{
			DirectoryID: u.DirectoryID,
			User:        u,
			Group:       Group{ID: k.Resource[len(prefix.Resource):], DirectoryID: u.DirectoryID, OrganizationID: u.OrganizationID},
		}
		if err := c.apply(ctx, removed); err != nil {
			return err
		}
	}
	return nil
}

// apply applies an event to its own resource.
func (c *Consumer) apply(ctx context.Context, e Event) error {
	var waited time.Duration
	for wait := firstWait; ; wait *= 2 {
		taken, err := c.attempt(ctx, e)
		switch {
		case !taken && errors.Is(err, ErrStale):
			return nil
		case !taken && errors.Is(err, ErrHeld) && waited < patience:
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

// attempt takes the event's resource, which may fail, and applies the event.
func (c *Consumer) attempt(ctx context.Context, e Event) (taken bool, err error) {
	limited, cancel := context.WithTimeout(ctx, c.o.Time)
	defer cancel()
	k, holder, now := e.Key(), rand.Text(), c.o.Now()
	if err := c.store.Take(limited, k, Lease{ID: e.ID, Holder: holder, Now: now, Until: now.Add(c.o.Time + margin)}); err != nil {
		return false, err
	}
	gone, err := c.settle(limited, e)
	if err != nil {
		// Not with ctx: it may be what ended.
		after, cancel := context.WithTimeout(context.WithoutCancel(ctx), margin)
		defer cancel()
		return true, errors.Join(err, c.store.Release(after, k, holder))
	}
	var forget time.Time
	if gone {
		forget = c.forget()
	}
	return true, c.store.Finish(ctx, k, holder, forget)
}

// settle runs the handler. An ancestor may be deleted before, or while the
// handler runs; then the resource is removed, again if need be. A deletion
// that is noted only after the second look removes it by itself: it finds what
// the handler wrote. gone says that the resource need not be remembered.
func (c *Consumer) settle(ctx context.Context, e Event) (gone bool, err error) {
	overtaken, err := c.overtaken(ctx, e)
	if err != nil {
		return false, err
	}
	_, known := removals[e.Name]
	known = known || e.Removes()
	switch {
	case !overtaken:
		if err := c.handle(ctx, e); err != nil || !known || e.Removes() {
			return true, err
		}
		if overtaken, err = c.overtaken(ctx, e); err != nil || !overtaken {
			return false, err
		}
	case !known:
		return true, nil
	}
	if !e.Removes() {
		e.Name = removals[e.Name]
	}
	return true, c.handle(ctx, e)
}

// overtaken reports whether something that the event's resource ends with was
// deleted after the event.
func (c *Consumer) overtaken(ctx context.Context, e Event) (bool, error) {
	ancestors := e.ancestors()
	if len(ancestors) == 0 {
		return false, nil
	}
	keys := make([]Key, len(ancestors))
	for i, a := range ancestors {
		keys[i] = a.deletion()
	}
	deletions, err := c.store.Read(ctx, keys...)
	if err != nil {
		return false, err
	}
	for i, id := range deletions {
		if id > e.ID || id != "" && !ancestors[i].returns {
			return true, nil
		}
	}
	return false, nil
}

func (c *Consumer) forget() time.Time { return c.o.Now().Add(c.o.Memory) }

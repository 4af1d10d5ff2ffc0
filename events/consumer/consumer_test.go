package consumer_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"dsync/events/consumer"

	"github.com/google/go-cmp/cmp"
)

// recorder is a handler that records its events.
type recorder struct {
	mu   sync.Mutex
	seen []string // the name and the sequence
	err  error
}

func (r *recorder) handle(_ context.Context, e consumer.Event) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen = append(r.seen, fmt.Sprint(e.Name, " ", e.Sequence))
	return r.err
}

func deliver(t *testing.T, events ...consumer.Event) []string {
	t.Helper()
	r := &recorder{}
	c := consumer.New(consumer.NewMemory(), r.handle, consumer.Options{})
	for _, e := range events {
		if err := c.Consume(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	return r.seen
}

// The calls of the handler for deliveries out of order.
func TestHandedOver(t *testing.T) {
	const d = "directory_1"
	user, group, member := userOf(d, "1"), groupOf(d, "1"), membershipOf(d, "1", "1")
	token, directory := consumer.Token{ID: "directory_token_1", DirectoryID: d}, consumer.Directory{ID: d}
	unknown := func(n int, data string) consumer.Event {
		return event(n, "dsync.group.merged", json.RawMessage(data))
	}
	for name, c := range map[string]struct {
		delivered []consumer.Event
		want      []string
	}{
		"numbers, not text": {
			[]consumer.Event{event(10, consumer.UserUpdated, user), event(9, consumer.UserUpdated, user), event(11, consumer.UserDeleted, user)},
			[]string{"dsync.user.updated 10", "dsync.user.deleted 11"},
		},
		"a legacy event is older": {
			[]consumer.Event{event(1, consumer.UserUpdated, user), legacyEvent(900, consumer.UserDeleted, user)},
			[]string{"dsync.user.updated 1"},
		},
		"legacy events in the order of their ids": {
			[]consumer.Event{legacyEvent(2, consumer.UserUpdated, user), legacyEvent(1, consumer.UserCreated, user), legacyEvent(3, consumer.UserDeleted, user), event(1, consumer.UserCreated, user)},
			[]string{"dsync.user.updated 0", "dsync.user.deleted 0", "dsync.user.created 1"},
		},
		"a legacy membership of a deleted user": {
			[]consumer.Event{event(1, consumer.UserDeleted, user), legacyEvent(900, consumer.GroupUserAdded, member)},
			[]string{"dsync.user.deleted 1", "dsync.group.user_removed 0"},
		},
		"twice":                   {[]consumer.Event{event(1, consumer.UserCreated, user), event(1, consumer.UserCreated, user)}, []string{"dsync.user.created 1"}},
		"late":                    {[]consumer.Event{event(2, consumer.UserUpdated, user), event(1, consumer.UserCreated, user)}, []string{"dsync.user.updated 2"}},
		"late, after the removal": {[]consumer.Event{event(2, consumer.GroupUserRemoved, member), event(1, consumer.GroupUserAdded, member)}, []string{"dsync.group.user_removed 2"}},
		"a membership event is not an event of its user": {
			[]consumer.Event{event(3, consumer.GroupUserAdded, member), event(1, consumer.UserCreated, user), event(2, consumer.GroupCreated, group)},
			[]string{"dsync.group.user_added 3", "dsync.user.created 1", "dsync.group.created 2"},
		},
		"a user's deletion removes the memberships": {
			[]consumer.Event{event(1, consumer.GroupUserAdded, member), event(2, consumer.UserDeleted, user)},
			[]string{"dsync.group.user_added 1", "dsync.group.user_removed 2", "dsync.user.deleted 2"},
		},
		"but not newer ones": {
			[]consumer.Event{event(3, consumer.GroupUserAdded, member), event(2, consumer.UserDeleted, user)},
			[]string{"dsync.group.user_added 3", "dsync.user.deleted 2"},
		},
		"older memberships of a user who has returned": {
			[]consumer.Event{event(1, consumer.GroupUserAdded, member), event(3, consumer.UserCreated, user), event(2, consumer.UserDeleted, user)},
			[]string{"dsync.group.user_added 1", "dsync.user.created 3", "dsync.group.user_removed 2"},
		},
		"but not removed ones": {
			[]consumer.Event{event(1, consumer.GroupUserAdded, member), event(2, consumer.GroupUserRemoved, member), event(3, consumer.UserDeleted, user)},
			[]string{"dsync.group.user_added 1", "dsync.group.user_removed 2", "dsync.user.deleted 3"},
		},
		"after the user's deletion": {
			[]consumer.Event{event(2, consumer.UserDeleted, user), event(1, consumer.GroupUserAdded, member)},
			[]string{"dsync.user.deleted 2", "dsync.group.user_removed 1"},
		},
		"after the user's return": {
			[]consumer.Event{event(2, consumer.UserDeleted, user), event(4, consumer.GroupUserAdded, member)},
			[]string{"dsync.user.deleted 2", "dsync.group.user_added 4"},
		},
		"after the group's deletion": {
			[]consumer.Event{event(2, consumer.GroupDeleted, group), event(1, consumer.GroupUserAdded, member)},
			[]string{"dsync.group.deleted 2", "dsync.group.user_removed 1"},
		},
		"a group does not return": {
			[]consumer.Event{event(2, consumer.GroupDeleted, group), event(3, consumer.GroupUserAdded, member)},
			[]string{"dsync.group.deleted 2", "dsync.group.user_removed 3"},
		},
		"after the directory's deletion": {
			[]consumer.Event{
				event(9, consumer.DirectoryDeleted, directory), event(1, consumer.DirectoryActivated, directory), event(2, consumer.TokenCreated, token),
				event(3, consumer.UserCreated, user), event(4, consumer.UserUpdated, userOf(d, "2")), event(5, consumer.GroupCreated, group),
				event(6, consumer.GroupUpdated, groupOf(d, "2")), event(7, consumer.GroupUserAdded, member), event(8, consumer.TokenRevoked, consumer.Token{ID: "t", DirectoryID: d}),
				unknown(1, `{"directory_id":"directory_1"}`),
			},
			[]string{
				"dsync.deleted 9", "dsync.token.revoked 2", "dsync.user.deleted 3", "dsync.user.deleted 4", "dsync.group.deleted 5",
				"dsync.group.deleted 6", "dsync.group.user_removed 7", "dsync.token.revoked 8",
			},
		},
		"another directory's deletion": {
			[]consumer.Event{event(9, consumer.DirectoryDeleted, directory), event(1, consumer.UserCreated, userOf("directory_2", "1"))},
			[]string{"dsync.deleted 9", "dsync.user.created 1"},
		},
		"unknown names": {
			[]consumer.Event{unknown(2, `{"directory_id":"directory_1"}`), unknown(1, `{"directory_id":"directory_1"}`), unknown(2, `{"directory_id":"directory_1"}`), unknown(3, `[]`), unknown(3, `[]`)},
			[]string{"dsync.group.merged 2", "dsync.group.merged 1", "dsync.group.merged 3"},
		},
	} {
		if diff := cmp.Diff(c.want, deliver(t, c.delivered...)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// An event whose handler fails is applied by a later call.
func TestHandlerFails(t *testing.T) {
	r := &recorder{err: errors.New("no room")}
	store := consumer.NewMemory()
	c := consumer.New(store, r.handle, consumer.Options{})
	e := event(2, consumer.UserUpdated, userOf("directory_1", "1"))
	for range 2 {
		if err := c.Consume(t.Context(), e); !errors.Is(err, r.err) {
			t.Fatal(err)
		}
	}
	// The older event is dropped while the newer one still fails.
	if err := c.Consume(t.Context(), event(1, consumer.UserCreated, userOf("directory_1", "1"))); err != nil {
		t.Error(err)
	}
	r.err = nil
	for range 2 {
		if err := c.Consume(t.Context(), e); err != nil {
			t.Error(err)
		}
	}
	if want := []string{"dsync.user.updated 2", "dsync.user.updated 2", "dsync.user.updated 2"}; !slices.Equal(r.seen, want) {
		t.Errorf("%v, want %v", r.seen, want)
	}
}

// The handler's context ends before its lease. The lease is released at once,
// even if the caller's context has ended.
func TestHandlersTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := consumer.NewMemory()
		e := event(1, consumer.UserCreated, userOf("directory_1", "1"))
		slow := consumer.New(store, func(ctx context.Context, _ consumer.Event) error {
			<-ctx.Done()
			return ctx.Err()
		}, consumer.Options{Timeout: time.Second})
		began := time.Now()
		if err := slow.Consume(t.Context(), e); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Millisecond, cancel)
		if err := slow.Consume(ctx, e); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		r := &recorder{}
		began = time.Now()
		if err := consumer.New(store, r.handle, consumer.Options{}).Consume(t.Context(), e); err != nil || len(r.seen) != 1 || time.Since(began) != 0 {
			t.Errorf("%v, %v after %v", r.seen, err, time.Since(began))
		}
	})
}

// Consume waits a limited time for a lease. The lease of a process that died
// expires.
func TestLeases(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := consumer.NewMemory()
		e := legacyEvent(1, consumer.UserCreated, userOf("directory_1", "1")) // its position is its id
		take := func(d time.Duration) {
			t.Helper()
			now := time.Now()
			if err := store.Take(t.Context(), e.Key(), consumer.Lease{Position: e.ID, Holder: "dead", Now: now, Until: now.Add(d)}); err != nil {
				t.Fatal(err)
			}
		}
		take(time.Minute)
		r := &recorder{}
		c := consumer.New(store, r.handle, consumer.Options{})
		if err := c.Consume(t.Context(), e); !errors.Is(err, consumer.ErrHeld) || len(r.seen) != 0 {
			t.Errorf("%v, %v", r.seen, err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := c.Consume(ctx, e); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		time.Sleep(time.Minute)
		take(2 * time.Second) // the process retries, and dies again
		if err := c.Consume(t.Context(), e); err != nil || len(r.seen) != 1 {
			t.Errorf("%v, %v", r.seen, err)
		}
	})
}

// A process whose clock is ahead by less than the allowed difference waits for
// the handler of another process.
func TestLeaseWithClocksApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := consumer.NewMemory()
		e := event(1, consumer.UserCreated, userOf("directory_1", "1"))
		var running, most, calls int
		handle := func(ctx context.Context, _ consumer.Event) error {
			running++
			calls++
			most = max(most, running)
			defer func() { running-- }()
			select {
			case <-time.After(900 * time.Millisecond):
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		one := consumer.New(store, handle, consumer.Options{Timeout: time.Second})
		ahead := consumer.New(store, handle, consumer.Options{Timeout: time.Second, Now: func() time.Time { return time.Now().Add(4 * time.Second) }})
		var both sync.WaitGroup
		both.Go(func() {
			if err := one.Consume(t.Context(), e); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		both.Go(func() {
			if err := ahead.Consume(t.Context(), e); err != nil {
				t.Error(err)
			}
		})
		both.Wait()
		if most != 1 || calls != 1 {
			t.Errorf("%d calls, %d at the same time", calls, most)
		}
	})
}

// Real goroutines, for the race detector.
func TestConcurrently(t *testing.T) {
	var history []consumer.Event
	for n := 1; n <= 300; n++ {
		u, g := fmt.Sprint(n%7), fmt.Sprint(n%3)
		switch {
		case n%50 == 0:
			history = append(history, event(n, consumer.UserDeleted, userOf("directory_1", u)))
		case n%3 == 0:
			history = append(history, event(n, consumer.GroupUserAdded, membershipOf("directory_1", u, g)))
		default:
			history = append(history, event(n, consumer.UserUpdated, userOf("directory_1", u)))
		}
	}
	var mu sync.Mutex
	got := state{}
	c := consumer.New(consumer.NewMemory(), func(_ context.Context, e consumer.Event) error {
		mu.Lock()
		defer mu.Unlock()
		apply(got, e)
		return nil
	}, consumer.Options{})
	var running sync.WaitGroup
	for worker := range 8 {
		order := rand.New(rand.NewPCG(1, uint64(worker))).Perm(len(history))
		running.Go(func() {
			for _, i := range order {
				if err := c.Consume(t.Context(), history[i]); err != nil {
					t.Error(err)
				}
			}
		})
	}
	running.Wait()
	if diff := cmp.Diff(inOrder(history), got); diff != "" {
		t.Error(diff)
	}
}

// A group or a directory is deleted while the handler writes a resource that
// belongs to it: the resource is removed.
func TestOvertakenAtWork(t *testing.T) {
	for _, c := range []struct {
		first, deletion consumer.Event
		want            []string
	}{
		{
			event(1, consumer.GroupUserAdded, membershipOf("directory_1", "1", "1")), event(2, consumer.GroupDeleted, groupOf("directory_1", "1")),
			[]string{"dsync.group.deleted 2", "dsync.group.user_added 1", "dsync.group.user_removed 1"},
		},
		{
			event(1, consumer.UserUpdated, userOf("directory_1", "1")), event(2, consumer.DirectoryDeleted, consumer.Directory{ID: "directory_1"}),
			[]string{"dsync.deleted 2", "dsync.user.updated 1", "dsync.user.deleted 1"},
		},
		{
			event(1, consumer.GroupUserRemoved, membershipOf("directory_1", "1", "1")), event(2, consumer.GroupDeleted, groupOf("directory_1", "1")),
			[]string{"dsync.group.deleted 2", "dsync.group.user_removed 1"},
		},
	} {
		r := &recorder{}
		store := consumer.NewMemory()
		other := consumer.New(store, r.handle, consumer.Options{})
		one := consumer.New(store, func(ctx context.Context, e consumer.Event) error {
			if e.Name == c.first.Name {
				if err := other.Consume(ctx, c.deletion); err != nil {
					return err
				}
			}
			return r.handle(ctx, e)
		}, consumer.Options{})
		for range 2 { // the second call is dropped
			if err := one.Consume(t.Context(), c.first); err != nil {
				t.Error(err)
			}
		}
		if !slices.Equal(r.seen, c.want) {
			t.Errorf("%v, want %v", r.seen, c.want)
		}
	}
}

// An event that was logged before there were sequences is in the store under its
// id, as an earlier version of the package has put it there.
func TestPositionWithoutSequence(t *testing.T) {
	store := consumer.NewMemory()
	c := consumer.New(store, func(context.Context, consumer.Event) error { return nil }, consumer.Options{})
	e := legacyEvent(5, consumer.UserUpdated, userOf("directory_1", "1"))
	if err := c.Consume(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	lease := consumer.Lease{Position: e.ID, Holder: "h", Now: time.Now(), Until: time.Now().Add(time.Minute)}
	if err := store.Take(t.Context(), e.Key(), lease); !errors.Is(err, consumer.ErrStale) {
		t.Errorf("the event is taken again: %v", err)
	}
	later := legacyEvent(6, consumer.UserUpdated, userOf("directory_1", "1"))
	lease.Position = later.ID
	if err := store.Take(t.Context(), later.Key(), lease); err != nil {
		t.Errorf("the next event: %v", err)
	}
}

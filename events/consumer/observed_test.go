package consumer_test

import (
	"encoding/binary"
	"testing"
	"time"

	"dsync/events/consumer"

	"github.com/google/go-cmp/cmp"
	"github.com/oklog/ulid/v2"
)

// at returns an event with the id that the stream gives it on a local machine:
// the time in minutes, then a sequence number that grows with the time.
func at(t *testing.T, when time.Time, name string, data any) consumer.Event {
	t.Helper()
	var id ulid.ULID
	if err := id.SetTime(ulid.Timestamp(when.Truncate(time.Minute))); err != nil {
		t.Fatal(err)
	}
	binary.BigEndian.PutUint64(id[8:], uint64(when.UnixNano()))
	return consumer.Event{ID: "event_" + id.String(), Name: name, CreatedAt: when, Data: data}
}

// An observation has the smallest ULID of its time.
func TestObservedID(t *testing.T) {
	for _, started := range []time.Time{
		time.UnixMilli(0).Add(2 * time.Minute), time.Date(2026, 11, 23, 12, 0, 0, 155e6, time.UTC),
		ulid.Time(ulid.MaxTime()).Add(2 * time.Minute),
	} {
		var want ulid.ULID
		if err := want.SetTime(ulid.Timestamp(started.Add(-2 * time.Minute))); err != nil {
			t.Fatal(err)
		}
		if got := consumer.Observed(consumer.UserUpdated, consumer.User{}, started).ID; got != "event_"+want.String() {
			t.Errorf("%s: %s, want event_%s", started, got, want)
		}
	}
}

// An observation wins over older events. Later events win over it.
func TestObserved(t *testing.T) {
	const d = "directory_1"
	started := time.Date(2026, 11, 23, 12, 0, 59, 0, time.UTC)
	before, after := started.Add(-time.Hour), started.Add(time.Nanosecond) // in the same minute
	user, group, member := userOf(d, "1"), groupOf(d, "1"), membershipOf(d, "1", "1")
	for name, c := range map[string]struct {
		delivered []consumer.Event
		want      []string
	}{
		"over an older event": {
			[]consumer.Event{at(t, before, consumer.UserCreated, user), consumer.Observed(consumer.UserUpdated, user, started)},
			[]string{consumer.UserCreated, consumer.UserUpdated},
		},
		"an older event comes late": {
			[]consumer.Event{consumer.Observed(consumer.UserUpdated, user, started), at(t, before, consumer.UserCreated, user)},
			[]string{consumer.UserUpdated},
		},
		"over nothing newer": {
			[]consumer.Event{at(t, after, consumer.UserUpdated, user), consumer.Observed(consumer.UserDeleted, user, started)},
			[]string{consumer.UserUpdated},
		},
		"what is newer comes": {
			[]consumer.Event{consumer.Observed(consumer.GroupUpdated, group, started), at(t, after, consumer.GroupDeleted, group)},
			[]string{consumer.GroupUpdated, consumer.GroupDeleted},
		},
		"a membership that was only observed goes with its user": {
			[]consumer.Event{consumer.Observed(consumer.GroupUserAdded, member, started), at(t, after, consumer.UserDeleted, user)},
			[]string{consumer.GroupUserAdded, consumer.GroupUserRemoved, consumer.UserDeleted},
		},
		"a user that was not found takes memberships along": {
			[]consumer.Event{at(t, before, consumer.GroupUserAdded, member), consumer.Observed(consumer.UserDeleted, user, started)},
			[]string{consumer.GroupUserAdded, consumer.GroupUserRemoved, consumer.UserDeleted},
		},
		"twice": {
			[]consumer.Event{consumer.Observed(consumer.UserUpdated, user, started), consumer.Observed(consumer.UserUpdated, user, started)},
			[]string{consumer.UserUpdated},
		},
		"and the next time": {
			[]consumer.Event{consumer.Observed(consumer.UserUpdated, user, started), consumer.Observed(consumer.UserUpdated, user, started.Add(time.Hour))},
			[]string{consumer.UserUpdated, consumer.UserUpdated},
		},
	} {
		var got []string
		for _, seen := range deliver(t, c.delivered...) {
			got = append(got, seen[:len(seen)-2])
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	for _, started := range []time.Time{{}, time.UnixMilli(0).Add(2*time.Minute - time.Millisecond), ulid.Time(ulid.MaxTime()).Add(2*time.Minute + time.Millisecond)} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("an id holds the time %s", started)
				}
			}()
			consumer.Observed(consumer.UserUpdated, user, started)
		}()
	}
}

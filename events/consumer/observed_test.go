package consumer_test

import (
	"fmt"
	"testing"
	"time"

	"dsync/events/consumer"
	"dsync/internal/dsync"

	"github.com/google/go-cmp/cmp"
)

// at is an event of a time, as the stream numbers it.
func at(t *testing.T, when time.Time, name string, data any) consumer.Event {
	t.Helper()
	id, err := dsync.EventID(when.Truncate(time.Minute), fmt.Sprint(when.UnixNano()))
	if err != nil {
		t.Fatal(err)
	}
	return consumer.Event{ID: id, Name: name, CreatedAt: when, Data: data}
}

// What was read counts against what was before, and gives way to what is later.
func TestObserved(t *testing.T) {
	const d = "directory_1"
	began := time.Date(2026, 11, 23, 12, 0, 59, 0, time.UTC)
	before, after := began.Add(-time.Hour), began.Add(time.Nanosecond) // in the same minute
	user, group, member := userOf(d, "1"), groupOf(d, "1"), membershipOf(d, "1", "1")
	for name, c := range map[string]struct {
		delivered []consumer.Event
		want      []string
	}{
		"over an older event": {
			[]consumer.Event{at(t, before, consumer.UserCreated, user), consumer.Observed(consumer.UserUpdated, user, began)},
			[]string{consumer.UserCreated, consumer.UserUpdated},
		},
		"an older event comes late": {
			[]consumer.Event{consumer.Observed(consumer.UserUpdated, user, began), at(t, before, consumer.UserCreated, user)},
			[]string{consumer.UserUpdated},
		},
		"over nothing newer": {
			[]consumer.Event{at(t, after, consumer.UserUpdated, user), consumer.Observed(consumer.UserDeleted, user, began)},
			[]string{consumer.UserUpdated},
		},
		"what is newer comes": {
			[]consumer.Event{consumer.Observed(consumer.GroupUpdated, group, began), at(t, after, consumer.GroupDeleted, group)},
			[]string{consumer.GroupUpdated, consumer.GroupDeleted},
		},
		"a membership that was only observed goes with its user": {
			[]consumer.Event{consumer.Observed(consumer.GroupUserAdded, member, began), at(t, after, consumer.UserDeleted, user)},
			[]string{consumer.GroupUserAdded, consumer.GroupUserRemoved, consumer.UserDeleted},
		},
		"a user that was not found takes memberships along": {
			[]consumer.Event{at(t, before, consumer.GroupUserAdded, member), consumer.Observed(consumer.UserDeleted, user, began)},
			[]string{consumer.GroupUserAdded, consumer.GroupUserRemoved, consumer.UserDeleted},
		},
		"twice": {
			[]consumer.Event{consumer.Observed(consumer.UserUpdated, user, began), consumer.Observed(consumer.UserUpdated, user, began)},
			[]string{consumer.UserUpdated},
		},
		"and the next time": {
			[]consumer.Event{consumer.Observed(consumer.UserUpdated, user, began), consumer.Observed(consumer.UserUpdated, user, began.Add(time.Hour))},
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
	defer func() {
		if recover() == nil {
			t.Error("a time that no id has passes")
		}
	}()
	consumer.Observed(consumer.UserUpdated, user, time.Time{})
}

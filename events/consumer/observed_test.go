package consumer_test

import (
	"testing"

	"dsync/events/consumer"

	"github.com/google/go-cmp/cmp"
)

// An observation wins over events up to its sequence. Later events win over it.
func TestObserved(t *testing.T) {
	const d = "directory_1"
	user, group, member := userOf(d, "1"), groupOf(d, "1"), membershipOf(d, "1", "1")
	for name, c := range map[string]struct {
		delivered []consumer.Event
		want      []string
	}{
		"over an older event": {
			[]consumer.Event{event(4, consumer.UserCreated, user), consumer.Observed(consumer.UserUpdated, user, 5)},
			[]string{"dsync.user.created 4", "dsync.user.updated 5"},
		},
		"over the event with its sequence": {
			[]consumer.Event{event(5, consumer.UserCreated, user), consumer.Observed(consumer.UserDeleted, user, 5)},
			[]string{"dsync.user.created 5", "dsync.user.deleted 5"},
		},
		"an older event comes late": {
			[]consumer.Event{consumer.Observed(consumer.UserUpdated, user, 5), event(4, consumer.UserCreated, user), event(5, consumer.UserUpdated, user)},
			[]string{"dsync.user.updated 5"},
		},
		"a legacy event comes late": {
			[]consumer.Event{consumer.Observed(consumer.UserUpdated, user, 0), legacyEvent(900, consumer.UserDeleted, user)},
			[]string{"dsync.user.updated 0"},
		},
		"over a legacy event": {
			[]consumer.Event{legacyEvent(900, consumer.UserCreated, user), consumer.Observed(consumer.UserDeleted, user, 0)},
			[]string{"dsync.user.created 0", "dsync.user.deleted 0"},
		},
		"not over a newer event": {
			[]consumer.Event{event(6, consumer.UserUpdated, user), consumer.Observed(consumer.UserDeleted, user, 5)},
			[]string{"dsync.user.updated 6"},
		},
		"a newer event comes": {
			[]consumer.Event{consumer.Observed(consumer.GroupUpdated, group, 5), event(6, consumer.GroupDeleted, group)},
			[]string{"dsync.group.updated 5", "dsync.group.deleted 6"},
		},
		"a membership that was only observed goes with its user": {
			[]consumer.Event{consumer.Observed(consumer.GroupUserAdded, member, 5), event(6, consumer.UserDeleted, user)},
			[]string{"dsync.group.user_added 5", "dsync.group.user_removed 6", "dsync.user.deleted 6"},
		},
		"a user that was not found takes memberships along": {
			[]consumer.Event{event(4, consumer.GroupUserAdded, member), consumer.Observed(consumer.UserDeleted, user, 5)},
			[]string{"dsync.group.user_added 4", "dsync.group.user_removed 5", "dsync.user.deleted 5"},
		},
		"twice": {
			[]consumer.Event{consumer.Observed(consumer.UserUpdated, user, 5), consumer.Observed(consumer.UserUpdated, user, 5)},
			[]string{"dsync.user.updated 5"},
		},
		"and the next time": {
			[]consumer.Event{consumer.Observed(consumer.UserUpdated, user, 5), consumer.Observed(consumer.UserUpdated, user, 10)},
			[]string{"dsync.user.updated 5", "dsync.user.updated 10"},
		},
	} {
		if diff := cmp.Diff(c.want, deliver(t, c.delivered...)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("a negative sequence is accepted")
		}
	}()
	consumer.Observed(consumer.UserUpdated, user, -1)
}

package consumer_test

import (
	"fmt"
	"maps"
	"strings"
	"time"

	"dsync/events/consumer"

	"pgregory.net/rapid"
)

// event returns the n-th event of a directory. Its id has no order.
func event(n int, name string, data any) consumer.Event {
	id := fmt.Sprintf("event_%020d%06d", uint64(n)*0x9E3779B97F4A7C15, n)
	return consumer.Event{ID: id, Sequence: int64(n), Name: name, CreatedAt: time.Unix(int64(n), 0), Data: data}
}

// legacyEvent returns the n-th event of those that were logged before there
// were sequences. Its id has the order.
func legacyEvent(n int, name string, data any) consumer.Event {
	return consumer.Event{ID: fmt.Sprintf("event_%026d", n), Name: name, CreatedAt: time.Unix(int64(n), 0), Data: data}
}

func userOf(d, u string) consumer.User {
	return consumer.User{ID: "directory_user_" + u, DirectoryID: d}
}
func groupOf(d, g string) consumer.Group {
	return consumer.Group{ID: "directory_group_" + g, DirectoryID: d}
}
func membershipOf(d, u, g string) consumer.Membership {
	return consumer.Membership{DirectoryID: d, User: userOf(d, u), Group: groupOf(d, g)}
}

// state is the state of an application: the key of each resource that exists,
// and the id of the event that wrote it.
type state map[consumer.Key]string

// drop removes everything of the directory whose resource has the prefix.
func (s state) drop(directory, prefix string) {
	maps.DeleteFunc(s, func(k consumer.Key, _ string) bool {
		return k.Directory == directory && strings.HasPrefix(k.Resource, prefix)
	})
}

// inOrder returns the state after each event of a history was applied once, in
// order. It uses no code of the consumer.
func inOrder(history []consumer.Event) state {
	s := state{}
	deleted := map[string]bool{} // directories and groups, which never return
	for _, e := range history {
		k := e.Key()
		if deleted[k.Directory] || deleted[k.Resource] {
			continue
		}
		switch d := e.Data.(type) {
		case consumer.Membership:
			if deleted[d.Group.ID] {
				continue
			}
		}
		switch e.Name {
		default:
			s[k] = e.ID
		case consumer.DirectoryDeleted:
			deleted[k.Directory] = true
			s.drop(k.Directory, "")
		case consumer.GroupDeleted:
			deleted[k.Resource] = true
			delete(s, k)
			maps.DeleteFunc(s, func(m consumer.Key, _ string) bool { return strings.HasSuffix(m.Resource, "/"+k.Resource) })
		case consumer.UserDeleted:
			delete(s, k)
			s.drop(k.Directory, k.Resource+"/")
		case consumer.TokenRevoked, consumer.GroupUserRemoved:
			delete(s, k)
		}
	}
	return s
}

// history draws a history of a directory. Users are created, change, are
// deleted and return. Groups are created and deleted, and do not return.
// Memberships change at any time, also while their user or group does not
// exist, as after a race. The first events may be legacy events.
func history(t *rapid.T, directoryID string, most int) (events []consumer.Event) {
	legacy := rapid.SampledFrom([]int{0, 0, 5, 10}).Draw(t, "legacy events")
	add := func(name string, data any) {
		if n := len(events) + 1; n <= legacy {
			events = append(events, legacyEvent(n, name, data))
		} else {
			e := event(n-legacy, name, data)
			e.CreatedAt = time.Unix(int64(n), 0)
			events = append(events, e)
		}
	}
	add(consumer.TokenCreated, consumer.Token{ID: "directory_token_1", DirectoryID: directoryID})
	add(consumer.DirectoryActivated, consumer.Directory{ID: directoryID})
	here := map[string]bool{} // users, groups and memberships
	over := map[string]bool{} // deleted groups
	either := func(was bool, one, other string) string {
		if was {
			return one
		}
		return other
	}
	for range rapid.IntRange(0, most).Draw(t, "events") {
		u, g := rapid.SampledFrom([]string{"1", "2"}).Draw(t, "user"), rapid.SampledFrom([]string{"1", "2"}).Draw(t, "group")
		switch rapid.IntRange(0, 12).Draw(t, "what") {
		case 0, 1:
			add(either(here["u"+u], consumer.UserUpdated, consumer.UserCreated), userOf(directoryID, u))
			here["u"+u] = true
		case 2, 3:
			if here["u"+u] {
				add(consumer.UserDeleted, userOf(directoryID, u))
				here["u"+u], here[u+"1"], here[u+"2"] = false, false, false
			}
		case 4, 5:
			if !over[g] {
				add(either(here["g"+g], consumer.GroupUpdated, consumer.GroupCreated), groupOf(directoryID, g))
				here["g"+g] = true
			}
		case 6:
			if here["g"+g] {
				add(consumer.GroupDeleted, groupOf(directoryID, g))
				here["g"+g], here["1"+g], here["2"+g], over[g] = false, false, false, true
			}
		case 7, 8, 9:
			add(consumer.GroupUserAdded, membershipOf(directoryID, u, g)) // perhaps a repetition
			here[u+g] = true
		case 10:
			if here[u+g] {
				add(consumer.GroupUserRemoved, membershipOf(directoryID, u, g))
				here[u+g] = false
			}
		case 11:
			add(consumer.TokenRevoked, consumer.Token{ID: "directory_token_1", DirectoryID: directoryID})
		case 12:
			if rapid.IntRange(0, 3).Draw(t, "really") == 0 {
				add(consumer.DirectoryDeleted, consumer.Directory{ID: directoryID})
			}
		}
	}
	return events
}

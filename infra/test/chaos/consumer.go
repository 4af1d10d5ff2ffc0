package chaos

import "dsync/internal/dsync"

// consumer is an application's copy of a directory. For each resource it
// applies an event only if its sequence is larger than that of the last one that
// it applied. Deliveries may be duplicated and reordered.
type consumer struct {
	users, groups map[string]bool
	edges         map[edge]int64 // → sequence of the event that added the membership
	newest        map[fact]int64
	since         map[string]int64 // user or group → sequence of its creation
}

func consume(all []dsync.Event) *consumer {
	c := &consumer{users: map[string]bool{}, groups: map[string]bool{}, edges: map[edge]int64{}, newest: map[fact]int64{}, since: map[string]int64{}}
	for _, e := range all {
		f, sequence := factOf(e), e.Context.Sequence
		if sequence <= c.newest[f.subject()] {
			continue
		}
		c.newest[f.subject()] = sequence
		switch e.Name {
		case dsync.UserCreated:
			c.users[f.user], c.since[f.user] = true, sequence
		case dsync.UserDeleted:
			delete(c.users, f.user)
		case dsync.GroupCreated:
			c.groups[f.group], c.since[f.group] = true, sequence
		case dsync.GroupDeleted:
			delete(c.groups, f.group)
		case dsync.GroupUserAdded:
			c.edges[edge{f.group, f.user}] = sequence
		case dsync.GroupUserRemoved:
			delete(c.edges, edge{f.group, f.user})
		case dsync.DirectoryDeleted:
			return &consumer{}
		}
	}
	return c
}

// members returns the members of a group. It includes existing users only. It
// ignores a membership that is older than the creation of its user.
func (c *consumer) members(group string) map[string]bool {
	members := map[string]bool{}
	for e, sequence := range c.edges {
		if e.group == group && c.users[e.user] && sequence > c.since[e.user] {
			members[e.user] = true
		}
	}
	return members
}

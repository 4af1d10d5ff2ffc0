package chaos

import "dsync/internal/dsync"

// consumer is an application's copy of a directory. For each resource it
// applies an event only if the event is newer than the last one that it
// applied. Deliveries may be duplicated and reordered.
type consumer struct {
	users, groups map[string]bool
	edges         map[edge]string // → ID of the event that added the membership
	newest        map[fact]string
	userSince     map[string]string // → ID of the event that created the user
}

func consume(all []dsync.Event) *consumer {
	c := &consumer{users: map[string]bool{}, groups: map[string]bool{}, edges: map[edge]string{}, newest: map[fact]string{}, userSince: map[string]string{}}
	said := facts(all)
	for n, e := range all {
		f := said[n]
		about := fact{user: f.user, group: f.group}
		if e.ID <= c.newest[about] {
			continue
		}
		c.newest[about] = e.ID
		switch e.Name {
		case dsync.UserCreated:
			c.users[f.user], c.userSince[f.user] = true, e.ID
		case dsync.UserDeleted:
			delete(c.users, f.user)
		case dsync.GroupCreated:
			c.groups[f.group] = true
		case dsync.GroupDeleted:
			delete(c.groups, f.group)
		case dsync.GroupUserAdded:
			c.edges[edge{f.group, f.user}] = e.ID
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
	for e, since := range c.edges {
		if e.group == group && c.users[e.user] && since > c.userSince[e.user] {
			members[e.user] = true
		}
	}
	return members
}

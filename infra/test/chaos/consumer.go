package chaos

import "dsync/internal/dsync"

// consumer is the state that an application has of a directory. Of each
// resource it applies what is newer than what it knows, and nothing else:
// deliveries may come twice, and in any order.
type consumer struct {
	users, groups map[string]bool
	edges         map[edge]string // → the id of the event that made it
	newest        map[fact]string
	userSince     map[string]string // → the id of the event that made the user
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

// members are the users of a group: of users that are there, and told of since
// they are.
func (c *consumer) members(group string) map[string]bool {
	members := map[string]bool{}
	for e, since := range c.edges {
		if e.group == group && c.users[e.user] && since > c.userSince[e.user] {
			members[e.user] = true
		}
	}
	return members
}

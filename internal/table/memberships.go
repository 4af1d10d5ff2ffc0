package table

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

func (m Membership) key() key { return membershipKey(m.DirectoryID, m.GroupID, m.UserID) }

func (m Membership) item() item {
	i := marshal(m.key(), m)
	if !m.Deleted {
		for name, v := range marshal(indexKey{membershipIndex(m.DirectoryID, m.UserID), "G#" + ulidOf(m.GroupID)}) {
			i[name] = v
		}
	}
	return i
}

// Bury returns the membership as removed at its time.
func (m Membership) Bury() Membership {
	m.tombstone = bury(m.At)
	return m
}

// PutMemberships writes memberships, removed ones (Bury) included. It is not
// atomic: it may be repeated.
func (t *Table) PutMemberships(ctx context.Context, members []Membership) error {
	requests := make([]types.WriteRequest, len(members))
	for i, m := range members {
		requests[i].PutRequest = &types.PutRequest{Item: m.item()}
	}
	return t.batchWrite(ctx, requests)
}

// Present reads, in one go, which of the ids are users of the directory and
// which of them are in the group. Ids that differ in letter case are others.
func (t *Table) Present(ctx context.Context, dir, group string, users []string) (exist, in map[string]bool, err error) {
	exist, in = make(map[string]bool, len(users)), make(map[string]bool, len(users))
	var keys []key
	for _, u := range users {
		if _, asked := exist[u]; !asked && User.ValidID(u) {
			exist[u] = false
			keys = append(keys, resourceKey(User, dir, u), membershipKey(dir, group, u))
		}
	}
	err = t.batchGet(ctx, keys, func(i item) error {
		var at key
		if err := unmarshal(i, &at); err != nil {
			return err
		}
		if at.SK[:2] == "U#" {
			var r Resource
			err := unmarshal(i, &r)
			exist[r.ID] = !r.Gone()
			return err
		}
		var m Membership
		err := unmarshal(i, &m)
		in[m.UserID] = !m.Gone()
		return err
	})
	return exist, in, err
}

// IsMember reports whether the user is in the group.
func (t *Table) IsMember(ctx context.Context, dir, group, user string) (bool, error) {
	if !Group.ValidID(group) || !User.ValidID(user) {
		return false, nil
	}
	var m Membership
	err := t.get(ctx, membershipKey(dir, group, user), &m)
	if err == ErrNotFound {
		return false, nil
	}
	return err == nil && !m.Gone(), err
}

// Members reads the memberships of a group, by user id, and hands each to
// visit until it returns false. It begins behind the user last, or with the
// first for "".
func (t *Table) Members(ctx context.Context, dir, group, last string, visit func(Membership) bool) error {
	return t.query(ctx, after(directoryPartition(dir), membershipPrefix(group), ulidOf(last)), func(items []item) (bool, error) {
		for _, i := range items {
			var m Membership
			if err := unmarshal(i, &m); err != nil {
				return false, err
			}
			if !m.Gone() && !visit(m) {
				return false, nil
			}
		}
		return true, nil
	})
}

// ClearMemberships removes at most limit memberships of a deleted user or
// group for good and tells how many there were. Removing an item is silent:
// the deletion of the user or group has said it all.
func (t *Table) ClearMemberships(ctx context.Context, k Kind, dir, id string, limit int32) (int, error) {
	in := prefix(directoryPartition(dir), membershipPrefix(id))
	if k == User {
		in = listIndex(membershipIndex(dir, id))
	}
	in.Limit = aws.Int32(limit)
	var keys []key
	err := t.query(ctx, in, func(items []item) (bool, error) {
		for _, i := range items {
			var k key
			if err := unmarshal(i, &k); err != nil {
				return false, err
			}
			keys = append(keys, k)
		}
		return false, nil
	})
	if err != nil {
		return 0, err
	}
	return len(keys), t.removeAll(ctx, keys)
}

// RemoveMemberships removes memberships for good, which is silent. The same
// one may be named twice.
func (t *Table) RemoveMemberships(ctx context.Context, members []Membership) error {
	var keys []key
	for _, m := range members {
		if k := m.key(); !slices.Contains(keys, k) {
			keys = append(keys, k)
		}
	}
	return t.removeAll(ctx, keys)
}

func (t *Table) removeAll(ctx context.Context, keys []key) error {
	requests := make([]types.WriteRequest, len(keys))
	for i, k := range keys {
		requests[i].DeleteRequest = &types.DeleteRequest{Key: marshal(k)}
	}
	return t.batchWrite(ctx, requests)
}

// GroupsOf lists the ids of the groups that a user is in. It reads the index,
// which follows writes within moments.
func (t *Table) GroupsOf(ctx context.Context, dir, user string) ([]string, error) {
	if !User.ValidID(user) {
		return nil, nil
	}
	var ids []string
	err := t.query(ctx, listIndex(membershipIndex(dir, user)), func(items []item) (bool, error) {
		for _, i := range items {
			var k indexKey
			if err := unmarshal(i, &k); err != nil {
				return false, err
			}
			ids = append(ids, Group.idKind().Of(k.SK[len("G#"):]))
		}
		return true, nil
	})
	return ids, err
}

// Subjects reads, in one go, the users and groups of memberships, deleted ones
// included, by id.
func (t *Table) Subjects(ctx context.Context, members []Membership) (map[string]Resource, error) {
	all := make(map[string]Resource)
	kinds := make(map[string]Kind)
	var keys []key
	want := func(k Kind, dir, id string) {
		if _, ok := kinds[id]; !ok {
			kinds[id] = k
			keys = append(keys, resourceKey(k, dir, id))
		}
	}
	for _, m := range members {
		want(User, m.DirectoryID, m.UserID)
		want(Group, m.DirectoryID, m.GroupID)
	}
	err := t.batchGet(ctx, keys, func(i item) error {
		var r Resource
		err := unmarshal(i, &r)
		r.Kind = kinds[r.ID]
		all[r.ID] = r
		return err
	})
	return all, err
}

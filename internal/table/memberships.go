package table

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
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

// Present reads which of the ids are users of the directory and which of them
// are in the group. Ids that differ in letter case are others. Few ids are read
// in one go, by key; many that lie close together, as after an import, by range.
func (t *Table) Present(ctx context.Context, dir, group string, users []string) (exist, in map[string]bool, err error) {
	exist, in = make(map[string]bool, len(users)), make(map[string]bool, len(users))
	var wanted []string
	for _, u := range users {
		if _, asked := exist[u]; !asked && User.ValidID(u) {
			exist[u] = false
			wanted = append(wanted, u)
		}
	}
	slices.Sort(wanted)
	found := func(i item) error {
		var at struct {
			key
			ID   string `dynamodbav:"id"`
			User string `dynamodbav:"user"`
			tombstone
		}
		err := unmarshal(i, &at)
		if strings.HasPrefix(at.SK, "U#") {
			exist[at.ID] = !at.Deleted
		} else {
			in[at.User] = !at.Deleted
		}
		return err
	}
	var keys []key
	for _, prefix := range []string{string(User) + "#", membershipPrefix(group)} {
		rest, err := t.sieve(ctx, directoryPartition(dir), prefix, wanted, found)
		if err != nil {
			return nil, nil, err
		}
		for _, id := range rest {
			keys = append(keys, key{directoryPartition(dir), prefix + ulidOf(id)})
		}
	}
	return exist, in, t.batchGet(ctx, keys, found)
}

const (
	// worthRange is how many ids make reading their range worth a try, and
	// worthPage how many of them a page of 1 MB must hold to read another: it
	// costs 256 units, and each id read by key costs one.
	worthRange = 500
	worthPage  = 256
)

// sieve reads the range of sort keys that ids span, as long as that is cheaper
// than reading by key, and hands what is there to found. It returns the ids
// that are left to be read.
func (t *Table) sieve(ctx context.Context, pk, prefix string, ids []string, found func(item) error) (rest []string, err error) {
	if len(ids) < worthRange {
		return ids, nil
	}
	in := dynamodb.QueryInput{
		ConsistentRead:         aws.Bool(true),
		KeyConditionExpression: aws.String("pk = :pk AND sk BETWEEN :from AND :to"),
		ExpressionAttributeValues: marshal(map[string]string{
			":pk": pk, ":from": prefix + ulidOf(ids[0]), ":to": prefix + ulidOf(ids[len(ids)-1]),
		}),
		ProjectionExpression:     aws.String("sk, id, #user, deleted"),
		ExpressionAttributeNames: map[string]string{"#user": "user"},
	}
	for {
		out, err := t.page(ctx, in)
		if err != nil {
			return nil, err
		}
		hits := 0
		for _, i := range out.Items {
			var at key
			if err := unmarshal(i, &at); err != nil {
				return nil, err
			}
			for len(ids) > 0 && prefix+ulidOf(ids[0]) < at.SK {
				ids = ids[1:] // not there
			}
			if len(ids) > 0 && prefix+ulidOf(ids[0]) == at.SK {
				hits++
				ids = ids[1:]
				if err := found(i); err != nil {
					return nil, err
				}
			}
		}
		switch {
		case out.LastEvaluatedKey == nil:
			return nil, nil
		case hits < worthPage:
			return ids, nil
		}
		in.ExclusiveStartKey = out.LastEvaluatedKey
	}
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

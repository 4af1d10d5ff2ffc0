package table

import (
	"context"
	"errors"
	"iter"
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
func (m Membership) SoftDelete() Membership {
	m.softDeletion = softDelete(m.At)
	return m
}

// AnnounceMembership tells consumers of a membership in a life of its user, if
// it is still there and they were not told: the change is in the stream.
func (t *Table) AnnounceMembership(ctx context.Context, m Membership, generation int64) error {
	err := t.update(ctx, types.Update{
		Key:                       marshal(m.key()),
		UpdateExpression:          aws.String("SET life = :life REMOVE #hidden"),
		ConditionExpression:       aws.String("attribute_exists(pk) AND attribute_not_exists(deleted) AND (#hidden = :true OR attribute_not_exists(life) AND :life > :zero OR life < :life)"),
		ExpressionAttributeNames:  map[string]string{"#hidden": "hidden"},
		ExpressionAttributeValues: marshal(map[string]any{":life": generation, ":true": true, ":zero": 0}),
	})
	var failed conditionFailed
	if errors.As(err, &failed) {
		return nil
	}
	return err
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

// Standing is what a change of memberships has to know of a user.
type UserState struct {
	Exists     bool  // a user of the directory
	Hidden     bool  // see Resource
	Generation int64 // see Resource
}

// Present reads which of the ids are users of the directory and which of them
// are in the group. Ids that differ in letter case are others. Few ids are read
// in one go, by key; many that lie close together, as after an import, by range.
func (t *Table) CheckMembers(ctx context.Context, directoryID, group string, users []string) (known map[string]UserState, in map[string]bool, err error) {
	known, in = make(map[string]UserState, len(users)), make(map[string]bool, len(users))
	var wanted []string
	for _, u := range users {
		if _, asked := known[u]; !asked && User.ValidID(u) {
			known[u] = UserState{}
			wanted = append(wanted, u)
		}
	}
	slices.Sort(wanted)
	found := func(i item) error {
		var at struct {
			key
			ID     string `dynamodbav:"id"`
			User   string `dynamodbav:"user"`
			Hidden bool   `dynamodbav:"hidden"`
			Life   int64  `dynamodbav:"life"`
			softDeletion
		}
		err := unmarshal(i, &at)
		if strings.HasPrefix(at.SK, "U#") {
			known[at.ID] = UserState{!at.Deleted, at.Hidden, at.Life}
		} else {
			in[at.User] = !at.Deleted
		}
		return err
	}
	var keys []key
	for _, prefix := range []string{string(User) + "#", membershipPrefix(group)} {
		rest, err := t.readRange(ctx, directoryPartition(directoryID), prefix, wanted, found)
		if err != nil {
			return nil, nil, err
		}
		for _, id := range rest {
			keys = append(keys, key{directoryPartition(directoryID), prefix + ulidOf(id)})
		}
	}
	return known, in, t.batchGet(ctx, keys, found)
}

const (
	// worthRange is how many ids make reading their range worth a try, and
	// worthPage how many of them a page of 1 MB must hold to read another: it
	// costs 256 units, and each id read by key costs one.
	minRangeIDs  = 500
	minRangeHits = 256
)

// sieve reads the range of sort keys that ids span, as long as that is cheaper
// than reading by key, and hands what is there to found. It returns the ids
// that are left to be read.
func (t *Table) readRange(ctx context.Context, pk, prefix string, ids []string, found func(item) error) (rest []string, err error) {
	if len(ids) < minRangeIDs {
		return ids, nil
	}
	in := dynamodb.QueryInput{
		ConsistentRead:         aws.Bool(true),
		KeyConditionExpression: aws.String("pk = :pk AND sk BETWEEN :from AND :to"),
		ExpressionAttributeValues: marshal(map[string]string{
			":pk": pk, ":from": prefix + ulidOf(ids[0]), ":to": prefix + ulidOf(ids[len(ids)-1]),
		}),
		ProjectionExpression:     aws.String("sk, id, #user, deleted, #hidden, life"),
		ExpressionAttributeNames: map[string]string{"#user": "user", "#hidden": "hidden"},
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
		case hits < minRangeHits:
			return ids, nil
		}
		in.ExclusiveStartKey = out.LastEvaluatedKey
	}
}

// IsMember reports whether the user is in the group.
func (t *Table) IsMember(ctx context.Context, directoryID, group, user string) (bool, error) {
	if !Group.ValidID(group) || !User.ValidID(user) {
		return false, nil
	}
	var m Membership
	err := t.get(ctx, membershipKey(directoryID, group, user), &m)
	if err == ErrNotFound {
		return false, nil
	}
	return err == nil && !m.Deleted, err
}

// Members reads the memberships of a group in the order of user ids: those
// after the user last, or all of them for "". Deleted memberships are left out.
// The read is strongly consistent. It requests the next page of 1 MB when the
// loop needs it. An error is the last pair.
func (t *Table) Members(ctx context.Context, directoryID, groupID, last string) iter.Seq2[Membership, error] {
	in := after(directoryPartition(directoryID), membershipPrefix(groupID), ulidOf(last))
	return func(yield func(Membership, error) bool) {
		for m, err := range records[Membership](t.query(ctx, in)) {
			if !m.Deleted && !yield(m, err) {
				return
			}
		}
	}
}

// ClearMemberships removes at most limit memberships of a deleted user or
// group for good and tells how many there were. Removing an item is silent:
// the deletion of the user or group has said it all.
func (t *Table) ClearMemberships(ctx context.Context, k Kind, directoryID, id string, limit int32) (int, error) {
	in := prefix(directoryPartition(directoryID), membershipPrefix(id))
	if k == User {
		in = listIndex(membershipIndex(directoryID, id))
	}
	return t.clear(ctx, in, limit)
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
func (t *Table) GroupsOf(ctx context.Context, directoryID, user string) ([]string, error) {
	if !User.ValidID(user) {
		return nil, nil
	}
	var ids []string
	for k, err := range records[indexKey](t.query(ctx, listIndex(membershipIndex(directoryID, user)))) {
		if err != nil {
			return nil, err
		}
		ids = append(ids, Group.idKind().Of(k.SK[len("G#"):]))
	}
	return ids, nil
}

// KeptMemberships reads the memberships of a user that are still there, of all
// groups behind the one with the id last, at most limit of them looked at. The
// cursor is where to go on, "" at the end.
func (t *Table) KeptMemberships(ctx context.Context, directoryID, user, last string, limit int32) (kept []Membership, cursor string, err error) {
	in := listIndex(membershipIndex(directoryID, user))
	if last != "" {
		in.KeyConditionExpression = aws.String("gsi1pk = :pk AND gsi1sk > :last")
		in.ExpressionAttributeValues = marshal(map[string]string{":pk": membershipIndex(directoryID, user), ":last": "G#" + ulidOf(last)})
	}
	in.Limit = aws.Int32(limit)
	out, err := t.page(ctx, in)
	if err != nil {
		return nil, "", err
	}
	keys := make([]key, len(out.Items))
	for n, i := range out.Items {
		if err := unmarshal(i, &keys[n]); err != nil {
			return nil, "", err
		}
	}
	err = t.batchGet(ctx, keys, func(i item) error {
		var m Membership
		if err := unmarshal(i, &m); err != nil {
			return err
		}
		if !m.Deleted {
			kept = append(kept, m)
		}
		return nil
	})
	if out.LastEvaluatedKey != nil && len(keys) > 0 {
		group, _, _ := strings.Cut(strings.TrimPrefix(keys[len(keys)-1].SK, "M#"), "#")
		cursor = Group.idKind().Of(group)
	}
	return kept, cursor, err
}

// Subjects reads, in one go, the users and groups of memberships, deleted ones
// included, by id.
func (t *Table) Subjects(ctx context.Context, members []Membership) (map[string]Resource, error) {
	all := make(map[string]Resource)
	kinds := make(map[string]Kind)
	var keys []key
	want := func(k Kind, directoryID, id string) {
		if _, ok := kinds[id]; !ok {
			kinds[id] = k
			keys = append(keys, resourceKey(k, directoryID, id))
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

package table

import (
	"context"
	"errors"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

func (m Membership) key() key { return membershipKey(m.DirectoryID, m.GroupID, m.UserID) }

func (m Membership) item() item {
	i := marshal(m.key(), m)
	if !m.Deleted {
		maps.Copy(i, marshal(indexKey{userGroupsIndex(m.DirectoryID, m.UserID), Group.prefix() + ulidOf(m.GroupID)}))
	}
	return i
}

// SoftDelete returns the membership as deleted at m.At.
func (m Membership) SoftDelete() Membership {
	m.softDeletion = softDelete(m.At)
	return m
}

// PutMemberships writes memberships, soft-deleted ones included. It is not
// atomic and can be repeated.
func (t *Table) PutMemberships(ctx context.Context, members []Membership) error {
	requests := make([]types.WriteRequest, len(members))
	for i, m := range members {
		requests[i].PutRequest = &types.PutRequest{Item: m.item()}
	}
	return t.batchWrite(ctx, requests)
}

// AnnounceMembership marks a membership as announced in a generation of its
// user, so that the stream has a change that becomes an event. It does nothing
// if the membership is deleted or is announced in that generation already.
func (t *Table) AnnounceMembership(ctx context.Context, m Membership, generation int64) error {
	err := t.update(ctx, types.Update{
		Key:                       marshal(m.key()),
		UpdateExpression:          aws.String("SET life = :life REMOVE #hidden"),
		ConditionExpression:       aws.String("attribute_exists(pk) AND attribute_not_exists(deleted) AND (#hidden = :true OR attribute_not_exists(life) AND :life > :zero OR life < :life)"),
		ExpressionAttributeNames:  map[string]string{"#hidden": "hidden"},
		ExpressionAttributeValues: marshal(map[string]any{":life": generation, ":true": true, ":zero": 0}),
	})
	return ifConditionFails(err, nil)
}

// IsMember reports whether the user is in the group.
func (t *Table) IsMember(ctx context.Context, directoryID, groupID, userID string) (bool, error) {
	if !Group.ValidID(groupID) || !User.ValidID(userID) {
		return false, nil
	}
	var m Membership
	err := t.get(ctx, membershipKey(directoryID, groupID, userID), &m)
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return err == nil && !m.Deleted, err
}

// Membership reads the record of a membership, which may be soft-deleted. It
// fails with ErrNotFound.
func (t *Table) Membership(ctx context.Context, m Membership) (Membership, error) {
	var current Membership
	err := t.get(ctx, m.key(), &current)
	return current, err
}

// Members reads the memberships of a group in the order of user ids: those
// after the user last, or all of them for "". Soft-deleted memberships are left
// out. It reads the next page of 1 MB when the loop needs it. An error is the
// last pair.
func (t *Table) Members(ctx context.Context, directoryID, groupID, last string) iter.Seq2[Membership, error] {
	in := withPrefixAfter(directoryPartition(directoryID), groupMembersPrefix(groupID), ulidOf(last))
	return func(yield func(Membership, error) bool) {
		for m, err := range records[Membership](t.query(ctx, in)) {
			if !m.Deleted && !yield(m, err) {
				return
			}
		}
	}
}

// GroupsOf lists the ids of the groups that a user is in. It reads the index.
func (t *Table) GroupsOf(ctx context.Context, directoryID, userID string) ([]string, error) {
	if !User.ValidID(userID) {
		return nil, nil
	}
	var ids []string
	for k, err := range records[indexKey](t.query(ctx, indexPartition(userGroupsIndex(directoryID, userID)))) {
		if err != nil {
			return nil, err
		}
		ids = append(ids, Group.idKind().Of(strings.TrimPrefix(k.SK, Group.prefix())))
	}
	return ids, nil
}

// KeptMemberships reads the memberships of a user that are not deleted, in the
// order of group ids: those of the groups after the id last, or all of them for
// "". It finds at most limit memberships in the index and reads them
// consistently. The cursor is the last of the next call, "" at the end.
func (t *Table) KeptMemberships(ctx context.Context, directoryID, userID, last string, limit int32) (kept []Membership, cursor string, err error) {
	pk := userGroupsIndex(directoryID, userID)
	in := indexPartition(pk)
	if last != "" {
		in = indexPartitionAfter(pk, Group.prefix()+ulidOf(last))
	}
	in.Limit = aws.Int32(limit)
	out, err := t.queryPage(ctx, in)
	if err != nil {
		return nil, "", err
	}
	keys, err := unmarshalAll[key](out.Items)
	if err != nil {
		return nil, "", err
	}
	for m, err := range records[Membership](t.batchGet(ctx, keys)) {
		if err != nil {
			return nil, "", err
		}
		if !m.Deleted {
			kept = append(kept, m)
		}
	}
	if out.LastEvaluatedKey != nil && len(keys) > 0 {
		group, _, _ := strings.Cut(strings.TrimPrefix(keys[len(keys)-1].SK, membershipPrefix), "#")
		cursor = Group.idKind().Of(group)
	}
	return kept, cursor, nil
}

// Subjects reads the users and groups of memberships, soft-deleted ones
// included, and returns them by id.
func (t *Table) Subjects(ctx context.Context, members []Membership) (map[string]Resource, error) {
	kinds := make(map[string]Kind)
	var keys []key
	add := func(k Kind, directoryID, id string) {
		if _, ok := kinds[id]; !ok {
			kinds[id] = k
			keys = append(keys, resourceKey(k, directoryID, id))
		}
	}
	for _, m := range members {
		add(User, m.DirectoryID, m.UserID)
		add(Group, m.DirectoryID, m.GroupID)
	}
	subjects := make(map[string]Resource)
	for r, err := range records[Resource](t.batchGet(ctx, keys)) {
		if err != nil {
			return nil, err
		}
		r.Kind = kinds[r.ID]
		subjects[r.ID] = r
	}
	return subjects, nil
}

// RemoveMemberships deletes the items of memberships, which makes no change in
// the stream. The list may have duplicates. It is not atomic and can be
// repeated.
func (t *Table) RemoveMemberships(ctx context.Context, members []Membership) error {
	var keys []key
	for _, m := range members {
		if k := m.key(); !slices.Contains(keys, k) {
			keys = append(keys, k)
		}
	}
	return t.deleteItems(ctx, keys)
}

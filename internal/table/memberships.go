package table

import (
	"context"
	"errors"
	"iter"
	"maps"
	"slices"
	"strings"

	"dsync/internal/dynamo"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

func (m Membership) key() dynamo.Key { return membershipKey(m.DirectoryID, m.GroupID, m.UserID) }

// Item is the record of the membership.
func (m Membership) Item() dynamo.Item {
	i := dynamo.Marshal(m.key(), m)
	if !m.Deleted {
		maps.Copy(i, dynamo.Marshal(dynamo.IndexKey{PK: userGroupsIndex(m.DirectoryID, m.UserID), SK: Group.prefix() + ulidOf(m.GroupID)}))
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
		requests[i].PutRequest = &types.PutRequest{Item: m.Item()}
	}
	return t.db.BatchWrite(ctx, requests)
}

// AnnounceMembership marks a membership as announced in a generation of its
// user, so that the stream has a change that becomes an event. It does nothing
// if the membership is deleted or is announced in that generation already.
func (t *Table) AnnounceMembership(ctx context.Context, m Membership, generation int64) error {
	err := t.db.Update(ctx, types.Update{
		Key:                       dynamo.Marshal(m.key()),
		UpdateExpression:          aws.String("SET life = :life REMOVE #hidden"),
		ConditionExpression:       aws.String("attribute_exists(pk) AND attribute_not_exists(deleted) AND (#hidden = :true OR attribute_not_exists(life) AND :life > :zero OR life < :life)"),
		ExpressionAttributeNames:  map[string]string{"#hidden": "hidden"},
		ExpressionAttributeValues: dynamo.Marshal(map[string]any{":life": generation, ":true": true, ":zero": 0}),
	})
	return dynamo.IfConditionFails(err, nil)
}

// IsMember reports whether the user is in the group, by a membership of the
// version emptied of the group or a later one: see Resource.Emptied.
func (t *Table) IsMember(ctx context.Context, directoryID, groupID, userID string, emptied int64) (bool, error) {
	if !Group.ValidID(groupID) || !User.ValidID(userID) {
		return false, nil
	}
	var m Membership
	err := t.db.Get(ctx, membershipKey(directoryID, groupID, userID), &m)
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return err == nil && !m.Deleted && m.Version >= emptied, err
}

// Membership reads the record of a membership, which may be soft-deleted. It
// fails with ErrNotFound.
func (t *Table) Membership(ctx context.Context, m Membership) (Membership, error) {
	var current Membership
	err := t.db.Get(ctx, m.key(), &current)
	return current, err
}

// membersPage is the number of memberships of one read. A membership has about
// 300 bytes, so a page is a little less than 1 MB, and the members of a group of
// 10,000 are four reads.
const membersPage = 2_500

// Member is a membership as a reader of a group needs it.
type Member struct {
	UserID  string `dynamodbav:"user"`
	Display string `dynamodbav:"display"`
	Version int64  `dynamodbav:"gv"` // see Membership
	Deleted bool   `dynamodbav:"deleted"`
}

// MembersAfter is the query for the memberships of a group in the order of user
// ids: those after the user last, or all of them for "".
func MembersAfter(directoryID, groupID, last string) dynamodb.QueryInput {
	return dynamo.WithPrefixAfter(directoryPartition(directoryID), groupMembersPrefix(groupID), ulidOf(last))
}

// Members reads the members of a group, as MembersAfter says. Soft-deleted
// memberships are left out. It reads the next page of 1 MB when the loop needs it.
// An error is the last pair.
func (t *Table) Members(ctx context.Context, directoryID, groupID, last string) iter.Seq2[Member, error] {
	in := MembersAfter(directoryID, groupID, last)
	in.ProjectionExpression = aws.String("#user, #display, gv, deleted")
	in.ExpressionAttributeNames = map[string]string{"#user": "user", "#display": "display"}
	return func(yield func(Member, error) bool) {
		for m, err := range dynamo.Records[Member](t.db.Query(ctx, in, membersPage)) {
			if !m.Deleted && !yield(m, err) {
				return
			}
		}
	}
}

// groupsPage is the number of memberships of a user that one read lists. Users
// are in fewer groups, with rare exceptions.
const groupsPage = 200

// GroupsOf lists the ids of the groups that a user is in. It reads the index.
func (t *Table) GroupsOf(ctx context.Context, directoryID, userID string) ([]string, error) {
	if !User.ValidID(userID) {
		return nil, nil
	}
	var ids []string
	for k, err := range dynamo.Records[dynamo.IndexKey](t.db.Query(ctx, dynamo.IndexPartition(userGroupsIndex(directoryID, userID)), groupsPage)) {
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
func (t *Table) KeptMemberships(ctx context.Context, directoryID, userID, last string, limit int) (kept []Membership, cursor string, err error) {
	pk := userGroupsIndex(directoryID, userID)
	in := dynamo.IndexPartition(pk)
	if last != "" {
		in = dynamo.IndexPartitionAfter(pk, Group.prefix()+ulidOf(last))
	}
	out, err := t.db.QueryPage(ctx, in, limit)
	if err != nil {
		return nil, "", err
	}
	keys, err := dynamo.UnmarshalAll[dynamo.Key](out.Items)
	if err != nil {
		return nil, "", err
	}
	for m, err := range dynamo.Records[Membership](t.db.BatchGet(ctx, keys)) {
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
	var keys []dynamo.Key
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
	for r, err := range dynamo.Records[Resource](t.db.BatchGet(ctx, keys)) {
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
	var keys []dynamo.Key
	for _, m := range members {
		if k := m.key(); !slices.Contains(keys, k) {
			keys = append(keys, k)
		}
	}
	return t.db.DeleteItems(ctx, keys)
}

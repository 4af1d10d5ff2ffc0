package table

import (
	"context"
	"slices"
	"strings"

	"dsync/internal/dynamo"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// UserState is the part of a user that a change of memberships needs.
type UserState struct {
	Exists     bool  // a user of the directory, not deleted
	Hidden     bool  // see Resource
	Generation int64 // see Resource
}

// MemberState is the part of a membership that a change of memberships needs.
type MemberState struct {
	Display string // may be empty
	Version int64  // see Membership
}

// CheckMembers reads which of the ids are users of the directory, and which of
// them are in the group: the others have no state there. Ids are case-sensitive;
// those that cannot be ids of users are ignored. A few ids are read by key. Many ids that are close
// together, as after an import, are read by range.
func (t *Table) CheckMembers(ctx context.Context, directoryID, groupID string, userIDs []string) (known map[string]UserState, in map[string]*MemberState, err error) {
	known, in = make(map[string]UserState, len(userIDs)), make(map[string]*MemberState, len(userIDs))
	var ids []string
	for _, id := range userIDs {
		if _, duplicate := known[id]; !duplicate && User.ValidID(id) {
			known[id] = UserState{}
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	add := func(i dynamo.Item) error {
		var record struct {
			dynamo.Key
			ID         string `dynamodbav:"id"`   // of a user
			UserID     string `dynamodbav:"user"` // of a membership
			Display    string `dynamodbav:"display"`
			Hidden     bool   `dynamodbav:"hidden"`
			Generation int64  `dynamodbav:"life"`
			Version    int64  `dynamodbav:"gv"`
			softDeletion
		}
		if err := dynamo.Unmarshal(i, &record); err != nil {
			return err
		}
		if strings.HasPrefix(record.SK, User.prefix()) {
			known[record.ID] = UserState{!record.Deleted, record.Hidden, record.Generation}
		} else if !record.Deleted {
			in[record.UserID] = &MemberState{record.Display, record.Version}
		}
		return nil
	}
	pk := directoryPartition(directoryID)
	var keys []dynamo.Key
	for _, prefix := range []string{User.prefix(), groupMembersPrefix(groupID)} {
		found, rest, err := t.readRange(ctx, pk, prefix, ids)
		if err != nil {
			return nil, nil, err
		}
		for _, i := range found {
			if err := add(i); err != nil {
				return nil, nil, err
			}
		}
		for _, id := range rest {
			keys = append(keys, dynamo.Key{PK: pk, SK: prefix + ulidOf(id)})
		}
	}
	for i, err := range t.db.BatchGet(ctx, keys) {
		if err != nil {
			return nil, nil, err
		}
		if err := add(i); err != nil {
			return nil, nil, err
		}
	}
	return known, in, nil
}

const (
	// minRangeIDs is the smallest number of ids that a range read is tried for.
	minRangeIDs = 500
	// minRangeHits is how many ids a page of 1 MB must hold for the next page
	// to be read. A page costs 256 read units, an id read by key costs
	// one.
	minRangeHits = 256
	// maxRangePage is about the number of memberships in a page of 1 MB, which
	// holds fewer users.
	maxRangePage = 3_000
)

// readRange reads the range of sort keys that the sorted ids span, while that
// is cheaper than reading them by key. It returns the items that it found and
// the ids that are left to be read by key.
func (t *Table) readRange(ctx context.Context, pk, prefix string, ids []string) (found []dynamo.Item, rest []string, err error) {
	if len(ids) < minRangeIDs {
		return nil, ids, nil
	}
	in := dynamo.Between(pk, prefix+ulidOf(ids[0]), prefix+ulidOf(ids[len(ids)-1]))
	in.ProjectionExpression = aws.String("sk, id, #user, #display, deleted, #hidden, life, gv")
	in.ExpressionAttributeNames = map[string]string{"#user": "user", "#hidden": "hidden", "#display": "display"}
	for {
		out, err := t.db.QueryPage(ctx, in, maxRangePage)
		if err != nil {
			return nil, nil, err
		}
		before := len(found)
		for _, i := range out.Items {
			var k dynamo.Key
			if err := dynamo.Unmarshal(i, &k); err != nil {
				return nil, nil, err
			}
			for len(ids) > 0 && prefix+ulidOf(ids[0]) < k.SK {
				ids = ids[1:] // there is no such item
			}
			if len(ids) > 0 && prefix+ulidOf(ids[0]) == k.SK {
				found, ids = append(found, i), ids[1:]
			}
		}
		switch {
		case out.LastEvaluatedKey == nil:
			return found, nil, nil
		case len(found)-before < minRangeHits:
			return found, ids, nil
		}
		in.ExclusiveStartKey = out.LastEvaluatedKey
	}
}

package table

import (
	"context"
	"slices"
	"strings"

	"dsync/internal/dynamo"
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
	names := map[string]string{"#user": "user", "#hidden": "hidden", "#display": "display"}
	pk := directoryPartition(directoryID)
	var keys []dynamo.Key
	for _, prefix := range []string{User.prefix(), groupMembersPrefix(groupID)} {
		sorted := make([]string, len(ids))
		for n, id := range ids {
			sorted[n] = prefix + ulidOf(id)
		}
		found, rest, err := t.db.GetRange(ctx, pk, sorted, "sk, id, #user, #display, deleted, #hidden, life, gv", names)
		if err != nil {
			return nil, nil, err
		}
		for _, i := range found {
			if err := add(i); err != nil {
				return nil, nil, err
			}
		}
		for _, sk := range rest {
			keys = append(keys, dynamo.Key{PK: pk, SK: sk})
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

package session

import (
	"context"
	"errors"

	"dsync/internal/fault"
	"dsync/internal/scim"
	"dsync/internal/table"
)

// maxUserNames bounds the index of user names that a process keeps.
const maxUserNames = 10_000

// userNameKey is a key of the index from user names to user ids. An entry is a
// hint: the user that it leads to is read, and is the one if it still has the
// name, because no other user can have it. So a name that was looked up before
// costs one read instead of two.
type userNameKey struct {
	directoryID string
	name        string // folded
}

// byName plans to read the resources with that name, in any letter case: one
// user at most, and one group unless groups of the directory share names, or
// did so before.
func (s *Session) byName(ctx context.Context, t Type, name string) (plan, error) {
	if t.kind == table.Group {
		ids, err := s.table.NameHolders(ctx, t.kind, s.directoryID, name)
		return s.byID(ctx, t, ids), err
	}
	k := userNameKey{s.directoryID, scim.Fold(name)}
	if userID, ok := s.userNames.Get(k); ok {
		record, r, err := s.load(ctx, t, userID)
		if err == nil && t.named(r, name) {
			return only(record), nil
		}
		if err != nil && fault.KindOf(err) != fault.NotFound {
			return plan{}, err
		}
	}
	userID, err := s.table.ByName(ctx, t.kind, s.directoryID, name)
	if errors.Is(err, table.ErrNotFound) {
		return s.byID(ctx, t, nil), nil
	} else if err != nil {
		return plan{}, err
	}
	s.userNames.Put(k, userID)
	return s.byID(ctx, t, []string{userID}), nil
}

// named reports whether a resource has that name, in any letter case.
func (t Type) named(r Resource, name string) bool {
	current, _ := r.Document[t.key].(string)
	return scim.Fold(current) == scim.Fold(name)
}

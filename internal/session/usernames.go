package session

import (
	"context"

	"dsync/internal/fault"
	"dsync/internal/scim"
	"dsync/internal/table"
)

// maxUserNames bounds the index of user names that a process keeps.
const maxUserNames = 10_000

// userNameKey is a key of the index from user names to user ids. An entry is a
// hint: the user that it leads to is read, and is the one if it still has the
// name, because no other user can have it: there is no entry for a name that an
// earlier version gave to several users. So a name that was looked up before costs
// one read instead of two.
type userNameKey struct {
	directoryID string
	name        string // folded
}

// byName plans to read the resources with that name, as scim.FoldName compares
// names: one, unless groups of the directory share names or did so before, or an
// earlier version gave several users names that are now the same.
func (s *Session) byName(ctx context.Context, t Type, name string) (plan, error) {
	if t.kind == table.Group {
		ids, err := s.table.NameHolders(ctx, t.kind, s.directoryID, name)
		return s.byID(ctx, t, ids), err
	}
	k := userNameKey{s.directoryID, scim.FoldName(name)}
	if userID, ok := s.userNames.Get(k); ok {
		record, r, err := s.load(ctx, t, userID)
		if err == nil && t.named(r, name) {
			return only(record), nil
		}
		if err != nil && fault.KindOf(err) != fault.NotFound {
			return plan{}, err
		}
	}
	ids, err := s.table.NameHolders(ctx, t.kind, s.directoryID, name)
	if err == nil && len(ids) == 1 {
		s.userNames.Put(k, ids[0])
	}
	return s.byID(ctx, t, ids), err
}

// named reports whether a resource has that name.
func (t Type) named(r Resource, name string) bool {
	current, _ := r.Document[t.key].(string)
	return scim.FoldName(current) == scim.FoldName(name)
}

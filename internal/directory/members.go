package directory

import (
	"context"
	"errors"
	"net/http"

	"dsync/internal/scim"
	"dsync/internal/table"
)

// MaxInlineMembers is how many members one answer holds: well within the 6 MB
// that a function may answer.
const MaxInlineMembers = 10_000

// Members lists the members of a group as clients see them, up to limit; one
// more than that fails with tooMany.
func (s *Session) Members(ctx context.Context, group string, limit int) ([]any, error) {
	members := []any{}
	err := s.table.Members(ctx, s.token.DirectoryID, group, func(m table.Membership) bool {
		member := map[string]any{"value": m.UserID, "type": scim.Users.Name}
		if m.Display != "" {
			member["display"] = m.Display
		}
		members = append(members, member)
		return len(members) <= limit
	})
	if err == nil && len(members) > limit {
		err = scim.Errorf(http.StatusBadRequest, scim.TooMany,
			"there are more than %d members to show: ask with excludedAttributes=members", MaxInlineMembers)
	}
	return members, err
}

// changeMembers applies a change of members to a group: it writes the
// memberships that really change, and raises the group's version once. What is
// there already, or gone already, costs a read and changes nothing. With a
// version other than 0 the group must still have it.
func (s *Session) changeMembers(ctx context.Context, t Type, group string, version int64, m *scim.Members) error {
	if !t.kind.ValidID(group) {
		return notFound(t)
	}
	change, err := s.plan(ctx, group, m)
	if err != nil {
		return err
	}
	if len(change) == 0 {
		_, err := s.Get(ctx, t, group)
		return err
	}
	// The version first: if we die between the two writes, the client sees a
	// new version too early, and repeating the request completes it.
	err = s.table.Touch(ctx, s.token.DirectoryID, group, version, change[0].At, s.by)
	if errors.Is(err, table.ErrNotFound) {
		return notFound(t)
	} else if err != nil {
		return err
	}
	return s.table.PutMemberships(ctx, change)
}

// plan finds the memberships that a change of members really changes: removals
// first, then additions, each in the order of the request. It reads by key, so
// its cost depends on the members that are named, not on those of the group;
// only forgetting all members reads them all.
func (s *Session) plan(ctx context.Context, group string, m *scim.Members) ([]table.Membership, error) {
	change := table.Membership{
		DirectoryID: s.token.DirectoryID, OrganizationID: s.token.OrganizationID, GroupID: group, At: s.clock(), Cause: s.by,
	}
	added, removed := m.Added(), m.Removed()
	named := removed
	for _, member := range added {
		named = append(named, member.ID)
	}
	exist, in, err := s.table.Present(ctx, s.token.DirectoryID, group, named)
	if err != nil {
		return nil, err
	}
	if m.Reset {
		keep := make(map[string]bool, len(added))
		for _, member := range added {
			keep[member.ID] = true
		}
		err := s.table.Members(ctx, s.token.DirectoryID, group, func(current table.Membership) bool {
			if !keep[current.UserID] && !in[current.UserID] {
				removed = append(removed, current.UserID)
			}
			in[current.UserID] = true
			return true
		})
		if err != nil {
			return nil, err
		}
	}
	var list []table.Membership
	for _, user := range removed {
		if in[user] {
			change.UserID, change.Display = user, ""
			list = append(list, change.Bury())
		}
	}
	unknown := 0
	for _, member := range added {
		switch {
		case !exist[member.ID]:
			// No user of this directory: ignored, so that one stray id does not
			// cost the others their membership (entra.md section 15).
			unknown++
		case !in[member.ID]:
			change.UserID, change.Display = member.ID, member.Display
			list = append(list, change)
		}
	}
	if unknown > 0 {
		s.tolerated(ctx, "members that are no users of the directory", unknown)
	}
	return list, nil
}

package session

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"dsync/internal/dsync"
	"dsync/internal/fault"
	"dsync/internal/id"
	"dsync/internal/scim"
	"dsync/internal/scim/resource"
	"dsync/internal/settings"
	"dsync/internal/table"
	"dsync/internal/usage"
)

// MaxInlineMembers is how many members one response holds, and maxInlineBytes
// their size: a function's response has 6 MB at most, and JSON may escape their
// names.
const (
	MaxInlineMembers = 10_000
	maxInlineBytes   = 4 << 20
	memberBytes      = 140 // of a member without its name and the URL of the endpoint
	escapedBytes     = 6   // of a byte in JSON, at most
)

// Room is how many members still fit a response.
type Room struct{ members, bytes int }

// NewRoom is the room of a response without members.
func NewRoom() *Room { return &Room{MaxInlineMembers, maxInlineBytes} }

// Members lists the members of a group in their SCIM form. users is the URL of
// the endpoint of users. If they do not fit the room, it fails with tooMany, whose
// detail says how to read them.
func (s *Session) Members(ctx context.Context, group, users string, room *Room) ([]any, error) {
	members := []any{}
	for m, err := range s.table.Members(ctx, s.directoryID, group, "") {
		if err != nil {
			return nil, err
		}
		member := map[string]any{"value": m.UserID, "$ref": users + "/" + m.UserID, "type": scim.Users.Name}
		if m.Display != "" {
			member["display"] = m.Display
		}
		members = append(members, member)
		room.members--
		room.bytes -= memberBytes + len(users) + escapedBytes*len(m.Display)
		if room.members < 0 || room.bytes < 0 {
			return nil, fault.New(fault.Invalid, scim.TooMany,
				"the answer would hold more than %d members: ask with excludedAttributes=members, and read them page by page with /Users?filter=groups eq \"%s\"&attributes=id&cursor",
				MaxInlineMembers, group)
		}
	}
	return members, nil
}

// Groups lists the groups of a user in their SCIM form (RFC 7643 section 4.1.2).
// url is the URL of the endpoint of groups.
func (s *Session) Groups(ctx context.Context, user, url string) ([]any, error) {
	ids, err := s.table.GroupsOf(ctx, s.directoryID, user)
	if err != nil {
		return nil, err
	}
	groups := []any{}
	for record, err := range s.read(ctx, Groups, ids) {
		if err != nil {
			return nil, err
		}
		r, err := parse(record)
		if err != nil {
			return nil, err
		}
		groups = append(groups, map[string]any{"value": r.Meta.ID, "$ref": url + "/" + r.Meta.ID, "display": r.Document["displayName"], "type": "direct"})
	}
	return groups, nil
}

// changeMembers applies a change of members to a group: it writes the memberships
// that differ, and raises the group's version once. Adding a present member or
// removing an absent one costs a read and changes nothing, except that a present
// member takes a new display. That is no event. With a version other
// than 0 the group must still have it.
func (s *Session) changeMembers(ctx context.Context, t Type, group string, version int64, m *resource.Members) error {
	if !t.kind.ValidID(group) {
		return notFound(t)
	}
	change, err := s.planMemberships(ctx, group, m)
	if err != nil {
		return err
	}
	if len(change) == 0 {
		_, err := s.Get(ctx, t, group)
		return err
	}
	// The version first: if the process ends between the two writes, the client
	// sees a new version too early, and a retry completes the change.
	err = s.table.Touch(ctx, s.directoryID, group, version, change[0].At, s.actor)
	if errors.Is(err, table.ErrNotFound) {
		return notFound(t)
	} else if err != nil {
		return err
	}
	s.trace.Changed()
	return s.table.PutMemberships(ctx, change)
}

// checkNested refuses groups as members of a group, if the directory is set so.
func (s *Session) checkNested(m *resource.Members) error {
	if m == nil || s.settings.NestedGroups != settings.Refuse {
		return nil
	}
	if slices.ContainsFunc(m.Added(), nested) {
		return fault.New(fault.Invalid, scim.InvalidValue, "a group cannot be a member of a group of this directory").About(scim.Groups.Keyed)
	}
	return nil
}

// nested reports whether a member is a group, by its type or its id.
func nested(m resource.Member) bool {
	return m.Group || strings.HasPrefix(m.ID, id.Group.Of(""))
}

// planMemberships finds the memberships that a change of members changes: removals
// first, then additions, each in the order of the request. It reads by key, so
// its cost depends on the members of the request, not on those of the group. Only
// a replacement of all members reads them all.
func (s *Session) planMemberships(ctx context.Context, group string, m *resource.Members) ([]table.Membership, error) {
	change := table.Membership{
		DirectoryID: s.directoryID, OrganizationID: s.organizationID, GroupID: group, At: s.timestamp(), Actor: s.actor,
	}
	added, removed := m.Added(), m.Removed()
	named := removed
	for _, member := range added {
		named = append(named, member.ID)
	}
	known, in, err := s.table.CheckMembers(ctx, s.directoryID, group, named)
	if err != nil {
		return nil, err
	}
	if m.Reset {
		keep := make(map[string]bool, len(added))
		for _, member := range added {
			keep[member.ID] = true
		}
		for current, err := range s.table.Members(ctx, s.directoryID, group, "") {
			if err != nil {
				return nil, err
			}
			if !keep[current.UserID] && in[current.UserID] == nil {
				removed = append(removed, current.UserID)
			}
			in[current.UserID] = &current.Display
		}
		if err := s.addStates(ctx, group, removed, known); err != nil {
			return nil, err
		}
	}
	var list []table.Membership
	of := func(user, display string) table.Membership {
		m := change
		m.UserID, m.Display, m.Hidden, m.Generation = user, display, known[user].Hidden, known[user].Generation
		return m
	}
	for _, user := range removed {
		if in[user] != nil {
			list = append(list, of(user, "").SoftDelete())
		}
	}
	unknown, groups := 0, 0
	for _, member := range added {
		switch {
		case nested(member):
			groups++
		case !known[member.ID].Exists:
			// Not a user of this directory. It is ignored, so that the other members
			// are added (entra.md section 15).
			unknown++
		case in[member.ID] == nil, member.Display != "" && member.Display != *in[member.ID]:
			list = append(list, of(member.ID, member.Display))
		}
	}
	if unknown > 0 {
		s.trace.Tolerate(usage.UnknownMember, scim.Groups.Keyed, unknown)
	}
	if groups > 0 {
		s.trace.Tolerate(usage.NestedGroup, scim.Groups.Keyed, groups)
	}
	return list, nil
}

// addStates adds the states of users that the request does not name, for the
// events of their removal. Only a policy that hides users needs them: without it
// users are visible, in their first generation.
func (s *Session) addStates(ctx context.Context, group string, users []string, known map[string]table.UserState) error {
	if s.projection.Deactivation != dsync.Delete {
		return nil
	}
	more, _, err := s.table.CheckMembers(ctx, s.directoryID, group, users)
	maps.Copy(known, more)
	return err
}

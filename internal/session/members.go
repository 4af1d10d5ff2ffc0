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

// MaxRemoved is how many members a request removes that replaces or removes all
// members of a group: as many as fit the budget of a PATCH. A job removes more.
const MaxRemoved = 1_000

// Members lists the members of a group in their SCIM form. users is the URL of
// the endpoint of users. If they do not fit the room, it fails with tooMany, whose
// detail says how to read them.
func (s *Session) Members(ctx context.Context, group Resource, users string, room *Room) ([]any, error) {
	members := []any{}
	for m, err := range s.table.Members(ctx, s.directoryID, group.Meta.ID, "") {
		if err != nil {
			return nil, err
		}
		if m.Version < group.emptied {
			continue
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
				MaxInlineMembers, group.Meta.ID)
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
		if r.emptied != 0 {
			in, err := s.table.IsMember(ctx, s.directoryID, r.Meta.ID, user, r.emptied)
			if err != nil {
				return nil, err
			}
			if !in {
				continue
			}
		}
		groups = append(groups, map[string]any{"value": r.Meta.ID, "$ref": url + "/" + r.Meta.ID, "display": r.Document["displayName"], "type": "direct"})
	}
	return groups, nil
}

// changeMembers writes the memberships of a plan, and raises the group's version
// once. Adding a present member or removing an absent one costs a read and changes
// nothing, except that a present member takes a new display. That is no event. With
// a version other than 0 the group must still have it.
func (s *Session) changeMembers(ctx context.Context, t Type, group string, version int64, change membershipPlan) error {
	if len(change.write) == 0 {
		r, err := s.Get(ctx, t, group)
		if err != nil || len(change.in(r.Meta.Version, r.emptied)) == 0 {
			return err
		}
	}
	// The version first: if the process ends between the two writes, the client
	// sees a new version too early, and a retry completes the change.
	touched, err := s.table.Touch(ctx, s.directoryID, group, version, s.timestamp(), s.actor)
	if errors.Is(err, table.ErrNotFound) {
		return notFound(t)
	} else if err != nil {
		return err
	}
	s.trace.Changed()
	return s.table.PutMemberships(ctx, change.in(touched.Version, touched.Emptied))
}

// empty removes the members of a group that was read, and adds those of the plan.
// It fails with table.ErrStale if the group has changed since.
func (s *Session) empty(ctx context.Context, old table.Resource, change membershipPlan) error {
	next := old
	next.Version++
	next.Modified, next.Actor = s.timestamp(), s.actor
	if next.Modified.Before(old.Modified) {
		next.Modified = old.Modified
	}
	job, err := s.emptied(&next)
	if err != nil {
		return err
	}
	if err := s.table.Update(ctx, old.Version, next, job); err != nil {
		return err
	}
	s.trace.Changed()
	return s.table.PutMemberships(ctx, change.in(next.Version, next.Emptied))
}

// emptied lets a new version of a group have none of its members. The job removes
// their records, with an event for each.
func (s *Session) emptied(group *table.Resource) (table.Job, error) {
	group.Emptied = group.Version
	job, err := table.NewJob(table.RemoveMembers, s.directoryID, s.timestamp(), s.actor, s.entropy)
	job.Kind, job.Subject, job.Until = table.Group, group.ID, group.Version
	return job, err
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

// membershipPlan has the memberships that a change of members writes.
type membershipPlan struct {
	write []table.Membership
	// kept are members that the change adds and that are there. They are written if
	// they are of before the group was emptied, because a job removes those.
	kept []table.Membership
	// rest says that others have to be removed, more than MaxRemoved: a job has to do
	// that.
	rest bool
}

// in are the memberships to write in a version of the group that was emptied in
// some version, or 0.
func (p membershipPlan) in(version, emptied int64) []table.Membership {
	list := slices.Clone(p.write)
	for _, m := range p.kept {
		if m.Version < emptied {
			list = append(list, m)
		}
	}
	for i := range list {
		list[i].Version = version
	}
	return list
}

// planMemberships finds the memberships that a change of members changes: removals
// first, then additions, each in the order of the request. It reads by key, so
// its cost depends on the members of the request, not on those of the group. Only
// a replacement of all members reads them, until there are more than MaxRemoved to
// remove. emptied is the version in which the group was emptied, or 0.
func (s *Session) planMemberships(ctx context.Context, group string, emptied int64, m *resource.Members) (p membershipPlan, err error) {
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
		return p, err
	}
	if m.Reset {
		if removed, err = s.others(ctx, group, emptied, added); err != nil {
			return p, err
		}
		if len(removed) > MaxRemoved {
			p.rest, removed = true, nil
		}
		if err := s.addStates(ctx, group, removed, known); err != nil {
			return p, err
		}
	}
	of := func(user, display string) table.Membership {
		m := change
		m.UserID, m.Display, m.Hidden, m.Generation = user, display, known[user].Hidden, known[user].Generation
		return m
	}
	for _, user := range removed {
		if in[user] != nil || m.Reset {
			p.write = append(p.write, of(user, "").SoftDelete())
		}
	}
	unknown, groups := 0, 0
	for _, member := range added {
		current := in[member.ID]
		switch {
		case nested(member):
			groups++
		case !known[member.ID].Exists:
			// Not a user of this directory. It is ignored, so that the other members
			// are added (entra.md section 15).
			unknown++
		case current == nil, member.Display != "" && member.Display != current.Display:
			p.write = append(p.write, of(member.ID, member.Display))
		default:
			kept := of(member.ID, current.Display)
			kept.Version = current.Version
			p.kept = append(p.kept, kept)
		}
	}
	if unknown > 0 {
		s.trace.Tolerate(usage.UnknownMember, scim.Groups.Keyed, unknown)
	}
	if groups > 0 {
		s.trace.Tolerate(usage.NestedGroup, scim.Groups.Keyed, groups)
	}
	return p, nil
}

// others are the members of a group but those that are added. It stops when there
// are more than MaxRemoved.
func (s *Session) others(ctx context.Context, group string, emptied int64, added []resource.Member) (ids []string, err error) {
	keep := make(map[string]bool, len(added))
	for _, member := range added {
		keep[member.ID] = true
	}
	for m, err := range s.table.Members(ctx, s.directoryID, group, "") {
		if err != nil {
			return nil, err
		}
		if m.Version < emptied || keep[m.UserID] {
			continue
		}
		if ids = append(ids, m.UserID); len(ids) > MaxRemoved {
			break
		}
	}
	return ids, nil
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

package dsync

// Membership is a membership at one moment.
type Membership struct {
	Deleted bool
	// Hidden says that the user is not in the projection. Such a membership
	// has not been announced to consumers.
	Hidden bool
	// Generation is the user's generation in which the membership was
	// announced. It increases when the user returns to the projection.
	Generation int64
}

// MembershipGeneration returns the user's generation that a change of a membership
// belongs to. Consumers drop the memberships of a user or group that is deleted or
// leaves the projection, so no event may follow the deletion of that generation.
func MembershipGeneration(old *Membership, updated Membership) int64 {
	if updated.Deleted && old != nil {
		return old.Generation
	}
	return updated.Generation
}

// MembershipChange returns the event of a membership's change from old to
// updated, or nil if consumers see no change. old is nil for a new one.
//
// user and group are as they are now. A user that has been deleted since has
// the state inactive, so that no consumer gives access to it.
func MembershipChange(old *Membership, updated Membership, user, group Resource) *Change {
	from, to := Absent, Present
	if old != nil && !old.Deleted && !old.Hidden {
		from = Present
	}
	if updated.Deleted {
		to = Absent
	}
	switch {
	case updated.Hidden && MembershipGeneration(old, updated) <= updated.Generation:
		return nil // user.deleted has removed the membership for consumers
	case from == Present && to == Present && updated.Generation > old.Generation:
		from = Absent // user.deleted removed it, and the user has returned
	}
	t, ok := typeOf(SubjectMembership, from, to)
	if !ok {
		return nil
	}
	member := User(user)
	if user.Deleted {
		member["state"] = inactive
	}
	return &Change{t.Name, map[string]any{
		"directory_id": group.DirectoryID,
		"user":         member,
		"group":        Group(group),
	}}
}

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

// MembershipChange returns the event of a membership's change from old to
// updated, or nil if consumers see no change. old is nil for a new one.
//
// user and group are as they are now. A user that has been deleted since has
// the state inactive, so that no consumer gives access to it.
func MembershipChange(old *Membership, updated Membership, user, group Resource) *Change {
	if updated.Hidden {
		return nil // user.deleted has removed the membership for consumers
	}
	from, to := Absent, Present
	if old != nil && !old.Deleted && !old.Hidden {
		from = Present
	}
	switch {
	case updated.Deleted:
		to = Absent
	case old != nil && updated.Generation > old.Generation:
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

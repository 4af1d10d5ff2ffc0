package dsync

import "time"

// Resource is a user or a group at one moment.
type Resource struct {
	ID             string
	DirectoryID    string
	OrganizationID string
	Document       map[string]any // the SCIM resource, under canonical names
	Created        time.Time
	Updated        time.Time
	Deleted        bool
	Projection     Projection // of a user; the directory's for a group
}

// state is Present for a resource in the projection. r may be nil.
func (r *Resource) state() State {
	if r == nil || r.Deleted || r.Projection.Excludes(r.Document) {
		return Absent
	}
	return Present
}

// UserChange returns the event of a user's change from old to updated, or nil
// if consumers see no change. old is nil for a new user.
//
// A user who enters or leaves the projection is created or deleted for
// consumers.
func UserChange(old, updated *Resource) *Change {
	return resourceChange(SubjectUser, old, updated, User)
}

// GroupChange is UserChange for a group. A change of the group's members is
// not a change of the group.
func GroupChange(old, updated *Resource) *Change {
	return resourceChange(SubjectGroup, old, updated, Group)
}

func resourceChange(subject Subject, old, updated *Resource, payload func(Resource) map[string]any) *Change {
	t, ok := typeOf(subject, old.state(), updated.state())
	switch {
	case !ok:
		return nil
	case updated.Deleted:
		return &Change{t.Name, payload(*old)} // as last known
	case !t.Updates():
		return &Change{t.Name, payload(*updated)}
	}
	data := payload(*updated)
	previous := previousAttributes(payload(*old), data)
	if len(previous) == 0 {
		return nil
	}
	data["previous_attributes"] = previous
	return &Change{t.Name, data}
}

// Package dsync derives dsync events: what a change of a user, group or
// membership means to the application that consumes it, in the wire format of
// WorkOS Directory Sync (workos.md section 2).
//
// Everything here is a pure function: the same change gives the same event,
// with the same id, however often it is derived.
package dsync

import (
	"fmt"
	"math/big"
	"time"

	"dsync/internal/id"

	"github.com/oklog/ulid/v2"
)

// The names of the events (workos.md section 2.2).
const (
	DirectoryActivated = "dsync.activated"
	DirectoryDeleted   = "dsync.deleted"
	TokenCreated       = "dsync.token.created"
	TokenRevoked       = "dsync.token.revoked"
	UserCreated        = "dsync.user.created"
	UserUpdated        = "dsync.user.updated"
	UserDeleted        = "dsync.user.deleted"
	GroupCreated       = "dsync.group.created"
	GroupUpdated       = "dsync.group.updated"
	GroupDeleted       = "dsync.group.deleted"
	GroupUserAdded     = "dsync.group.user_added"
	GroupUserRemoved   = "dsync.group.user_removed"
)

// Names are the names of all events.
var Names = []string{
	DirectoryActivated, DirectoryDeleted, TokenCreated, TokenRevoked,
	UserCreated, UserUpdated, UserDeleted,
	GroupCreated, GroupUpdated, GroupDeleted, GroupUserAdded, GroupUserRemoved,
}

// Event is the envelope of an event (workos.md section 2.1).
type Event struct {
	Object    string         `json:"object"` // "event"
	ID        string         `json:"id"`     // event_<ULID>
	Name      string         `json:"event"`
	Data      map[string]any `json:"data"`
	CreatedAt string         `json:"created_at"` // RFC 3339, milliseconds, UTC
	Context   Context        `json:"context"`
}

// Context is what caused the change.
type Context struct {
	RequestID string `json:"request_id,omitempty"`
	TokenID   string `json:"token_id,omitempty"` // directory_token_<ULID>
	// Truncated names what was left out of data to keep the event below the
	// bus's limit.
	Truncated []string `json:"truncated,omitempty"`
}

// Resource is a user or a group at one moment.
type Resource struct {
	ID             string
	DirectoryID    string
	OrganizationID string
	Document       map[string]any // the SCIM resource, under canonical names
	Created        time.Time
	Updated        time.Time
	Gone           bool // deleted
	View           View // of a user; the directory's for a group
}

func (r *Resource) shown() bool { return r != nil && !r.Gone && !r.View.Hides(r.Document) }

// EventID is the id of the event at a place in the stream: a ULID whose time
// is that of the stream record and whose 80 random bits are its sequence
// number modulo 2^80. Ids of one shard sort as the shard does.
func EventID(at time.Time, sequenceNumber string) (string, error) {
	n, ok := new(big.Int).SetString(sequenceNumber, 10)
	if !ok || n.Sign() < 0 {
		return "", fmt.Errorf("dsync: sequence number %q", sequenceNumber)
	}
	var u ulid.ULID
	if err := u.SetTime(ulid.Timestamp(at)); err != nil {
		return "", fmt.Errorf("dsync: stream time: %w", err)
	}
	n.Mod(n, new(big.Int).Lsh(big.NewInt(1), 80))
	n.FillBytes(u[6:])
	return id.Event.Of(u.String()), nil
}

// Change is the name and data of an event that a change means.
type Change struct {
	Name string
	Data map[string]any
}

// UserChange is what the step from old to new of a user means, or nil when no
// consumer can see it. old is nil for a new user.
func UserChange(old, new *Resource) *Change {
	return change(old, new, User, UserCreated, UserUpdated, UserDeleted)
}

// GroupChange is UserChange for a group. A change of its members is none.
func GroupChange(old, new *Resource) *Change {
	return change(old, new, Group, GroupCreated, GroupUpdated, GroupDeleted)
}

func change(old, new *Resource, payload func(Resource) map[string]any, created, updated, deleted string) *Change {
	was, is := old.shown(), new.shown()
	switch {
	case !was && is:
		return &Change{created, payload(*new)}
	case was && new.Gone:
		return &Change{deleted, payload(*old)} // as it was last known
	case was && !is:
		return &Change{deleted, payload(*new)} // its state says why
	case !was:
		return nil
	}
	data := payload(*new)
	previous, changed := previousAttributes(payload(*old), data)
	if !changed {
		return nil
	}
	data["previous_attributes"] = previous
	return &Change{updated, data}
}

// Membership is a membership at one moment.
type Membership struct {
	Gone   bool
	Hidden bool  // consumers were not told, because they were not shown the user
	Life   int64 // of the user, in which consumers were told
}

// MembershipChange is what the step from old to new of a membership means, or
// nil. old is nil for a new one. user and group are as they are now: a user
// that was deleted since is inactive, so that nobody takes it in again.
func MembershipChange(old *Membership, new Membership, user, group Resource) *Change {
	told := old != nil && !old.Gone && !old.Hidden
	var name string
	switch {
	case !new.Gone && !new.Hidden && (!told || new.Life > old.Life):
		name = GroupUserAdded
	case told && new.Gone && !new.Hidden:
		name = GroupUserRemoved
	default:
		return nil
	}
	member := User(user)
	if user.Gone {
		member["state"] = inactive
	}
	return &Change{name, map[string]any{
		"directory_id": group.DirectoryID,
		"user":         member,
		"group":        Group(group),
	}}
}

// Package dsync derives dsync events from changes of records, in the wire
// format of WorkOS Directory Sync (workos.md section 2).
//
// Catalogue defines all events. DirectoryChange, UserChange, GroupChange and
// MembershipChange return the event of a change, or nil if consumers see no
// change. One change has at most one event.
//
// All functions are pure and safe for concurrent use: the same change gives
// the same event with the same id, in every process and on every retry.
package dsync

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"strconv"
	"strings"
	"time"

	"dsync/internal/id"

	"github.com/oklog/ulid/v2"
)

// Event is the envelope of an event (workos.md section 2.1).
type Event struct {
	Object    string         `json:"object"` // "event"
	ID        string         `json:"id"`     // event_<ULID>
	Name      string         `json:"event"`
	Data      map[string]any `json:"data"`
	CreatedAt string         `json:"created_at"` // RFC 3339, milliseconds, UTC
	Context   Context        `json:"context"`
}

// Context names the actor of the change and the position of the event.
type Context struct {
	// Sequence counts the events of a directory: 1, 2, 3 and so on without a gap,
	// in the order in which they were logged. Consumers compare it: a smaller
	// number is an older event, and a gap is a loss.
	Sequence  int64  `json:"sequence,omitempty"`
	RequestID string `json:"request_id,omitempty"`
	TokenID   string `json:"token_id,omitempty"` // directory_token_<ULID>
	// Truncated names the attributes that were removed from data, or shortened, to
	// keep the event below MaxBytes.
	Truncated []string `json:"truncated,omitempty"`
}

// EventID returns the id of an event: a ULID whose time is that of the change and
// whose other 80 bits are a hash of the identity of the change. The same change
// has the same id in every process and on every retry. It fails for a time that
// a ULID cannot hold.
func EventID(at time.Time, identity ...string) (string, error) {
	hash := sha256.Sum256([]byte(strings.Join(identity, "\x00")))
	if bytes.Equal(hash[:6], []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}) {
		hash[0] = 0 // these ids are cursors of the log
	}
	var u ulid.ULID
	if err := u.SetTime(ulid.Timestamp(at)); err != nil {
		return "", fmt.Errorf("dsync: time of the change: %w", err)
	}
	copy(u[6:], hash[:])
	return id.Event.Of(u.String()), nil
}

// CreationID is the EventID of the creation of a user or group, DeletionID that
// of its deletion. Both are unique in each generation, so whoever has the resource
// can tell by them whether the event is logged.
func CreationID(at time.Time, resourceID string, generation int64) (string, error) {
	return EventID(at, "created", resourceID, strconv.FormatInt(generation, 10))
}

// DeletionID is the EventID of a deletion: see CreationID.
func DeletionID(at time.Time, resourceID string, generation int64) (string, error) {
	return EventID(at, "deleted", resourceID, strconv.FormatInt(generation, 10))
}

// References are the ids of the resources that an event is about. UserID and
// GroupID are "" for an event of a directory or a token; a membership event
// has both.
type References struct{ DirectoryID, UserID, GroupID string }

// References reads the ids from the event's data. A missing id is "".
func (e Event) References() References {
	r := References{}
	r.DirectoryID, _ = e.Data["directory_id"].(string)
	switch subjectOf(e.Name) {
	case SubjectUser:
		r.UserID = idOf(e.Data)
	case SubjectGroup:
		r.GroupID = idOf(e.Data)
	case SubjectMembership:
		r.UserID, r.GroupID = idOf(e.Data["user"]), idOf(e.Data["group"])
	case SubjectDirectory:
		r.DirectoryID = idOf(e.Data)
	}
	return r
}

func idOf(v any) string {
	object, _ := v.(map[string]any)
	s, _ := object["id"].(string)
	return s
}

// Change is the name and the data of the event of a change.
type Change struct {
	Name string
	Data map[string]any
}

package consumer

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"dsync/internal/dsync"
	"dsync/internal/id"
)

// The names of the events that are known here, such as dsync.user.created.
// There may be others.
const (
	DirectoryActivated = dsync.DirectoryActivated
	DirectoryDeleted   = dsync.DirectoryDeleted
	TokenCreated       = dsync.TokenCreated
	TokenRevoked       = dsync.TokenRevoked
	UserCreated        = dsync.UserCreated
	UserUpdated        = dsync.UserUpdated
	UserDeleted        = dsync.UserDeleted
	GroupCreated       = dsync.GroupCreated
	GroupUpdated       = dsync.GroupUpdated
	GroupDeleted       = dsync.GroupDeleted
	GroupUserAdded     = dsync.GroupUserAdded
	GroupUserRemoved   = dsync.GroupUserRemoved
)

// Event is a dsync event.
type Event struct {
	// ID is the place of the change in the stream: within a directory a later
	// change has a greater id.
	ID        string
	Name      string
	CreatedAt time.Time
	Context   Context
	// Data is a Directory, Token, User, Group or Membership, as the name says,
	// or a json.RawMessage if the name is not known here.
	Data any
}

// Context is what caused the change.
type Context struct {
	RequestID string   `json:"request_id"`
	TokenID   string   `json:"token_id"`
	Truncated []string `json:"truncated"` // what was left out of Data
}

// ErrMalformed: it is no dsync event. To try again is of no use.
var ErrMalformed = errors.New("consumer: malformed event")

// Parse reads an event as the `detail` of an EventBridge event and the entries
// of GET /events have it. Names and fields that are not known are kept and
// passed over; what order and keys rest on has to be there. It fails with
// ErrMalformed.
func Parse(detail []byte) (Event, error) {
	var envelope struct {
		Object    string          `json:"object"`
		ID        string          `json:"id"`
		Event     string          `json:"event"`
		Data      json.RawMessage `json:"data"`
		CreatedAt time.Time       `json:"created_at"`
		Context   Context         `json:"context"`
	}
	if err := json.Unmarshal(detail, &envelope); err != nil {
		return Event{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	e := Event{ID: envelope.ID, Name: envelope.Event, CreatedAt: envelope.CreatedAt, Context: envelope.Context}
	if envelope.Object != "event" || !id.Event.Valid(e.ID) || e.Name == "" {
		return Event{}, fmt.Errorf("%w: object %q, id %q, event %q", ErrMalformed, envelope.Object, e.ID, e.Name)
	}
	var err error
	if e.Data, err = parseData(e.Name, envelope.Data); err != nil {
		return Event{}, fmt.Errorf("%w: %s %s: %w", ErrMalformed, e.Name, e.ID, err)
	}
	return e, nil
}

// parseData reads the data of an event of that name.
func parseData(name string, raw json.RawMessage) (any, error) {
	switch name {
	case DirectoryActivated, DirectoryDeleted:
		return into[Directory](raw)
	case TokenCreated, TokenRevoked:
		return into[Token](raw)
	case UserCreated, UserUpdated, UserDeleted:
		return into[User](raw)
	case GroupCreated, GroupUpdated, GroupDeleted:
		return into[Group](raw)
	case GroupUserAdded, GroupUserRemoved:
		return into[Membership](raw)
	}
	return raw, nil
}

func into[T interface{ check() error }](raw json.RawMessage) (any, error) {
	var data T
	if err := json.Unmarshal(raw, &data); err != nil {
		return nil, err
	}
	return data, data.check()
}

// removals are the events that end a resource, by the events that do not.
var removals = map[string]string{
	DirectoryActivated: DirectoryDeleted,
	TokenCreated:       TokenRevoked,
	UserCreated:        UserDeleted,
	UserUpdated:        UserDeleted,
	GroupCreated:       GroupDeleted,
	GroupUpdated:       GroupDeleted,
	GroupUserAdded:     GroupUserRemoved,
}

// Removes reports whether the event ends its resource.
func (e Event) Removes() bool {
	switch e.Name {
	case DirectoryDeleted, TokenRevoked, UserDeleted, GroupDeleted, GroupUserRemoved:
		return true
	}
	return false
}

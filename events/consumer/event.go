package consumer

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Event is a dsync event.
type Event struct {
	// ID identifies the event: each delivery of it has the same id.
	ID string
	// Sequence is the position of the event in its directory: 1, 2, 3 and so on
	// without a gap. It is 0 for an event that an earlier version of dsync
	// logged, which is older than all others.
	Sequence  int64
	Name      string // such as UserCreated
	CreatedAt time.Time
	Context   Context
	// Data is a Directory, Token, User, Group or Membership, depending on
	// Name. It is a json.RawMessage if the package does not know the name.
	Data any
}

// Context names the actor of the change.
type Context struct {
	RequestID string   `json:"request_id"`
	TokenID   string   `json:"token_id"`
	Truncated []string `json:"truncated"` // what was removed from Data to limit its size
}

// ErrMalformed reports that the input is not a dsync event. A retry fails
// again.
var ErrMalformed = errors.New("consumer: malformed event")

// Parse reads an event: the detail of an EventBridge event, or an entry of
// the list that GET /events returns. It accepts unknown names and ignores
// unknown fields. It fails with ErrMalformed if the input is not an event, or
// if an id is missing that keys depend on.
func Parse(detail []byte) (Event, error) {
	var envelope struct {
		Object    string          `json:"object"`
		ID        string          `json:"id"`
		Event     string          `json:"event"`
		Data      json.RawMessage `json:"data"`
		CreatedAt time.Time       `json:"created_at"`
		Context   struct {
			Context
			Sequence int64 `json:"sequence"`
		} `json:"context"`
	}
	if err := json.Unmarshal(detail, &envelope); err != nil {
		return Event{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	e := Event{
		ID: envelope.ID, Sequence: envelope.Context.Sequence, Name: envelope.Event, CreatedAt: envelope.CreatedAt,
		Context: envelope.Context.Context, Data: envelope.Data,
	}
	if envelope.Object != "event" || !validID(eventPrefix, e.ID) || e.Name == "" || e.Sequence < 0 {
		return Event{}, fmt.Errorf("%w: object %q, id %q, event %q, sequence %d", ErrMalformed, envelope.Object, e.ID, e.Name, e.Sequence)
	}
	if t, known := eventTypes[e.Name]; known {
		var err error
		if e.Data, err = t.parse(envelope.Data); err != nil {
			return Event{}, fmt.Errorf("%w: %s %s: %w", ErrMalformed, e.Name, e.ID, err)
		}
	}
	return e, nil
}

// Removes reports whether the event removes its resource.
func (e Event) Removes() bool {
	t, known := eventTypes[e.Name]
	return known && t.removal == e.Name
}

// position returns the position of the event in its directory as a text that
// sorts. The first part is the sequence. The id decides only between events
// without a sequence, as it did before there were sequences. "event_" sorts
// before "sequence/", so these events are older than all others.
func (e Event) position() string {
	if e.Sequence == 0 && !e.observed() {
		return e.ID
	}
	return fmt.Sprintf("sequence/%019d/%s", e.Sequence, e.ID)
}

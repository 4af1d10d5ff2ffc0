package consumer

import (
	"time"

	"dsync/internal/id"

	"github.com/oklog/ulid/v2"
)

// settled is how far before the reading an observation is placed. A change
// that was made after the reading began must sort behind it, by the stream's
// clock, which counts whole minutes on one machine.
const settled = 2 * time.Minute

// Observed is an event that says what the REST API says of a resource: a
// reconciliation hands it to Consume beside the events, in any order with
// them. began is when the reading of all began. It says nothing against events
// of the last two minutes before that, or later ones.
//
// name is UserUpdated for a User that was found, and UserDeleted for one that
// was not; GroupUpdated, GroupDeleted, GroupUserAdded and so on likewise.
func Observed(name string, data any, began time.Time) Event {
	var first ulid.ULID // of its millisecond
	if err := first.SetTime(ulid.Timestamp(began.Add(-settled))); err != nil {
		panic(err) // of the year 10889, or before 1970
	}
	return Event{ID: id.Event.Of(first.String()), Name: name, CreatedAt: began, Data: data}
}

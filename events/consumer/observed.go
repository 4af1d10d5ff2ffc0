package consumer

import "time"

// observationLag is how far before the start of the reading an observation is
// placed. A change that was made after the start must sort after the
// observation, by the clock of the stream, which counts whole minutes on a
// local machine.
const observationLag = 2 * time.Minute

// Observed returns an event for what the REST API returned for a resource. A
// reconciliation passes it to Consume together with the events of a rule, in
// any order. started is the time at which the reconciliation began to read.
//
// The observation is older than every event of the last two minutes before
// started, and than every later event: those take precedence.
//
// name is UserUpdated for a User that was found, and UserDeleted for one that
// was not found; likewise GroupUpdated and GroupDeleted for a Group,
// GroupUserAdded and GroupUserRemoved for a Membership.
//
// Observed panics if started is before 1970.
func Observed(name string, data any, started time.Time) Event {
	return Event{ID: firstEventID(started.Add(-observationLag)), Name: name, CreatedAt: started, Data: data}
}

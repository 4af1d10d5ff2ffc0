package consumer

import (
	"fmt"
	"strings"
)

// observation is the prefix of the id of an observation. It sorts after that of
// an event: at the same sequence, the observation is newer.
const observation = "observation_"

// Observed returns an event for what the REST API returned for a resource. A
// reconciliation passes it to Consume together with the events of a rule, in
// any order. sequence is the sequence of the newest event in the log of the
// directory, read before the resource; 0 if the log is empty or that event has
// none. The resource as read includes every change up to there. So events with
// a greater sequence take precedence over the observation, and the observation
// takes precedence over all others.
//
// name is UserUpdated for a User that was found, and UserDeleted for one that
// was not found; likewise GroupUpdated and GroupDeleted for a Group,
// GroupUserAdded and GroupUserRemoved for a Membership. A list may lack a
// resource that was created a moment ago: request the resource by its id, and
// pass a deletion only if the response is 404. CreatedAt and Context are zero.
//
// Observed panics if sequence is negative.
func Observed(name string, data any, sequence int64) Event {
	if sequence < 0 {
		panic(fmt.Sprintf("consumer: the sequence %d is negative", sequence))
	}
	return Event{ID: fmt.Sprint(observation, sequence), Sequence: sequence, Name: name, Data: data}
}

func (e Event) observed() bool { return strings.HasPrefix(e.ID, observation) }

package relay

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"dsync/internal/dsync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/smithy-go"
)

// Source is the `source` of all events on the bus.
const Source = "dsync"

// Limits of PutEvents.
const (
	maxEntries = 10
	// maxSize bounds a request in bytes: some Regions still take 256 KB only.
	// An event above it is published without its raw attributes.
	maxSize = 256 << 10
)

// Bus puts events on an EventBridge bus.
type Bus struct {
	api  *eventbridge.Client
	name string
}

// NewBus returns the bus of that name.
func NewBus(api *eventbridge.Client, name string) *Bus { return &Bus{api, name} }

// parking takes an entry that the bus will never take.
type parking func(ctx context.Context, e entry, reason error) error

// publish puts the entries on the bus and parks those that it refuses for
// good. When some cannot be published now, it returns them and why.
func (b *Bus) publish(ctx context.Context, entries []entry, park parking) (sent int, rest []entry, err error) {
	for i := range entries {
		if err := entries[i].shrink(); err != nil {
			return 0, entries, err
		}
	}
	for len(entries) > 0 {
		n := together(entries)
		left, err := b.put(ctx, entries[:n], park)
		sent += n - len(left)
		if err != nil {
			return sent, append(left, entries[n:]...), err
		}
		entries = entries[n:]
	}
	return sent, nil, nil
}

// attempts of one PutEvents before the batch is given back.
const attempts = 5

// put repeats the entries that fail, in their order, and returns those that
// are left. The SDK repeats calls that fail as a whole.
func (b *Bus) put(ctx context.Context, entries []entry, park parking) (left []entry, err error) {
	for attempt := 1; ; attempt++ {
		out, err := b.api.PutEvents(ctx, b.input(entries))
		if refused(err) {
			return b.alone(ctx, entries, park, err)
		} else if err != nil {
			return entries, err
		}
		var failed []entry
		for i, result := range out.Entries {
			if result.ErrorCode == nil {
				continue
			}
			reason := fmt.Errorf("%s: %s", *result.ErrorCode, aws.ToString(result.ErrorMessage))
			if forGood[*result.ErrorCode] {
				if err := park(ctx, entries[i], reason); err != nil {
					return append(failed, entries[i:]...), err
				}
				continue
			}
			failed, err = append(failed, entries[i]), reason
		}
		if len(failed) == 0 || attempt == attempts {
			return failed, err
		}
		entries = failed
		select {
		case <-ctx.Done():
			return entries, ctx.Err()
		case <-time.After(rand.N(50 * time.Millisecond << attempt)):
		}
	}
}

// forGood are the errors of an entry that repeating does not help against.
var forGood = map[string]bool{"MalformedDetail": true, "InvalidArgument": true, "InvalidEventDetail": true, "NotAuthorizedForSourceException": true, "NotAuthorizedForDetailTypeException": true}

// refused reports whether a call is refused for what is in it.
func refused(err error) bool {
	var e smithy.APIError
	return errors.As(err, &e) && (e.ErrorCode() == "ValidationException" || e.ErrorCode() == "RequestEntityTooLarge" || e.ErrorCode() == "413")
}

// alone finds the entry that a call was refused for, by sending each alone,
// and parks it.
func (b *Bus) alone(ctx context.Context, entries []entry, park parking, reason error) (left []entry, err error) {
	if len(entries) == 1 {
		if err := park(ctx, entries[0], reason); err != nil {
			return entries, err
		}
		return nil, nil
	}
	for i := range entries {
		if left, err := b.put(ctx, entries[i:i+1], park); err != nil {
			return append(left, entries[i+1:]...), err
		}
	}
	return nil, nil
}

func (b *Bus) input(entries []entry) *eventbridge.PutEventsInput {
	in := &eventbridge.PutEventsInput{Entries: make([]types.PutEventsRequestEntry, len(entries))}
	for i, e := range entries {
		in.Entries[i] = types.PutEventsRequestEntry{
			EventBusName: &b.name,
			Source:       aws.String(Source),
			DetailType:   aws.String(e.Name),
			Detail:       aws.String(string(e.Detail)),
			Time:         aws.Time(e.at),
		}
	}
	return in
}

// size is what PutEvents counts.
func (e *entry) size() int { return len(e.Detail) + len(e.Name) + len(Source) + 14 }

// shrink leaves out the raw attributes of an event that is too large for the
// bus, and says so in its context. The log has it whole.
func (e *entry) shrink() error {
	if e.size() <= maxSize {
		return nil
	}
	var event dsync.Event
	if err := json.Unmarshal(e.Detail, &event); err != nil {
		return fmt.Errorf("relay: %w", err)
	}
	for _, part := range []any{event.Data, event.Data["user"], event.Data["group"], event.Data["previous_attributes"]} {
		if object, ok := part.(map[string]any); ok && object["raw_attributes"] != nil {
			object["raw_attributes"] = map[string]any{}
		}
	}
	event.Context.Truncated = []string{"raw_attributes"}
	var err error
	e.Detail, err = json.Marshal(event)
	return err
}

// touches names the resources that an event is about.
type touches struct {
	user, group string
	directory   bool
}

// together is how many of the first entries may go in one call. Any of them
// can fail alone, so none may depend on another: not two of one resource, no
// membership with its user or its group, and nothing with its directory.
func together(entries []entry) int {
	size := 0
	users, groups := map[string]bool{}, map[string]bool{} // of their own events
	inUser, inGroup := map[string]bool{}, map[string]bool{}
	edges := map[touches]bool{}
	inDirectory, directories := map[string]bool{}, map[string]bool{}
	for i, e := range entries {
		if size += e.size(); i == maxEntries || i > 0 && size > maxSize {
			return i
		}
		u, g, d := e.user, e.group, e.DirectoryID
		if directories[d] || e.directory && inDirectory[d] {
			return i
		}
		switch {
		case e.directory:
			directories[d] = true
		case g == "":
			if users[u] || inUser[u] {
				return i
			}
			users[u] = true
		case u == "":
			if groups[g] || inGroup[g] {
				return i
			}
			groups[g] = true
		default:
			if users[u] || groups[g] || edges[e.touches] {
				return i
			}
			inUser[u], inGroup[g], edges[e.touches] = true, true, true
		}
		inDirectory[d] = true
	}
	return len(entries)
}

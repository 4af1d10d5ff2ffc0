package relay

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
)

// Source is the `source` of all events on the bus.
const Source = "dsync"

// Limits of PutEvents.
const (
	maxEntries = 10
	// maxSize bounds a request in bytes. Some Regions still take 256 KB only;
	// a single larger event goes alone and may use the 1 MB of the others.
	maxSize = 256 << 10
)

// Bus puts events on an EventBridge bus.
type Bus struct {
	api  *eventbridge.Client
	name string
}

// NewBus returns the bus of that name.
func NewBus(api *eventbridge.Client, name string) *Bus { return &Bus{api, name} }

// publish puts the entries on the bus. When some cannot be, it returns the
// sequence number to begin again at and why.
func (b *Bus) publish(ctx context.Context, entries []entry) (sequence string, err error) {
	for len(entries) > 0 {
		n := together(entries)
		if left, err := b.put(ctx, entries[:n]); err != nil {
			return left[0].sequence, err
		}
		entries = entries[n:]
	}
	return "", nil
}

// attempts of one PutEvents before the batch is given back.
const attempts = 5

// put repeats the entries that fail, in their order, and returns those that
// are left. The SDK repeats calls that fail as a whole.
func (b *Bus) put(ctx context.Context, entries []entry) (left []entry, err error) {
	for attempt := 1; ; attempt++ {
		in := &eventbridge.PutEventsInput{Entries: make([]types.PutEventsRequestEntry, len(entries))}
		for i, e := range entries {
			in.Entries[i] = types.PutEventsRequestEntry{
				EventBusName: &b.name,
				Source:       aws.String(Source),
				DetailType:   aws.String(e.event.Name),
				Detail:       aws.String(e.detail),
				Time:         aws.Time(e.at),
			}
		}
		out, err := b.api.PutEvents(ctx, in)
		if err != nil {
			return entries, err
		}
		var failed []entry
		for i, result := range out.Entries {
			if result.ErrorCode != nil {
				failed = append(failed, entries[i])
				err = fmt.Errorf("relay: %s: %s", *result.ErrorCode, aws.ToString(result.ErrorMessage))
			}
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

// touches names the resources that an event is about.
type touches struct{ user, group string }

// together is how many of the first entries may go in one call. Any of them
// can fail alone, so none may depend on another: not two of one resource, and
// no membership with its user or its group.
func together(entries []entry) int {
	size := 0
	users, groups := map[string]bool{}, map[string]bool{} // of their own events
	inUser, inGroup := map[string]bool{}, map[string]bool{}
	edges := map[touches]bool{}
	for i, e := range entries {
		size += len(e.detail) + len(e.event.Name) + len(Source) + 14 // the size that PutEvents counts
		if i == maxEntries || i > 0 && size > maxSize {
			return i
		}
		u, g := e.user, e.group
		switch {
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
	}
	return len(entries)
}

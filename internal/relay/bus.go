package relay

import (
	"context"
	"errors"
	"fmt"
	"time"

	"dsync/internal/backoff"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/smithy-go"
)

// Source is the source field of all events on the bus.
const Source = "dsync"

// Limits of PutEvents.
const (
	maxEntries = 10
	// maxSize is the largest request, in bytes. Some Regions accept only
	// 256 KB. An event has at most dsync.MaxBytes.
	maxSize = 256 << 10
)

// Bus publishes events on an EventBridge bus.
type Bus struct {
	api  *eventbridge.Client
	name string
}

// NewBus returns a publisher for the bus with that name.
func NewBus(api *eventbridge.Client, name string) *Bus { return &Bus{api, name} }

// parkEventFunc stores an entry that EventBridge rejects permanently.
type parkEventFunc func(ctx context.Context, e entry, reason error) error

// publish puts the entries on the bus and parks those that EventBridge rejects
// permanently. If some cannot be published now, rest holds them and err says
// why.
func (b *Bus) publish(ctx context.Context, entries []entry, park parkEventFunc) (sent int, rest []entry, err error) {
	for len(entries) > 0 {
		n := batchSize(entries)
		left, err := b.put(ctx, entries[:n], park)
		sent += n - len(left)
		if err != nil {
			return sent, append(left, entries[n:]...), err
		}
		entries = entries[n:]
	}
	return sent, nil, nil
}

// maxPutAttempts is how often one PutEvents call is tried before its entries
// are returned to the caller, putBackoff the base of the wait before a retry.
const (
	maxPutAttempts = 5
	putBackoff     = 50 * time.Millisecond
)

// put retries failed entries, in their order, and returns those that still
// fail. The SDK retries calls that fail as a whole.
func (b *Bus) put(ctx context.Context, entries []entry, park parkEventFunc) (left []entry, err error) {
	for attempt := 1; ; attempt++ {
		out, err := b.api.PutEvents(ctx, b.input(entries))
		if isRejected(err) {
			return b.sendSingly(ctx, entries, park, err)
		} else if err != nil {
			return entries, err
		}
		var failed []entry
		for i, result := range out.Entries {
			if result.ErrorCode == nil {
				continue
			}
			reason := fmt.Errorf("%s: %s", *result.ErrorCode, aws.ToString(result.ErrorMessage))
			if permanent[*result.ErrorCode] {
				if err := park(ctx, entries[i], reason); err != nil {
					return append(failed, entries[i:]...), err
				}
				continue
			}
			failed, err = append(failed, entries[i]), reason
		}
		if len(failed) == 0 || attempt == maxPutAttempts {
			return failed, err
		}
		entries = failed
		if err := backoff.Wait(ctx, attempt, putBackoff, time.Second); err != nil {
			return entries, err
		}
	}
}

// permanent holds the error codes of an entry that no retry can fix.
var permanent = map[string]bool{"MalformedDetail": true, "InvalidArgument": true, "InvalidEventDetail": true, "NotAuthorizedForSourceException": true, "NotAuthorizedForDetailTypeException": true}

// isRejected reports whether a call fails because of its content.
func isRejected(err error) bool {
	var e smithy.APIError
	return errors.As(err, &e) && (e.ErrorCode() == "ValidationException" || e.ErrorCode() == "RequestEntityTooLarge" || e.ErrorCode() == "413")
}

// sendSingly sends each entry in a call of its own, to find the one that was
// rejected, and parks that one.
func (b *Bus) sendSingly(ctx context.Context, entries []entry, park parkEventFunc, reason error) (left []entry, err error) {
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

// size returns the size of the entry in bytes, as PutEvents counts it.
func (e *entry) size() int { return len(e.Detail) + len(e.Name) + len(Source) + 14 }

// subjects are the resources of an event.
type subjects struct {
	user, group string
	directory   bool
}

// batchSize returns how many of the first entries one call may contain. Each
// entry of a call can fail alone, so no entry may depend on another one: a call
// contains at most one event of a resource, no membership together with its
// user or group, and no event of a directory together with others of it.
func batchSize(entries []entry) int {
	size := 0
	users, groups := map[string]bool{}, map[string]bool{} // of their own events
	inUser, inGroup := map[string]bool{}, map[string]bool{}
	edges := map[subjects]bool{}
	inDirectory, directories := map[string]bool{}, map[string]bool{}
	for i, e := range entries {
		size += e.size()
		if i == maxEntries || i > 0 && size > maxSize {
			return i
		}
		u, g, d := e.about.user, e.about.group, e.DirectoryID
		if directories[d] || e.about.directory && inDirectory[d] {
			return i
		}
		switch {
		case e.about.directory:
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
			if users[u] || groups[g] || edges[e.about] {
				return i
			}
			inUser[u], inGroup[g], edges[e.about] = true, true, true
		}
		inDirectory[d] = true
	}
	return len(entries)
}

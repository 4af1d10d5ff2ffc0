package relay

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"dsync/internal/dsync"
	"dsync/internal/eventlog"
	"dsync/internal/table"
	"dsync/internal/table/count"
	"dsync/internal/table/journal"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// The model runs the relay on a small deterministic store. A scheduler decides
// which task makes the next call to the store, and what happens to the call, so
// it can try every interleaving. See TestEveryInterleaving.

const (
	modelDirectory    = "directory_01000000000000000000000000"
	modelOrganization = "org_01000000000000000000000000"
	modelUser         = "directory_user_01000000000000000000000001"
	modelGroup        = "directory_group_01000000000000000000000002"
)

var modelTime = time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)

// world is the state of the store and of the bus.
type world struct {
	resources map[string]table.Resource
	member    *table.Membership
	head      table.LogHead
	older     table.LogHead // the head before the last append
	shard     journal.Head
	olderHead journal.Head
	events    []table.LoggedEvent // in the order of the log
	deferred  []table.Deferral
	counted   []string // keys of changes without an event
	bus       []string // details of events
	sabotage  sabotage
}

// sabotage switches a mechanism off.
type sabotage string

const (
	noFence     sabotage = "the head is not fenced"
	noClaim     sabotage = "a change is not claimed"
	noShard     sabotage = "the head of the shard is not fenced"
	noDeferral  sabotage = "deferred changes are forgotten"
	noDeletions sabotage = "deletions in the log are not seen"
)

// digest identifies the state.
func (w *world) digest() string {
	var b strings.Builder
	for _, id := range []string{modelUser, modelGroup} {
		r := w.resources[id]
		fmt.Fprint(&b, r.Version, r.Deleted, r.Hidden, r.Generation, " ")
	}
	if w.member != nil {
		fmt.Fprint(&b, *w.member)
	}
	fmt.Fprint(&b, w.head, w.shard, len(w.deferred), w.counted)
	for _, e := range w.events {
		fmt.Fprint(&b, e.ID, e.Sequence, e.Position)
	}
	for _, d := range w.deferred {
		fmt.Fprintf(&b, "%x", sha256.Sum256(d.Record))
	}
	published := slices.Clone(w.bus)
	slices.Sort(published)
	fmt.Fprint(&b, slices.Compact(published))
	return b.String()
}

// appendLog is the transaction of an append.
func (w *world) appendLog(a table.LogAppend) (table.LogHeads, error) {
	conflict := &table.LogConflict{
		Head:  a.Head.Version != w.head.Version && w.sabotage != noFence,
		Shard: len(a.Events) > 0 && a.ShardHead.Version != w.shard.Version && w.sabotage != noShard,
	}
	for i, e := range a.Events {
		if w.logged(table.EventKey(e.ID)) && w.sabotage != noClaim {
			conflict.Logged = append(conflict.Logged, i)
		}
	}
	for i, c := range a.Counted {
		if slices.Contains(w.counted, c.Key) && w.sabotage != noClaim {
			conflict.Counted = append(conflict.Counted, i)
		}
	}
	if conflict.Head || conflict.Shard || len(conflict.Logged) > 0 || len(conflict.Counted) > 0 {
		return table.LogHeads{}, conflict
	}
	next, _, _ := a.Apply()
	w.older, w.olderHead = w.head, w.shard
	w.head = next.Head
	if len(a.Events) > 0 {
		w.shard = next.ShardHead
	}
	w.events = append(w.events, a.Events...)
	for _, c := range a.Counted {
		w.counted = append(w.counted, c.Key)
	}
	if w.sabotage != noDeferral {
		w.deferred = append(w.deferred, a.Deferred...)
	}
	return next, nil
}

// counts are the counts of the resources.
func (w *world) counts() count.Counts {
	c := count.Counts{Known: true}
	for _, r := range w.resources {
		switch {
		case r.Deleted:
		case r.Kind == table.Group:
			c.Groups++
		case strings.Contains(r.Document, `"active":false`):
			c.Inactive++
		default:
			c.Active++
		}
	}
	return c
}

func (w *world) logged(key string) bool {
	return slices.ContainsFunc(w.events, func(e table.LoggedEvent) bool { return table.EventKey(e.ID) == key })
}

// What happens to a call.
type outcome int

const (
	works     outcome = iota
	fails             // without an effect
	timesOut          // after the effect
	diesFirst         // the process ends before the call
	diesLater         // the process ends after the effect
	isStale           // a read of a head returns the previous one
	repeats           // the batch is delivered again when it is done
)

// errDied ends a process: every later call of the delivery fails.
var errDied = errors.New("the process has ended")

// call is a call of a task that waits for the scheduler.
type call struct {
	name string
	read bool // of a head
	// do has the effect on the world, and stores the response. It gets whether a
	// read is stale.
	do    func(w *world, stale bool) (response string)
	reply chan error
}

// task delivers batches of records to its relay, one after the other, and
// delivers a batch again that fails or whose process ends.
type task struct {
	name    string
	batches [][]events.DynamoDBEventRecord
	after   []int // how many writes must be done before the batch
	calls   chan *call
	pending *call // nil when the task has ended
	next    int   // batch
	history [32]byte
	dead    bool // the process
	repeat  bool // the batch
	stopped bool // the run has ended
}

// modelStore is the store as a task sees it.
type modelStore struct{ task *task }

func (s modelStore) call(name string, read bool, do func(w *world, stale bool) string) error {
	if s.task.dead || s.task.stopped {
		return errDied
	}
	c := &call{name, read, do, make(chan error)}
	s.task.calls <- c
	return <-c.reply
}

func (s modelStore) LogHeads(_ context.Context, ids []string) (heads map[string]table.LogHead, err error) {
	err = s.call("LogHeads", true, func(w *world, stale bool) string {
		head := w.head
		if stale {
			head = w.older
		}
		head.DirectoryID = modelDirectory
		heads = map[string]table.LogHead{ids[0]: head}
		return fmt.Sprint(head)
	})
	return heads, err
}

func (s modelStore) EnvironmentHeads(_ context.Context, shards []int) (heads map[int]journal.Head, err error) {
	err = s.call("EnvironmentHeads", true, func(w *world, stale bool) string {
		head := w.shard
		if stale {
			head = w.olderHead
		}
		heads = map[int]journal.Head{shards[0]: head}
		return fmt.Sprint(head)
	})
	return heads, err
}

func (s modelStore) AppendLog(_ context.Context, a table.LogAppend) (heads table.LogHeads, err error) {
	var failed error
	err = s.call("AppendLog", false, func(w *world, _ bool) string {
		heads, failed = w.appendLog(a)
		return fmt.Sprint(heads, failed)
	})
	return heads, errors.Join(err, failed)
}

func (s modelStore) LoggedEvents(_ context.Context, keys []string) (found []table.LoggedEvent, err error) {
	if len(keys) == 0 {
		return nil, nil
	}
	err = s.call("LoggedEvents", false, func(w *world, _ bool) string {
		found = nil
		var ids []string
		for _, key := range keys {
			for _, e := range w.events {
				hidden := w.sabotage == noDeletions && e.Name == dsync.UserDeleted
				if table.EventKey(e.ID) == key && !hidden {
					found, ids = append(found, e), append(ids, e.ID)
					break
				}
			}
		}
		return fmt.Sprint(ids)
	})
	return found, err
}

func (s modelStore) LegacyBucket(context.Context) (string, error) { return "", table.ErrNotFound }

func (s modelStore) LegacyLogged(context.Context, string, []string) (map[string]table.LoggedEvent, error) {
	return nil, nil
}

func (s modelStore) Deferrals(context.Context, string, int) (list []table.Deferral, more bool, err error) {
	err = s.call("Deferrals", false, func(w *world, _ bool) string {
		list = slices.Clone(w.deferred)
		return fmt.Sprint(len(list))
	})
	return list, false, err
}

func (s modelStore) ReleaseDeferrals(_ context.Context, _ string, list []table.Deferral) error {
	return s.call("ReleaseDeferrals", false, func(w *world, _ bool) string {
		before := len(w.deferred)
		w.deferred = slices.DeleteFunc(slices.Clone(w.deferred), func(d table.Deferral) bool {
			return slices.ContainsFunc(list, func(r table.Deferral) bool { return string(r.Record) == string(d.Record) })
		})
		w.older = w.head
		w.head.Deferred -= before - len(w.deferred)
		w.head.Version++
		return ""
	})
}

func (s modelStore) Subjects(_ context.Context, members []table.Membership) (found map[string]table.Resource, err error) {
	if len(members) == 0 {
		return nil, nil
	}
	err = s.call("Subjects", false, func(w *world, _ bool) string {
		found = map[string]table.Resource{}
		for id, r := range w.resources {
			found[id] = r
		}
		return fmt.Sprint(found[modelUser].Version, found[modelGroup].Version)
	})
	return found, err
}

func (s modelStore) AnnounceMembership(context.Context, table.Membership, int64) error { return nil }

func (s modelStore) RemoveMemberships(context.Context, []table.Membership) error { return nil }

func (s modelStore) Membership(context.Context, table.Membership) (table.Membership, error) {
	return table.Membership{}, table.ErrNotFound
}

func (s modelStore) Organization(context.Context, string) (table.Organization, error) {
	return table.Organization{}, table.ErrNotFound
}

func (s modelStore) Directory(context.Context, string) (table.Directory, error) {
	return table.Directory{}, table.ErrNotFound
}

func (s modelStore) Resource(context.Context, table.Kind, string, string) (table.Resource, error) {
	return table.Resource{}, table.ErrNotFound
}

// publish implements publisher.
func (s modelStore) publish(_ context.Context, entries []entry, _ parkEventFunc) (int, []entry, error) {
	for i, e := range entries {
		err := s.call("PutEvents", false, func(w *world, _ bool) string {
			w.bus = append(w.bus, string(e.Detail))
			return ""
		})
		if err != nil {
			return i, entries[i:], err
		}
	}
	return len(entries), nil, nil
}

// run delivers the batches of the task.
func (t *task) run() {
	defer close(t.calls)
	store := modelStore{t}
	fresh := func() *Relay {
		r := newRelay(store, eventlog.NewAppender(store, func() time.Time { return modelTime }), func() time.Time { return modelTime }, slog.New(slog.DiscardHandler))
		r.bus = store
		return r
	}
	r := fresh()
	for t.next < len(t.batches) && !t.stopped {
		// The task waits until its records are in the stream.
		if err := store.call("GetRecords", false, func(*world, bool) string { return "" }); err == nil {
			result, err := r.relay(context.Background(), t.batches[t.next], false, func(context.Context, events.DynamoDBEventRecord, error) error {
				panic("the model has no record to park")
			})
			if err == nil && result.failed < 0 && !t.dead {
				if !t.repeat {
					t.next++
				}
				t.repeat = false
				continue
			}
		}
		if t.dead {
			t.dead = false
			r = fresh()
		}
	}
}

// recordOf is the stream record of a change of an item.
func recordOf(eventID, sort string, old, updated any) events.DynamoDBEventRecord {
	image := func(record any) map[string]events.DynamoDBAttributeValue {
		if record == nil {
			return nil
		}
		item, err := attributevalue.MarshalMap(record)
		if err != nil {
			panic(err)
		}
		attributes := map[string]events.DynamoDBAttributeValue{}
		for name, v := range item {
			switch v := v.(type) {
			case *types.AttributeValueMemberS:
				attributes[name] = events.NewStringAttribute(v.Value)
			case *types.AttributeValueMemberN:
				attributes[name] = events.NewNumberAttribute(v.Value)
			case *types.AttributeValueMemberBOOL:
				attributes[name] = events.NewBooleanAttribute(v.Value)
			}
		}
		return attributes
	}
	return events.DynamoDBEventRecord{EventID: eventID, Change: events.DynamoDBStreamRecord{
		ApproximateCreationDateTime: events.SecondsEpochTime{Time: modelTime},
		Keys:                        map[string]events.DynamoDBAttributeValue{"sk": events.NewStringAttribute(sort)},
		OldImage:                    image(old), NewImage: image(updated), SizeBytes: 100, SequenceNumber: "1",
	}}
}

package table

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"dsync/internal/dynamo"
	"dsync/internal/table/count"
	"dsync/internal/table/journal"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/oklog/ulid/v2"
)

// LoggedEvent is an event in the log.
type LoggedEvent struct {
	ID             string           `dynamodbav:"id"` // event_…
	Name           string           `dynamodbav:"event"`
	DirectoryID    string           `dynamodbav:"dir"`
	OrganizationID string           `dynamodbav:"org"`
	Sequence       int64            `dynamodbav:"seq,omitempty"` // in its directory; 0 if an earlier version logged it
	Position       journal.Position `dynamodbav:"pos"`
	Body           []byte           `dynamodbav:"body"` // the event, JSON, gzip
	TTL            int64            `dynamodbav:"ttl"`
}

// LogHead is the end of the log of a directory.
type LogHead struct {
	DirectoryID string `dynamodbav:"dir"`
	journal.Head
	Sequence logSequence `dynamodbav:"seq"`           // of the last event
	End      bool        `dynamodbav:"end,omitempty"` // the directory is deleted: no event follows
	Deferred int         `dynamodbav:"defers"`        // changes that wait for an event
	// LegacyUntil is the time, in seconds since the epoch, until which the stream
	// may hold changes that an earlier version has logged. 0 is never.
	LegacyUntil int64        `dynamodbav:"legacy,omitempty"`
	TTL         int64        `dynamodbav:"ttl,omitempty"`
	Count       count.Counts `dynamodbav:"n"`  // of the directory
	Recount     count.Counts `dynamodbav:"nn"` // of the changes since the cut of a count that is going on
}

// Legacy reports whether an earlier version wrote the head. Its version is valid
// and its other fields are not.
func (h LogHead) Legacy() bool { return h.Sequence < 0 }

// logSequence counts the events of a directory. Earlier versions stored a
// string under its name; then it is -1.
type logSequence int64

// UnmarshalDynamoDBAttributeValue implements attributevalue.Unmarshaler.
func (s *logSequence) UnmarshalDynamoDBAttributeValue(v types.AttributeValue) (err error) {
	*s = -1
	if number, ok := v.(*types.AttributeValueMemberN); ok {
		var n int64
		n, err = strconv.ParseInt(number.Value, 10, 64)
		*s = logSequence(n)
	}
	return err
}

// LogHeads reads the heads of the logs of directories, by directory id. An
// empty log has the zero head.
func (t *Table) LogHeads(ctx context.Context, directoryIDs []string) (map[string]LogHead, error) {
	heads := make(map[string]LogHead, len(directoryIDs))
	var keys []dynamo.Key
	for _, directoryID := range directoryIDs {
		if _, ok := heads[directoryID]; !ok {
			heads[directoryID] = LogHead{DirectoryID: directoryID}
			keys = append(keys, journalHeadKey(DirectoryJournal(directoryID)))
		}
	}
	for i, err := range t.db.BatchGet(ctx, keys) {
		if err != nil {
			return nil, err
		}
		head, err := readHead(i)
		if err != nil {
			return nil, err
		}
		heads[head.DirectoryID] = head
	}
	return heads, nil
}

func readHead(i dynamo.Item) (head LogHead, err error) {
	_, legacy := i["seq"].(*types.AttributeValueMemberS)
	if !legacy {
		return head, dynamo.Unmarshal(i, &head)
	}
	var position struct {
		Last string `dynamodbav:"pos"`
	}
	if err := dynamo.Unmarshal(i, &position); err != nil {
		return head, err
	}
	i = maps.Clone(i)
	delete(i, "pos")
	err = dynamo.Unmarshal(i, &head)
	// New events come after those of the earlier version.
	if u, parseErr := ulid.ParseStrict(position.Last); parseErr == nil {
		head.Position = journal.PositionAt(ulid.Time(u.Time() + 1))
		head.Paged = head.Position
	}
	return head, err
}

// Deferral is a change whose event has to wait for another event.
type Deferral struct {
	Record []byte // the stream record, JSON, gzip
	TTL    int64
	key    dynamo.Key // set for a deferral that was read
}

// deferralRecord is the stored form of a Deferral.
type deferralRecord struct {
	dynamo.Key
	Record []byte `dynamodbav:"record"`
	TTL    int64  `dynamodbav:"ttl"`
}

// Deferrals reads the oldest deferred changes of a directory, at most limit of
// them. more says whether there are others.
func (t *Table) Deferrals(ctx context.Context, directoryID string, limit int) (list []Deferral, more bool, err error) {
	for r, err := range dynamo.Records[deferralRecord](t.db.Query(ctx, dynamo.WithPrefix(logPartition(directoryID), deferralPrefix), limit+1)) {
		if err != nil {
			return nil, false, err
		}
		if len(list) == limit {
			return list, true, nil
		}
		list = append(list, Deferral{r.Record, r.TTL, r.Key})
	}
	return list, false, nil
}

// ReleaseDeferrals deletes deferred changes of a directory. Those that another
// relay has deleted are skipped.
func (t *Table) ReleaseDeferrals(ctx context.Context, directoryID string, list []Deferral) error {
	for len(list) > 0 {
		n := min(len(list), dynamo.MaxTransact-1)
		if err := t.releaseDeferrals(ctx, directoryID, list[:n]); err != nil {
			return err
		}
		list = list[n:]
	}
	return nil
}

func (t *Table) releaseDeferrals(ctx context.Context, directoryID string, list []Deferral) error {
	for range maxStale {
		if len(list) == 0 {
			return nil
		}
		actions := []types.TransactWriteItem{{Update: &types.Update{
			Key:                       dynamo.Marshal(journalHeadKey(DirectoryJournal(directoryID))),
			UpdateExpression:          aws.String("ADD defers :n, v :one"),
			ConditionExpression:       aws.String("attribute_exists(pk)"),
			ExpressionAttributeValues: dynamo.Marshal(map[string]int{":n": -len(list), ":one": 1}),
		}}}
		for _, d := range list {
			actions = append(actions, types.TransactWriteItem{Delete: &types.Delete{
				Key: dynamo.Marshal(d.key), ConditionExpression: aws.String("attribute_exists(pk)"),
			}})
		}
		err := t.db.Transact(ctx, actions)
		failed, ok := errors.AsType[dynamo.ConditionFailed](err)
		if !ok {
			return err
		}
		if failed.Action == 0 {
			return nil // the log is erased
		}
		var left []Deferral
		for i, d := range list {
			if !slices.Contains(failed.All, i+1) {
				left = append(left, d)
			}
		}
		list = left
	}
	return ErrBusy
}

// LogAppend is an append to the log of a directory.
type LogAppend struct {
	Head      LogHead       // of the directory, as it was read, with the new End, TTL and counts
	Shard     int           // of the environment's journal
	ShardHead journal.Head  // as it was read
	Events    []LoggedEvent // in order, with their positions and sequences
	Counted   []Claim       // changes without an event that are counted
	Deferred  []Deferral    // to be stored
	PageTTL   int64         // of pages of the journals
}

// Claim is the claim of a change that is counted, but has no event.
type Claim struct {
	Key string // see EventKey
	TTL int64
}

// MaxLogActions is how many events, claims and deferred changes fit one append: a
// transaction without the heads and a page of each journal.
const MaxLogActions = dynamo.MaxTransact - 4

// LogConflict says why an append was rejected. At least one field is set.
type LogConflict struct {
	Head   bool  // another append has changed the head of the directory
	Shard  bool  // another append, or a reader, has changed the head of the shard
	Logged []int // indices of the events that are in the log already
	// Counted are the indices of the changes that are counted already.
	Counted []int
}

func (e *LogConflict) Error() string {
	return fmt.Sprintf("table: the append conflicts: head %v, shard %v, %d events logged, %d changes counted", e.Head, e.Shard, len(e.Logged), len(e.Counted))
}

// AppendLog writes events to the end of a directory's log and of the
// environment's, and replaces both heads, all or nothing. It returns the new
// heads, or fails with *LogConflict. Without events it leaves the head of the
// shard.
func (t *Table) AppendLog(ctx context.Context, a LogAppend) (LogHeads, error) {
	next, page, sharedPage := a.Apply()
	own, shared := DirectoryJournal(a.Head.DirectoryID), EnvironmentJournal(a.Shard)
	actions := []types.TransactWriteItem{putHead(own, next.Head, a.Head.Version)}
	if len(a.Events) > 0 {
		actions = append(actions, putHead(shared, next.ShardHead, a.ShardHead.Version))
	}
	heads := len(actions)
	for _, e := range a.Events {
		actions = append(actions, dynamo.PutNewAction(dynamo.Marshal(eventKey(EventKey(e.ID)), e)))
	}
	for _, c := range a.Counted {
		actions = append(actions, dynamo.PutNewAction(dynamo.Marshal(claimKey(c.Key), map[string]int64{"ttl": c.TTL})))
	}
	for n, d := range a.Deferred {
		actions = append(actions, dynamo.PutAction(dynamo.Marshal(deferralRecord{deferralKey(a.Head.DirectoryID, next.Head.Version, n), d.Record, d.TTL})))
	}
	actions = append(actions, putPage(own, page, a.PageTTL)...)
	actions = append(actions, putPage(shared, sharedPage, a.PageTTL)...)
	err := t.db.Transact(ctx, actions)
	if failed, ok := errors.AsType[dynamo.ConditionFailed](err); ok {
		conflict := &LogConflict{}
		for _, i := range failed.All {
			switch {
			case i == 0:
				conflict.Head = true
			case i < heads:
				conflict.Shard = true
			case i < heads+len(a.Events):
				conflict.Logged = append(conflict.Logged, i-heads)
			default:
				conflict.Counted = append(conflict.Counted, i-heads-len(a.Events))
			}
		}
		return LogHeads{}, conflict
	}
	return next, err
}

// LogHeads are the heads after an append.
type LogHeads struct {
	Head      LogHead
	ShardHead journal.Head
}

// Apply returns the heads after the append, and the page of each journal that it
// writes, if any. It does no I/O.
func (a LogAppend) Apply() (next LogHeads, page, sharedPage []journal.Entry) {
	own, shared := make([]journal.Entry, len(a.Events)), make([]journal.Entry, len(a.Events))
	next = LogHeads{a.Head, a.ShardHead}
	for i, e := range a.Events {
		own[i] = journal.Entry{Position: e.Position, Key: EventKey(e.ID), Name: e.Name, Organization: ""}
		shared[i] = journal.Entry{Position: e.Position, Key: EventKey(e.ID), Name: e.Name, Organization: ulidOf(e.OrganizationID)}
		next.Head.Sequence = logSequence(e.Sequence)
	}
	next.Head.Deferred += len(a.Deferred)
	next.Head.Head, page = a.Head.After(own)
	if len(a.Events) > 0 {
		next.ShardHead, sharedPage = a.ShardHead.After(shared)
	}
	return next, page, sharedPage
}

// putPage is the action that writes a page of a journal, if it has entries.
func putPage(j Journal, entries journal.Entries, ttl int64) []types.TransactWriteItem {
	if len(entries) == 0 {
		return nil
	}
	last := entries[len(entries)-1].Position
	return []types.TransactWriteItem{dynamo.PutAction(dynamo.Marshal(pageKey(j, last), journalPage{entries, ttl}))}
}

// putHead is the action that replaces the version of a head that was read.
func putHead(j Journal, head any, version int64) types.TransactWriteItem {
	put := dynamo.PutNew(dynamo.Marshal(journalHeadKey(j), head))
	if version > 0 {
		put.ConditionExpression, put.ExpressionAttributeValues = aws.String("v = :v"), dynamo.Marshal(map[string]int64{":v": version})
	}
	return types.TransactWriteItem{Put: put}
}

// LoggedEvents reads the events with these keys, in the order of the keys. Those
// that are not in the log, or have expired, are left out.
func (t *Table) LoggedEvents(ctx context.Context, keys []string) ([]LoggedEvent, error) {
	found := make(map[string]LoggedEvent, len(keys))
	for e, err := range dynamo.Records[LoggedEvent](t.db.BatchGet(ctx, eventKeys(keys))) {
		if err != nil {
			return nil, err
		}
		found[EventKey(e.ID)] = e
	}
	var events []LoggedEvent
	for _, k := range keys {
		if e, ok := found[k]; ok {
			events = append(events, e)
		}
	}
	return events, nil
}

func eventKeys(keys []string) []dynamo.Key {
	distinct := make([]dynamo.Key, 0, len(keys))
	seen := make(map[string]bool, len(keys))
	for _, k := range keys {
		if !seen[k] {
			seen[k] = true
			distinct = append(distinct, eventKey(k))
		}
	}
	return distinct
}

// EraseLog deletes a part of the log of a deleted directory: about limit events,
// and their pages. It returns how many records it deleted; 0 means that there
// are none left. The journal of the environment keeps the ids of the events
// until they expire. EraseLog is not atomic and can be repeated.
func (t *Table) EraseLog(ctx context.Context, directoryID string, limit int) (deleted int, err error) {
	in := dynamo.Between(logPartition(directoryID), " ", "~")
	const pageEntries = 20 // about
	out, err := t.db.QueryPage(ctx, in, max(limit/pageEntries, 2))
	if err != nil || len(out.Items) == 0 {
		return 0, err
	}
	var events, own []dynamo.Key
	for _, i := range out.Items {
		var r struct {
			dynamo.Key
			Entries journal.Entries `dynamodbav:"entries"`
		}
		if err := dynamo.Unmarshal(i, &r); err != nil {
			return 0, err
		}
		// The head is the last to go: it says that the directory has ended.
		if r.SK == headSort && len(out.Items) > 1 {
			continue
		}
		for _, e := range r.Entries {
			events = append(events, eventKey(e.Key))
		}
		own = append(own, r.Key)
	}
	if err := t.db.DeleteItems(ctx, events); err != nil {
		return 0, err
	}
	return len(events) + len(own), t.db.DeleteItems(ctx, own)
}

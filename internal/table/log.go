package table

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// LoggedEvent is an event in the log.
type LoggedEvent struct {
	Position       string `dynamodbav:"pos"` // a ULID: the order of the log
	ID             string `dynamodbav:"id"`  // event_…
	Name           string `dynamodbav:"event"`
	DirectoryID    string `dynamodbav:"dir"`
	OrganizationID string `dynamodbav:"org"`
	Body           []byte `dynamodbav:"body"` // the event, JSON, gzip
	TTL            int64  `dynamodbav:"ttl"`
}

// LogHead is the end of the log of a directory.
type LogHead struct {
	DirectoryID string `dynamodbav:"dir"`
	Sequence    string `dynamodbav:"seq"`           // sequence number of the last stream record whose event is logged
	Position    string `dynamodbav:"pos"`           // of the last event
	End         bool   `dynamodbav:"end,omitempty"` // the directory is deleted: no event follows
	Version     int64  `dynamodbav:"v"`
	TTL         int64  `dynamodbav:"ttl,omitempty"`
}

// Bucket is a part of the environment's log: the events of one hour and of the
// organizations of one shard.
type Bucket struct {
	Hour  time.Time
	Shard int
}

// bucketHour is the layout of a bucket's hour. It sorts by time.
const bucketHour = "2006010215"

func (b Bucket) String() string {
	return b.Hour.UTC().Format(bucketHour) + "#" + strconv.Itoa(b.Shard)
}

func parseBucket(s string) (b Bucket, err error) {
	hour, shard, _ := strings.Cut(s, "#")
	if b.Hour, err = time.Parse(bucketHour, hour); err == nil {
		b.Shard, err = strconv.Atoi(shard)
	}
	return b, err
}

// LogHeads reads the heads of the logs of directories, by directory id. An
// empty log has the zero head.
func (t *Table) LogHeads(ctx context.Context, directoryIDs []string) (map[string]LogHead, error) {
	heads := make(map[string]LogHead, len(directoryIDs))
	var keys []key
	for _, directoryID := range directoryIDs {
		if _, ok := heads[directoryID]; !ok {
			heads[directoryID] = LogHead{DirectoryID: directoryID}
			keys = append(keys, logHeadKey(directoryID))
		}
	}
	for head, err := range records[LogHead](t.batchGet(ctx, keys)) {
		if err != nil {
			return nil, err
		}
		heads[head.DirectoryID] = head
	}
	return heads, nil
}

// MaxAppend is how many events fit one AppendLog: an event and its position
// each, and the head.
const MaxAppend = (maxTransact - 1) / 2

// AppendLog writes events to the end of a directory's log and replaces its
// head, all or nothing. It fails with ErrStale when the stored version of the
// head is not head.Version: then another relay has appended. bucket returns the
// bucket of an event.
func (t *Table) AppendLog(ctx context.Context, head LogHead, events []LoggedEvent, bucket func(LoggedEvent) Bucket) error {
	version := head.Version
	head.Version++
	actions := []types.TransactWriteItem{{Put: &types.Put{
		TableName:                 &t.name,
		Item:                      marshal(logHeadKey(head.DirectoryID), head),
		ConditionExpression:       aws.String("attribute_not_exists(pk) OR v = :v"),
		ExpressionAttributeValues: marshal(map[string]int64{":v": version}),
	}}}
	for _, e := range events {
		index := indexKey{bucketIndex(bucket(e)), entrySort(e)}
		actions = append(actions, t.putAction(marshal(logKey(e.DirectoryID, e.Position), index, e)))
		if e.Position != ulidOf(e.ID) {
			actions = append(actions, t.putAction(marshal(positionKey(e.ID), positionRecord{e.Position, e.TTL})))
		}
	}
	return ifConditionFails(t.transact(ctx, actions), ErrStale)
}

// positionRecord is the record of the position of an event, and of a bucket.
type positionRecord struct {
	Position string `dynamodbav:"pos"`
	TTL      int64  `dynamodbav:"ttl"`
}

// LogPosition returns the position of an event: the ULID of its id, unless the
// event was logged late.
func (t *Table) LogPosition(ctx context.Context, eventID string) (string, error) {
	var p positionRecord
	err := t.get(ctx, positionKey(eventID), &p)
	if errors.Is(err, ErrNotFound) {
		return ulidOf(eventID), nil
	}
	return p.Position, err
}

// LoggedEvent reads the event at a position of a directory's log. It fails
// with ErrNotFound.
func (t *Table) LoggedEvent(ctx context.Context, directoryID, position string) (LoggedEvent, error) {
	var e LoggedEvent
	err := t.get(ctx, logKey(directoryID, position), &e)
	return e, err
}

// LogEntry is the index entry of an event in the environment's log. Readers select
// events by it without reading them.
type LogEntry struct {
	Position string
	Name     string
	Sort     string // sort key in the bucket
	orgULID  string
	key      key
}

// entrySort is the sort key of an event in its bucket. The index has keys only,
// so the values that readers select by are part of the key.
func entrySort(e LoggedEvent) string {
	return e.Position + "#" + e.Name + "#" + ulidOf(e.OrganizationID)
}

// Of reports whether the event belongs to that organization.
func (e LogEntry) Of(organizationID string) bool { return e.orgULID == ulidOf(organizationID) }

// PutBucket records that a bucket has events, before the first one is appended.
func (t *Table) PutBucket(ctx context.Context, b Bucket, ttl int64) error {
	return t.put(ctx, types.Put{Item: marshal(bucketKey(b), positionRecord{TTL: ttl})})
}

// Buckets lists the buckets from one hour to another, both included, that have
// events.
func (t *Table) Buckets(ctx context.Context, from, to time.Time) ([]Bucket, error) {
	in := between(bucketsPartition, from.UTC().Format(bucketHour), to.UTC().Format(bucketHour)+"~")
	var buckets []Bucket
	for k, err := range records[key](t.query(ctx, in)) {
		if err != nil {
			return nil, err
		}
		b, err := parseBucket(k.SK)
		if err != nil {
			return nil, fmt.Errorf("table: bucket %q: %w", k.SK, err)
		}
		buckets = append(buckets, b)
	}
	return buckets, nil
}

// BucketEntries reads at most limit entries of a bucket, oldest first or newest
// first, between two positions or sort keys, both excluded. more says whether
// entries may follow. It reads the index.
func (t *Table) BucketEntries(ctx context.Context, b Bucket, from, to string, limit int, newest bool) (entries []LogEntry, more bool, err error) {
	// A tilde sorts after everything that follows a position.
	in := indexBetween(bucketIndex(b), from+"~", to)
	in.Limit = aws.Int32(int32(limit))
	in.ScanIndexForward = aws.Bool(!newest)
	out, err := t.queryPage(ctx, in)
	if err != nil {
		return nil, false, err
	}
	for _, i := range out.Items {
		var k key
		var index indexKey
		if err := errors.Join(unmarshal(i, &k), unmarshal(i, &index)); err != nil {
			return nil, false, err
		}
		parts := strings.Split(index.SK, "#")
		if len(parts) != 3 {
			return nil, false, fmt.Errorf("table: log entry %q", index.SK)
		}
		if index.SK != to { // BETWEEN includes it
			entries = append(entries, LogEntry{Position: parts[0], Name: parts[1], orgULID: parts[2], Sort: index.SK, key: k})
		}
	}
	return entries, out.LastEvaluatedKey != nil, nil
}

// LogEvents reads the events of entries, in their order. Events that have
// expired since are left out.
func (t *Table) LogEvents(ctx context.Context, entries []LogEntry) ([]LoggedEvent, error) {
	keys := make([]key, len(entries))
	for n, e := range entries {
		keys[n] = e.key
	}
	found := make(map[key]LoggedEvent, len(entries))
	for e, err := range records[LoggedEvent](t.batchGet(ctx, keys)) {
		if err != nil {
			return nil, err
		}
		found[logKey(e.DirectoryID, e.Position)] = e
	}
	var events []LoggedEvent
	for _, k := range keys {
		if e, ok := found[k]; ok {
			events = append(events, e)
		}
	}
	return events, nil
}

// DirectoryLog reads the log of a directory between two positions, both
// excluded, oldest or newest first. It reads the next page of 1 MB when the
// loop needs it. An error is the last pair.
func (t *Table) DirectoryLog(ctx context.Context, directoryID, from, to string, newest bool) iter.Seq2[LoggedEvent, error] {
	in := between(logPartition(directoryID), from+"\x00", to)
	in.ScanIndexForward = aws.Bool(!newest)
	return func(yield func(LoggedEvent, error) bool) {
		for e, err := range records[LoggedEvent](t.query(ctx, in)) {
			if err == nil && e.Position == to {
				continue // BETWEEN includes it
			}
			if !yield(e, err) {
				return
			}
		}
	}
}

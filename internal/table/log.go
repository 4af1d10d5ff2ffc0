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
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// LoggedEvent is an event in the log.
type LoggedEvent struct {
	Position       string `dynamodbav:"pos"` // a ULID: its place in the log
	ID             string `dynamodbav:"id"`  // event_…
	Name           string `dynamodbav:"event"`
	DirectoryID    string `dynamodbav:"dir"`
	OrganizationID string `dynamodbav:"org"`
	Body           []byte `dynamodbav:"body"` // the event, JSON, gzip
	TTL            int64  `dynamodbav:"ttl"`
}

// LogHead is how far the log of a directory is.
type LogHead struct {
	DirectoryID string `dynamodbav:"dir"`
	Sequence    string `dynamodbav:"seq"`           // in the stream, of the last record whose event is logged
	Position    string `dynamodbav:"pos"`           // of the last event
	End         bool   `dynamodbav:"end,omitempty"` // the directory is deleted, and nothing follows
	Version     int64  `dynamodbav:"v"`
	TTL         int64  `dynamodbav:"ttl,omitempty"`
}

// Bucket is a part of the environment's log: the events of one hour, and of
// the organizations of one shard.
type Bucket struct {
	Hour  time.Time
	Shard int
}

// bucketHour is the form of a bucket's hour: it sorts by time.
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

// LogHeads reads how far the logs of directories are. A log that has not begun
// has the zero head.
func (t *Table) LogHeads(ctx context.Context, dirs []string) (map[string]LogHead, error) {
	heads := make(map[string]LogHead, len(dirs))
	var keys []key
	for _, directoryID := range dirs {
		if _, ok := heads[directoryID]; !ok {
			heads[directoryID] = LogHead{DirectoryID: directoryID}
			keys = append(keys, headKey(directoryID))
		}
	}
	return heads, t.batchGet(ctx, keys, func(i item) error {
		var h LogHead
		err := unmarshal(i, &h)
		heads[h.DirectoryID] = h
		return err
	})
}

// MaxAppend is how many events fit one AppendLog: a place and an event each,
// and the head.
const MaxAppend = (maxTransact - 1) / 2

// AppendLog writes events at the end of their directory's log and moves its
// head, all or nothing. It fails with ErrStale when the head is no longer as
// the last version says: then somebody else has appended.
func (t *Table) AppendLog(ctx context.Context, head LogHead, list []LoggedEvent, bucket func(LoggedEvent) Bucket) error {
	version := head.Version
	head.Version++
	parts := []types.TransactWriteItem{{Put: &types.Put{
		TableName:                 &t.name,
		Item:                      marshal(headKey(head.DirectoryID), head),
		ConditionExpression:       aws.String("attribute_not_exists(pk) OR v = :v"),
		ExpressionAttributeValues: marshal(map[string]int64{":v": version}),
	}}}
	for _, e := range list {
		index := indexKey{bucketIndex(bucket(e)), entrySort(e)}
		parts = append(parts, t.putAny(marshal(logKey(e.DirectoryID, e.Position), index, e)))
		if e.Position != ulidOf(e.ID) {
			parts = append(parts, t.putAny(marshal(placeKey(e.ID), place{e.Position, e.TTL})))
		}
	}
	var failed conditionFailed
	if err := t.transact(ctx, parts); !errors.As(err, &failed) {
		return err
	}
	return ErrStale
}

type place struct {
	Position string `dynamodbav:"pos"`
	TTL      int64  `dynamodbav:"ttl"`
}

// LogPlace is the position of an event by its id: the id's own ULID, unless
// the event was logged late.
func (t *Table) LogPlace(ctx context.Context, event string) (string, error) {
	var p place
	err := t.get(ctx, placeKey(event), &p)
	if errors.Is(err, ErrNotFound) {
		return ulidOf(event), nil
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

// Entry is an event as the index of the environment's log knows it: enough to
// choose by without reading the event.
type Entry struct {
	Position       string
	Name           string
	OrganizationID string // the ULID alone
	Sort           string // where it is in its bucket
	key            key
}

// The index has keys only, so what readers choose by is part of the key.
func entrySort(e LoggedEvent) string {
	return e.Position + "#" + e.Name + "#" + ulidOf(e.OrganizationID)
}

// Of reports whether the event is of that organization.
func (e Entry) Of(organization string) bool { return e.OrganizationID == ulidOf(organization) }

// NoteBucket notes that there are, or will be, events in a bucket.
func (t *Table) NoteBucket(ctx context.Context, b Bucket, ttl int64) error {
	return t.put(ctx, types.Put{Item: marshal(bucketKey(b), place{TTL: ttl})})
}

// Buckets lists the buckets between two hours, both included, that have events.
func (t *Table) Buckets(ctx context.Context, from, to time.Time) ([]Bucket, error) {
	in := dynamodb.QueryInput{
		ConsistentRead:         aws.Bool(true),
		KeyConditionExpression: aws.String("pk = :pk AND sk BETWEEN :from AND :to"),
		ExpressionAttributeValues: marshal(map[string]string{
			":pk": bucketsPartition, ":from": from.UTC().Format(bucketHour), ":to": to.UTC().Format(bucketHour) + "~",
		}),
	}
	var all []Bucket
	for at, err := range records[key](t.query(ctx, in)) {
		if err != nil {
			return nil, err
		}
		b, err := parseBucket(at.SK)
		if err != nil {
			return nil, fmt.Errorf("table: bucket %q: %w", at.SK, err)
		}
		all = append(all, b)
	}
	return all, nil
}

// BucketEntries reads at most limit events of a bucket between two positions,
// or sort keys of entries, both excluded, oldest first or newest first. It reads the index, which
// follows writes within moments.
func (t *Table) BucketEntries(ctx context.Context, b Bucket, from, to string, limit int, newest bool) (entries []Entry, more bool, err error) {
	in := dynamodb.QueryInput{
		IndexName:              aws.String(indexName),
		KeyConditionExpression: aws.String("gsi1pk = :pk AND gsi1sk BETWEEN :from AND :to"),
		ExpressionAttributeValues: marshal(map[string]string{
			// A tilde comes behind all that follows a position.
			":pk": bucketIndex(b), ":from": from + "~", ":to": to,
		}),
		Limit:            aws.Int32(int32(limit)),
		ScanIndexForward: aws.Bool(!newest),
	}
	out, err := t.page(ctx, in)
	if err != nil {
		return nil, false, err
	}
	for _, i := range out.Items {
		var at key
		var in indexKey
		if err := errors.Join(unmarshal(i, &at), unmarshal(i, &in)); err != nil {
			return nil, false, err
		}
		parts := strings.Split(in.SK, "#")
		if len(parts) != 3 {
			return nil, false, fmt.Errorf("table: log entry %q", in.SK)
		}
		if in.SK != to { // BETWEEN includes it
			entries = append(entries, Entry{parts[0], parts[1], parts[2], in.SK, at})
		}
	}
	return entries, out.LastEvaluatedKey != nil, nil
}

// LogEvents reads the events of entries, in their order. Those that the TTL
// has removed in between are left out.
func (t *Table) LogEvents(ctx context.Context, entries []Entry) ([]LoggedEvent, error) {
	keys := make([]key, len(entries))
	for n, e := range entries {
		keys[n] = e.key
	}
	found := make(map[string]LoggedEvent, len(entries)) // by position and directory
	err := t.batchGet(ctx, keys, func(i item) error {
		var e LoggedEvent
		err := unmarshal(i, &e)
		found[logPartition(e.DirectoryID)+e.Position] = e
		return err
	})
	var all []LoggedEvent
	for _, k := range keys {
		if e, ok := found[k.PK+k.SK]; ok {
			all = append(all, e)
		}
	}
	return all, err
}

// DirectoryLog reads the log of a directory between two positions, both
// excluded, oldest or newest first. The read is strongly consistent. It
// requests the next page of 1 MB when the loop needs it. An error is the last
// pair.
func (t *Table) DirectoryLog(ctx context.Context, directoryID, from, to string, newest bool) iter.Seq2[LoggedEvent, error] {
	in := dynamodb.QueryInput{
		ConsistentRead:         aws.Bool(true),
		KeyConditionExpression: aws.String("pk = :pk AND sk BETWEEN :from AND :to"),
		ExpressionAttributeValues: marshal(map[string]string{
			":pk": logPartition(directoryID), ":from": from + "\x00", ":to": to,
		}),
		ScanIndexForward: aws.Bool(!newest),
	}
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

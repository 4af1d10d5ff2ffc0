package table

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"dsync/internal/dynamo"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Position is the place of an event in its journals: 42 bits of milliseconds
// since the epoch, 14 bits of a counter and 8 bits of the shard of the
// environment's journal. So positions of different shards differ.
type Position uint64

// MaxPosition is greater than the position of every event.
const MaxPosition = ^Position(0)

const (
	shardBits   = 8
	counterBits = 14
)

// PositionAt returns the first position of a millisecond.
func PositionAt(t time.Time) Position {
	return Position(max(t.UnixMilli(), 0)) << (counterBits + shardBits)
}

// Time returns the time of the position, in milliseconds.
func (p Position) Time() time.Time {
	return time.UnixMilli(int64(p >> (counterBits + shardBits))).UTC()
}

// Next returns a position of a shard after p, at now or later.
func (p Position) Next(now time.Time, shard int) Position {
	next := max(p>>shardBits+1, PositionAt(now)>>shardBits)
	return next<<shardBits | Position(shard)
}

// String returns 16 hexadecimal digits. They sort as the positions do.
func (p Position) String() string { return fmt.Sprintf("%016X", uint64(p)) }

// EnvironmentShards is the number of journals of the environment. Appends to one
// of them exclude each other, which allows some dozens of transactions a second,
// each with up to about a hundred events. It cannot be lowered: positions name
// their shard.
const EnvironmentShards = 16

// EnvironmentShard is the shard of the events of an organization. All events of
// a directory are in one shard, so positions increase within a directory, too.
func EnvironmentShard(organizationID string) int {
	shard := 0
	for _, c := range organizationID {
		shard = (shard*31 + int(c)) % EnvironmentShards
	}
	return shard
}

// Journal is an ordered list of references to events: the log of a directory,
// or one shard of the log of the environment. It consists of a head, which has
// the latest entries and fences appends, and of pages with the earlier ones.
type Journal struct{ partition string }

// DirectoryJournal is the journal of a directory.
func DirectoryJournal(directoryID string) Journal { return Journal{logPartition(directoryID)} }

// EnvironmentJournal is a shard of the journal of the environment.
func EnvironmentJournal(shard int) Journal { return Journal{environmentPartition(shard)} }

// JournalEntry refers to an event. Readers select events by it.
type JournalEntry struct {
	Position Position
	Key      string // of the event's record: see EventKey
	Name     string
	orgULID  string // in journals of the environment only
}

// Of reports whether the event belongs to that organization.
func (e JournalEntry) Of(organizationID string) bool { return e.orgULID == ulidOf(organizationID) }

// namePrefix is common to all events, so entries leave it out.
const namePrefix = "dsync."

// entryList is stored as text, one line per entry.
type entryList []JournalEntry

func (l entryList) String() string {
	var b strings.Builder
	for _, e := range l {
		fmt.Fprintf(&b, "%s %s %s %s\n", e.Position, e.Key, strings.TrimPrefix(e.Name, namePrefix), e.orgULID)
	}
	return b.String()
}

// MarshalDynamoDBAttributeValue implements attributevalue.Marshaler.
func (l entryList) MarshalDynamoDBAttributeValue() (types.AttributeValue, error) {
	return &types.AttributeValueMemberS{Value: l.String()}, nil
}

// UnmarshalDynamoDBAttributeValue implements attributevalue.Unmarshaler.
func (l *entryList) UnmarshalDynamoDBAttributeValue(v types.AttributeValue) error {
	*l = nil
	if _, ok := v.(*types.AttributeValueMemberNULL); ok {
		return nil // an empty list
	}
	text, ok := v.(*types.AttributeValueMemberS)
	if !ok {
		return errors.New("table: entries of a journal are not a string")
	}
	for line := range strings.Lines(text.Value) {
		fields := strings.Split(strings.TrimSuffix(line, "\n"), " ")
		if len(fields) != 4 {
			return fmt.Errorf("table: journal entry %q", line)
		}
		position, err := strconv.ParseUint(fields[0], 16, 64)
		if err != nil {
			return fmt.Errorf("table: journal entry %q", line)
		}
		*l = append(*l, JournalEntry{Position(position), fields[1], namePrefix + fields[2], fields[3]})
	}
	return nil
}

// maxHeadBytes bounds the entries of a head, so that the record of the head has
// less than 1 KB, which costs the least to write. Entries that do not fit go to
// a page, with the earlier ones.
const maxHeadBytes = 800

// JournalHead is the end of a journal.
type JournalHead struct {
	Version int64 `dynamodbav:"v"`
	// Position is the mark that every later entry exceeds: the position of the
	// last entry, or a greater one that a reader has set.
	Position Position  `dynamodbav:"pos"`
	Paged    Position  `dynamodbav:"paged"`   // of the last entry in pages
	Entries  entryList `dynamodbav:"entries"` // those after Paged
}

// after returns the head with more entries, and the page to write, if any.
func (h JournalHead) after(entries []JournalEntry) (next JournalHead, page entryList) {
	next = h
	next.Version++
	if len(entries) == 0 {
		return next, nil
	}
	next.Position = entries[len(entries)-1].Position
	next.Entries = append(h.Entries[:len(h.Entries):len(h.Entries)], entries...)
	if len(next.Entries.String()) > maxHeadBytes {
		page, next.Entries, next.Paged = next.Entries, entryList{}, next.Position
	}
	return next, page
}

// journalPage is a page of a journal. Its sort key is the position of its last
// entry.
type journalPage struct {
	Entries entryList `dynamodbav:"entries"`
	TTL     int64     `dynamodbav:"ttl"`
}

// EnvironmentHeads reads the heads of shards of the environment's journal. A
// shard without events has the zero head.
func (t *Table) EnvironmentHeads(ctx context.Context, shards []int) (map[int]JournalHead, error) {
	heads := make(map[int]JournalHead, len(shards))
	keys := make([]dynamo.Key, len(shards))
	for i, shard := range shards {
		heads[shard] = JournalHead{}
		keys[i] = journalHeadKey(EnvironmentJournal(shard))
	}
	type record struct {
		dynamo.Key
		JournalHead
	}
	for r, err := range dynamo.Records[record](t.db.BatchGet(ctx, keys)) {
		if err != nil {
			return nil, err
		}
		shard, err := strconv.Atoi(strings.TrimPrefix(r.PK, environmentPrefix))
		if err != nil {
			return nil, fmt.Errorf("table: journal %q", r.PK)
		}
		heads[shard] = r.JournalHead
	}
	return heads, nil
}

// RaiseMark makes every later entry of a shard exceed a position, and returns
// the head. A reader raises the marks before it passes a position, so that no
// event appears behind it.
func (t *Table) RaiseMark(ctx context.Context, shard int, mark Position) (head JournalHead, err error) {
	item, err := t.db.UpdateAndGet(ctx, types.Update{
		Key:                       dynamo.Marshal(journalHeadKey(EnvironmentJournal(shard))),
		UpdateExpression:          aws.String("SET pos = :mark ADD v :one"),
		ConditionExpression:       aws.String("attribute_not_exists(pk) OR pos < :mark"),
		ExpressionAttributeValues: dynamo.Marshal(map[string]any{":mark": mark, ":one": 1}),
	})
	if _, failed := errors.AsType[dynamo.ConditionFailed](err); failed { // the mark is that high already
		heads, err := t.EnvironmentHeads(ctx, []int{shard})
		return heads[shard], err
	}
	if err != nil {
		return head, err
	}
	return head, dynamo.Unmarshal(item, &head)
}

// JournalPages reads the entries in pages of a journal after a position, oldest
// first, or before it, newest first. It reads at most limit pages. more says
// whether entries may follow.
func (t *Table) JournalPages(ctx context.Context, j Journal, from Position, newest bool, limit int) (entries []JournalEntry, more bool, err error) {
	first := from
	if first < MaxPosition {
		first++
	}
	in := dynamo.Between(j.partition, pagePrefix+first.String(), pagePrefix+MaxPosition.String())
	if newest {
		// The page that contains the position may end after it.
		if from < MaxPosition {
			if entries, _, err = t.pageEntries(ctx, in, 1, from, true); err != nil {
				return nil, false, err
			}
		}
		in = dynamo.Between(j.partition, pagePrefix, pagePrefix+from.String())
		in.ScanIndexForward = aws.Bool(false)
	}
	rest, more, err := t.pageEntries(ctx, in, limit, from, newest)
	return append(entries, rest...), more, err
}

// pageEntries reads the entries of one query for at most limit pages that are
// after or before a position.
func (t *Table) pageEntries(ctx context.Context, in dynamodb.QueryInput, limit int, from Position, newest bool) (entries []JournalEntry, more bool, err error) {
	out, err := t.db.QueryPage(ctx, in, limit)
	if err != nil {
		return nil, false, err
	}
	pages, err := dynamo.UnmarshalAll[journalPage](out.Items)
	if err != nil {
		return nil, false, err
	}
	for _, p := range pages {
		for i := range p.Entries {
			e := p.Entries[i]
			if newest {
				e = p.Entries[len(p.Entries)-1-i]
			}
			if newest && e.Position < from || !newest && e.Position > from {
				entries = append(entries, e)
			}
		}
	}
	return entries, out.LastEvaluatedKey != nil, nil
}

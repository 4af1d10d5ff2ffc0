// Package journal has the head, the entries and the positions of a journal, as
// package table stores them. It does no I/O.
package journal

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

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

// Shards is the number of journals of the environment. Appends to one
// of them exclude each other, which allows some dozens of transactions a second,
// each with up to about a hundred events. It cannot be lowered: positions name
// their shard.
const Shards = 16

// ShardOf is the shard of the events of an organization. All events of
// a directory are in one shard, so positions increase within a directory, too.
func ShardOf(organizationID string) int {
	shard := 0
	for _, c := range organizationID {
		shard = (shard*31 + int(c)) % Shards
	}
	return shard
}

// Entry refers to an event. Readers select events by it.
type Entry struct {
	Position Position
	Key      string // of the event's record: see EventKey
	Name     string
	// Organization is the ULID of the organization, in journals of the environment
	// only.
	Organization string
}

// Of reports whether the event belongs to that organization.
func (e Entry) Of(organizationID string) bool {
	return e.Organization == organizationID[strings.LastIndexByte(organizationID, '_')+1:]
}

// namePrefix is common to all events, so entries leave it out.
const namePrefix = "dsync."

// Entries are stored as text, one line per entry.
type Entries []Entry

func (l Entries) String() string {
	var b strings.Builder
	for _, e := range l {
		fmt.Fprintf(&b, "%s %s %s %s\n", e.Position, e.Key, strings.TrimPrefix(e.Name, namePrefix), e.Organization)
	}
	return b.String()
}

// MarshalDynamoDBAttributeValue implements attributevalue.Marshaler.
func (l Entries) MarshalDynamoDBAttributeValue() (types.AttributeValue, error) {
	return &types.AttributeValueMemberS{Value: l.String()}, nil
}

// UnmarshalDynamoDBAttributeValue implements attributevalue.Unmarshaler.
func (l *Entries) UnmarshalDynamoDBAttributeValue(v types.AttributeValue) error {
	*l = nil
	if _, ok := v.(*types.AttributeValueMemberNULL); ok {
		return nil // an empty list
	}
	text, ok := v.(*types.AttributeValueMemberS)
	if !ok {
		return errors.New("journal: entries of a journal are not a string")
	}
	for line := range strings.Lines(text.Value) {
		fields := strings.Split(strings.TrimSuffix(line, "\n"), " ")
		if len(fields) != 4 {
			return fmt.Errorf("journal: journal entry %q", line)
		}
		position, err := strconv.ParseUint(fields[0], 16, 64)
		if err != nil {
			return fmt.Errorf("journal: journal entry %q", line)
		}
		*l = append(*l, Entry{Position(position), fields[1], namePrefix + fields[2], fields[3]})
	}
	return nil
}

// maxHeadBytes bounds the entries of a head, so that the record of the head has
// less than 1 KB, which costs the least to write. Entries that do not fit go to
// a page, with the earlier ones.
const maxHeadBytes = 800

// Head is the end of a journal.
type Head struct {
	Version int64 `dynamodbav:"v"`
	// Position is the mark that every later entry exceeds: the position of the
	// last entry, or a greater one that a reader has set.
	Position Position `dynamodbav:"pos"`
	Paged    Position `dynamodbav:"paged"`   // of the last entry in pages
	Entries  Entries  `dynamodbav:"entries"` // those after Paged
}

// After returns the head with more entries, and the page to write, if any.
func (h Head) After(entries []Entry) (next Head, page Entries) {
	next = h
	next.Version++
	if len(entries) == 0 {
		return next, nil
	}
	next.Position = entries[len(entries)-1].Position
	next.Entries = append(h.Entries[:len(h.Entries):len(h.Entries)], entries...)
	if len(next.Entries.String()) > maxHeadBytes {
		page, next.Entries, next.Paged = next.Entries, Entries{}, next.Position
	}
	return next, page
}

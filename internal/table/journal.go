package table

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"dsync/internal/dynamo"
	"dsync/internal/table/journal"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Journal is an ordered list of references to events: the log of a directory,
// or one shard of the log of the environment. It consists of a head, which has
// the latest entries and fences appends, and of pages with the earlier ones.
type Journal struct{ partition string }

// DirectoryJournal is the journal of a directory.
func DirectoryJournal(directoryID string) Journal { return Journal{logPartition(directoryID)} }

// EnvironmentJournal is a shard of the journal of the environment.
func EnvironmentJournal(shard int) Journal { return Journal{environmentPartition(shard)} }

// journalPage is a page of a journal. Its sort key is the position of its last
// entry.
type journalPage struct {
	Entries journal.Entries `dynamodbav:"entries"`
	TTL     int64           `dynamodbav:"ttl"`
}

// EnvironmentHeads reads the heads of shards of the environment's journal. A
// shard without events has the zero head.
func (t *Table) EnvironmentHeads(ctx context.Context, shards []int) (map[int]journal.Head, error) {
	heads := make(map[int]journal.Head, len(shards))
	keys := make([]dynamo.Key, len(shards))
	for i, shard := range shards {
		heads[shard] = journal.Head{}
		keys[i] = journalHeadKey(EnvironmentJournal(shard))
	}
	type record struct {
		dynamo.Key
		journal.Head
	}
	for r, err := range dynamo.Records[record](t.db.BatchGet(ctx, keys)) {
		if err != nil {
			return nil, err
		}
		shard, err := strconv.Atoi(strings.TrimPrefix(r.PK, environmentPrefix))
		if err != nil {
			return nil, fmt.Errorf("table: journal %q", r.PK)
		}
		heads[shard] = r.Head
	}
	return heads, nil
}

// RaiseMark makes every later entry of a shard exceed a position, and returns
// the head. A reader raises the marks before it passes a position, so that no
// event appears behind it.
func (t *Table) RaiseMark(ctx context.Context, shard int, mark journal.Position) (head journal.Head, err error) {
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
func (t *Table) JournalPages(ctx context.Context, j Journal, from journal.Position, newest bool, limit int) (entries []journal.Entry, more bool, err error) {
	first := from
	if first < journal.MaxPosition {
		first++
	}
	in := dynamo.Between(j.partition, pagePrefix+first.String(), pagePrefix+journal.MaxPosition.String())
	if newest {
		// The page that contains the position may end after it.
		if from < journal.MaxPosition {
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
func (t *Table) pageEntries(ctx context.Context, in dynamodb.QueryInput, limit int, from journal.Position, newest bool) (entries []journal.Entry, more bool, err error) {
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

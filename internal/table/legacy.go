package table

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Earlier versions kept an event in the partition of its directory's log, under
// a ULID, and found the events of an hour by the index. This file reads these
// records, and writes them in the present form.

// legacyBuckets is the partition of the list of buckets: parts of an hour's log.
// Migration removes a bucket when its events are migrated.
const legacyBuckets = "LB"

func legacyBucketKey(bucket string) key { return key{legacyBuckets, bucket} }

func legacyEventKey(directoryID, position string) key {
	return key{logPartition(directoryID), position}
}

func legacyPositionKey(eventID string) key { return key{"LP#" + ulidOf(eventID), "P"} }

// LegacyEvent is an event of an earlier version.
type LegacyEvent struct {
	LoggedEvent
	ULID string // its position
	Sort string // its sort key in the bucket
}

// legacyRecord is the stored form of a LegacyEvent.
type legacyRecord struct {
	ULID           string `dynamodbav:"pos"`
	ID             string `dynamodbav:"id"`
	Name           string `dynamodbav:"event"`
	DirectoryID    string `dynamodbav:"dir"`
	OrganizationID string `dynamodbav:"org"`
	Body           []byte `dynamodbav:"body"`
	TTL            int64  `dynamodbav:"ttl"`
}

func (r legacyRecord) event() LegacyEvent {
	return LegacyEvent{LoggedEvent: LoggedEvent{
		ID: r.ID, Name: r.Name, DirectoryID: r.DirectoryID, OrganizationID: r.OrganizationID, Body: r.Body, TTL: r.TTL,
	}, ULID: r.ULID}
}

// LegacyBucket returns the first bucket with events of an earlier version. It
// fails with ErrNotFound if there is none.
func (t *Table) LegacyBucket(ctx context.Context) (string, error) {
	in := between(legacyBuckets, " ", "~")
	in.Limit = aws.Int32(1)
	out, err := t.queryPage(ctx, in)
	if err != nil {
		return "", err
	}
	keys, err := unmarshalAll[key](out.Items)
	if err == nil && len(keys) == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return "", err
	}
	return keys[0].SK, nil
}

// LegacyEvents reads at most limit events of a bucket, oldest first, after a sort
// key; "" is the beginning. It reads the index. more says whether others follow.
func (t *Table) LegacyEvents(ctx context.Context, bucket, after string, limit int32) (events []LegacyEvent, more bool, err error) {
	in := indexPartitionAfter("L#"+bucket, after+" ")
	in.Limit = aws.Int32(limit)
	out, err := t.queryPage(ctx, in)
	if err != nil {
		return nil, false, err
	}
	var keys []key
	sorts := map[key]string{}
	for _, i := range out.Items {
		var k key
		var index indexKey
		if err := errors.Join(unmarshal(i, &k), unmarshal(i, &index)); err != nil {
			return nil, false, err
		}
		keys, sorts[k] = append(keys, k), index.SK
	}
	found := map[key]LegacyEvent{}
	for r, err := range records[legacyRecord](t.batchGet(ctx, keys)) {
		if err != nil {
			return nil, false, err
		}
		found[legacyEventKey(r.DirectoryID, r.ULID)] = r.event()
	}
	for _, k := range keys {
		if e, ok := found[k]; ok { // the others have expired
			e.Sort = sorts[k]
			events = append(events, e)
		}
	}
	return events, out.LastEvaluatedKey != nil, nil
}

// MigrateEvents writes events of one bucket, with their new positions, in the
// present form: records of the events, and pages of the journals. Then it deletes
// the earlier form. It is not atomic and can be repeated with the same positions.
func (t *Table) MigrateEvents(ctx context.Context, events []LegacyEvent, pageTTL int64) error {
	pages := map[Journal]entryList{}
	var puts, deletes []types.WriteRequest
	for _, e := range events {
		own, shared := DirectoryJournal(e.DirectoryID), EnvironmentJournal(EnvironmentShard(e.OrganizationID))
		pages[own] = append(pages[own], JournalEntry{e.Position, EventKey(e.ID), e.Name, ""})
		pages[shared] = append(pages[shared], JournalEntry{e.Position, EventKey(e.ID), e.Name, ulidOf(e.OrganizationID)})
		puts = append(puts, types.WriteRequest{PutRequest: &types.PutRequest{Item: marshal(eventKey(EventKey(e.ID)), e.LoggedEvent)}})
		for _, k := range []key{legacyEventKey(e.DirectoryID, e.ULID), legacyPositionKey(e.ID)} {
			deletes = append(deletes, types.WriteRequest{DeleteRequest: &types.DeleteRequest{Key: marshal(k)}})
		}
	}
	for journal, entries := range pages {
		if strings.HasPrefix(journal.partition, environmentPrefix) {
			if err := t.raisePaged(ctx, journal, entries[len(entries)-1].Position); err != nil {
				return err
			}
		}
		for len(entries) > 0 {
			n := min(len(entries), MaxLogActions)
			item := marshal(pageKey(journal, entries[n-1].Position), journalPage{entries[:n], pageTTL})
			puts = append(puts, types.WriteRequest{PutRequest: &types.PutRequest{Item: item}})
			entries = entries[n:]
		}
	}
	if err := t.batchWrite(ctx, puts); err != nil {
		return err
	}
	return t.batchWrite(ctx, deletes)
}

// raisePaged makes the head of a journal say that pages have entries up to a
// position.
func (t *Table) raisePaged(ctx context.Context, j Journal, last Position) error {
	err := t.update(ctx, types.Update{
		Key:                       marshal(journalHeadKey(j)),
		UpdateExpression:          aws.String("SET paged = :last, pos = if_not_exists(pos, :last) ADD v :one"),
		ConditionExpression:       aws.String("attribute_not_exists(paged) OR paged < :last"),
		ExpressionAttributeValues: marshal(map[string]any{":last": last, ":one": 1}),
	})
	return ifConditionFails(err, nil)
}

// RemoveLegacyBucket removes a bucket whose events are migrated.
func (t *Table) RemoveLegacyBucket(ctx context.Context, bucket string) error {
	return t.deleteItems(ctx, []key{legacyBucketKey(bucket)})
}

// LegacyLogged reads events of an earlier version by their ids, whether they are
// migrated or not. Those that are not in the log are left out.
func (t *Table) LegacyLogged(ctx context.Context, directoryID string, eventIDs []string) (map[string]LoggedEvent, error) {
	logged := map[string]LoggedEvent{}
	var keys []key
	for _, id := range eventIDs {
		keys = append(keys, eventKey(EventKey(id)), legacyEventKey(directoryID, ulidOf(id)), legacyPositionKey(id))
	}
	var late []key
	for i, err := range t.batchGet(ctx, keys) {
		if err != nil {
			return nil, err
		}
		var k key
		if err := unmarshal(i, &k); err != nil {
			return nil, err
		}
		switch {
		case strings.HasPrefix(k.PK, "LP#"):
			var r legacyRecord
			if err := unmarshal(i, &r); err != nil {
				return nil, err
			}
			late = append(late, legacyEventKey(directoryID, r.ULID))
		case k.SK == "E":
			var e LoggedEvent
			if err := unmarshal(i, &e); err != nil {
				return nil, err
			}
			logged[e.ID] = e
		default:
			if err := addLegacy(i, logged); err != nil {
				return nil, err
			}
		}
	}
	for i, err := range t.batchGet(ctx, late) {
		if err == nil {
			err = addLegacy(i, logged)
		}
		if err != nil {
			return nil, err
		}
	}
	return logged, nil
}

func addLegacy(i item, logged map[string]LoggedEvent) error {
	var r legacyRecord
	if err := unmarshal(i, &r); err != nil {
		return fmt.Errorf("table: event of an earlier version: %w", err)
	}
	logged[r.ID] = r.event().LoggedEvent
	return nil
}

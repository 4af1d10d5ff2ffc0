package table

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"dsync/internal/dynamo"
	"dsync/internal/table/journal"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Earlier versions kept an event in the partition of its directory's log, under
// a ULID, and found the events of an hour by the index. This file reads these
// records, and writes them in the present form.

// legacyBuckets is the partition of the list of buckets: parts of an hour's log.
// Migration removes a bucket when its events are migrated.
const legacyBuckets = "LB"

func legacyBucketKey(bucket string) dynamo.Key { return dynamo.Key{PK: legacyBuckets, SK: bucket} }

func legacyEventKey(directoryID, position string) dynamo.Key {
	return dynamo.Key{PK: logPartition(directoryID), SK: position}
}

func legacyPositionKey(eventID string) dynamo.Key {
	return dynamo.Key{PK: "LP#" + ulidOf(eventID), SK: "P"}
}

// LegacyEvent is an event of an earlier version.
type LegacyEvent struct {
	Event LoggedEvent
	ULID  string // its position
	Sort  string // its sort key in the bucket
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
	return LegacyEvent{Event: LoggedEvent{
		ID: r.ID, Name: r.Name, DirectoryID: r.DirectoryID, OrganizationID: r.OrganizationID, Body: r.Body, TTL: r.TTL,
	}, ULID: r.ULID}
}

// LegacyBucket returns the first bucket with events of an earlier version. It
// fails with ErrNotFound if there is none.
func (t *Table) LegacyBucket(ctx context.Context) (string, error) {
	for k, err := range dynamo.Records[dynamo.Key](t.db.Query(ctx, dynamo.Between(legacyBuckets, " ", "~"), 1)) {
		return k.SK, err
	}
	return "", ErrNotFound
}

// LegacyEvents reads at most limit events of a bucket, oldest first, after a sort
// key; "" is the beginning. It reads the index. more says whether others follow.
func (t *Table) LegacyEvents(ctx context.Context, bucket, after string, limit int) (events []LegacyEvent, more bool, err error) {
	out, err := t.db.QueryPage(ctx, dynamo.IndexPartitionAfter("L#"+bucket, after+" "), limit)
	if err != nil {
		return nil, false, err
	}
	var keys []dynamo.Key
	sorts := map[dynamo.Key]string{}
	for _, i := range out.Items {
		var k dynamo.Key
		var index dynamo.IndexKey
		if err := errors.Join(dynamo.Unmarshal(i, &k), dynamo.Unmarshal(i, &index)); err != nil {
			return nil, false, err
		}
		keys, sorts[k] = append(keys, k), index.SK
	}
	found := map[dynamo.Key]LegacyEvent{}
	for r, err := range dynamo.Records[legacyRecord](t.db.BatchGet(ctx, keys)) {
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
	pages := map[Journal]journal.Entries{}
	var puts, deletes []types.WriteRequest
	for _, legacy := range events {
		e := legacy.Event
		own, shared := DirectoryJournal(e.DirectoryID), EnvironmentJournal(journal.ShardOf(e.OrganizationID))
		pages[own] = append(pages[own], journal.Entry{Position: e.Position, Key: EventKey(e.ID), Name: e.Name, Organization: ""})
		pages[shared] = append(pages[shared], journal.Entry{Position: e.Position, Key: EventKey(e.ID), Name: e.Name, Organization: ulidOf(e.OrganizationID)})
		puts = append(puts, types.WriteRequest{PutRequest: &types.PutRequest{Item: dynamo.Marshal(eventKey(EventKey(e.ID)), e)}})
		for _, k := range []dynamo.Key{legacyEventKey(e.DirectoryID, legacy.ULID), legacyPositionKey(e.ID)} {
			deletes = append(deletes, types.WriteRequest{DeleteRequest: &types.DeleteRequest{Key: dynamo.Marshal(k)}})
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
			item := dynamo.Marshal(pageKey(journal, entries[n-1].Position), journalPage{entries[:n], pageTTL})
			puts = append(puts, types.WriteRequest{PutRequest: &types.PutRequest{Item: item}})
			entries = entries[n:]
		}
	}
	if err := t.db.BatchWrite(ctx, puts); err != nil {
		return err
	}
	return t.db.BatchWrite(ctx, deletes)
}

// raisePaged makes the head of a journal say that pages have entries up to a
// position.
func (t *Table) raisePaged(ctx context.Context, j Journal, last journal.Position) error {
	err := t.db.Update(ctx, types.Update{
		Key:                       dynamo.Marshal(journalHeadKey(j)),
		UpdateExpression:          aws.String("SET paged = :last, pos = if_not_exists(pos, :last) ADD v :one"),
		ConditionExpression:       aws.String("attribute_not_exists(paged) OR paged < :last"),
		ExpressionAttributeValues: dynamo.Marshal(map[string]any{":last": last, ":one": 1}),
	})
	return dynamo.IfConditionFails(err, nil)
}

// RemoveLegacyBucket removes a bucket whose events are migrated.
func (t *Table) RemoveLegacyBucket(ctx context.Context, bucket string) error {
	return t.db.DeleteItems(ctx, []dynamo.Key{legacyBucketKey(bucket)})
}

// LegacyLogged reads events of an earlier version by their ids, whether they are
// migrated or not. Those that are not in the log are left out.
func (t *Table) LegacyLogged(ctx context.Context, directoryID string, eventIDs []string) (map[string]LoggedEvent, error) {
	logged := map[string]LoggedEvent{}
	var keys []dynamo.Key
	for _, id := range eventIDs {
		keys = append(keys, eventKey(EventKey(id)), legacyEventKey(directoryID, ulidOf(id)), legacyPositionKey(id))
	}
	var late []dynamo.Key
	for i, err := range t.db.BatchGet(ctx, keys) {
		var k dynamo.Key
		if err == nil {
			err = dynamo.Unmarshal(i, &k)
		}
		switch {
		case err != nil:
		case strings.HasPrefix(k.PK, "LP#"):
			var r legacyRecord
			err = dynamo.Unmarshal(i, &r)
			late = append(late, legacyEventKey(directoryID, r.ULID))
		case k.SK == "E":
			var e LoggedEvent
			err = dynamo.Unmarshal(i, &e)
			logged[e.ID] = e
		default:
			err = addLegacy(i, logged)
		}
		if err != nil {
			return nil, err
		}
	}
	for i, err := range t.db.BatchGet(ctx, late) {
		if err == nil {
			err = addLegacy(i, logged)
		}
		if err != nil {
			return nil, err
		}
	}
	return logged, nil
}

func addLegacy(i dynamo.Item, logged map[string]LoggedEvent) error {
	var r legacyRecord
	if err := dynamo.Unmarshal(i, &r); err != nil {
		return fmt.Errorf("table: event of an earlier version: %w", err)
	}
	logged[r.ID] = r.event().Event
	return nil
}

package relay_test

import (
	"compress/gzip"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"os"
	"slices"
	"testing"
	"time"

	"dsync/internal/dsync"
	"dsync/internal/dsynctest"
	"dsync/internal/dynamo"
	"dsync/internal/eventlog"
	"dsync/internal/jobs"
	"dsync/internal/relay"
	"dsync/internal/table"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"
)

// earlier is a table that the version before the journals wrote, with its log as
// that version read it, and the last records of its stream.
type earlier struct {
	Taken   time.Time
	Items   []map[string]events.DynamoDBAttributeValue
	Log     map[string][]string // ids of events by directory; "" is all
	Records []events.DynamoDBEventRecord
}

func readEarlier(t *testing.T) (e earlier) {
	t.Helper()
	file, err := os.Open("testdata/earlier-log.json.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	text, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.NewDecoder(text).Decode(&e); err != nil {
		t.Fatal(err)
	}
	return e
}

// load puts the items of the earlier table into the machine's.
func (m *machine) load(t *testing.T, items []map[string]events.DynamoDBAttributeValue) {
	t.Helper()
	for _, attributes := range items {
		item := dynamo.FromImage(attributes)
		if item["ttl"] != nil {
			item["ttl"] = &types.AttributeValueMemberN{Value: "4102444800"} // 2100: the test does not expire
		}
		if _, err := m.db.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &m.tableName, Item: item}); err != nil {
			t.Fatal(err)
		}
	}
}

// idsOf reads the ids of a query's events, page by page.
func idsOf(t *testing.T, log *eventlog.Log, q eventlog.Query) (list []string) {
	t.Helper()
	q.Limit = 7
	for _, e := range dsynctest.ReadLog(t, log, q) {
		list = append(list, e.ID)
	}
	return list
}

// The log of the earlier version is migrated by a job, without loss: events keep
// their ids and their order, records that the stream delivers again after the
// upgrade are not logged again, and new events follow with the sequences 1, 2, 3.
func TestMigration(t *testing.T) {
	old := readEarlier(t)
	now := func() time.Time { return old.Taken.Add(time.Minute) }
	m := idle(t, intact)
	m.load(t, old.Items)
	m.log = eventlog.New(m.table, now)
	r := relay.New(m.table, m.log, m.publisher, m.parking, now, quiet, nil)
	send := func(records []events.DynamoDBEventRecord) {
		t.Helper()
		answer, err := r.Handle(t.Context(), events.DynamoDBEvent{Records: records})
		if err != nil || len(answer.BatchItemFailures) > 0 {
			t.Fatal(answer, err)
		}
	}
	counts := map[string]int{}
	for id, list := range old.Log {
		counts[id] = len(list)
	}
	for _, q := range []eventlog.Query{{Limit: 1}, {Limit: 1, OrganizationID: "org_01000000000000000000000009"}, {Limit: 1, After: old.Log[""][50]}} {
		if _, err := m.log.Read(t.Context(), q); !errors.Is(err, eventlog.ErrMigrating) {
			t.Errorf("%+v before the migration: %v", q, err)
		}
	}

	send(old.Records)
	collected := m.collect(t)
	var user table.Resource
	for id := range old.Log {
		if d, err := m.table.Directory(t.Context(), id); err == nil && d.State == table.Linked {
			user = table.Resource{Kind: table.User, ID: "directory_user_01000000000000000000000001", DirectoryID: id, OrganizationID: d.OrganizationID,
				Document: `{"userName":"new"}`, Version: 1, Created: now().UTC(), Modified: now().UTC()}
		}
	}
	if err := m.table.Create(t.Context(), user, table.Keys{Name: "new"}, nil); err != nil {
		t.Fatal(err)
	}
	fresh := func(all []events.DynamoDBEventRecord) []events.DynamoDBEventRecord {
		return slices.DeleteFunc(all, func(r events.DynamoDBEventRecord) bool {
			return r.Change.Keys["sk"].String() != "U#01000000000000000000000001"
		})
	}
	var records []events.DynamoDBEventRecord
	for len(records) == 0 {
		records = fresh(collected(1))
	}
	send(records)
	send(records) // again
	send(old.Records)

	worker := jobs.New(m.table, now, rand.Reader, 0, quiet)
	dsynctest.Consume(t, m.db, m.tableName, dsynctest.Jobs, lambda.NewHandler(func(ctx context.Context, b events.DynamoDBEvent) error { return worker.Handle(ctx, b) }))
	migration := eventlog.NewMigration(m.table)
	for needed := true; needed; {
		if err := worker.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		var err error
		if needed, err = migration.Needed(t.Context()); err != nil {
			t.Fatal(err)
		}
	}

	all := idsOf(t, m.log, eventlog.Query{})
	added := all[len(all)-1]
	want := append(slices.Clone(old.Log[""]), added)
	slices.Sort(want)
	if got := slices.Sorted(slices.Values(all)); cmp.Diff(want, got) != "" {
		t.Errorf("the log: %s", cmp.Diff(want, got))
	}
	for id, list := range old.Log {
		if id == "" {
			continue
		}
		if id == user.DirectoryID {
			list = append(slices.Clone(list), added)
		}
		if diff := cmp.Diff(list, idsOf(t, m.log, eventlog.Query{DirectoryID: id})); diff != "" {
			t.Errorf("the log of %s: %s", id, diff)
		}
		if diff := cmp.Diff(list[5:], idsOf(t, m.log, eventlog.Query{DirectoryID: id, After: list[4]})); diff != "" {
			t.Errorf("the log of %s after an event: %s", id, diff)
		}
	}
	last, err := m.log.Find(t.Context(), user.DirectoryID, added)
	var e dsync.Event
	if err != nil || json.Unmarshal(last, &e) != nil || e.Context.Sequence != 1 || e.Name != dsync.UserCreated {
		t.Errorf("the new event: %s, %v", last, err)
	}
	published := map[string]bool{}
	m.until(t, "not all were published", func(got []dsync.Event) bool {
		for _, e := range got {
			published[e.ID] = true
		}
		return published[added] && len(published) >= 2
	})
	for id := range published {
		if id != added && !slices.Contains(old.Log[""], id) {
			t.Errorf("%s was published and was not in the log", id)
		}
	}
}

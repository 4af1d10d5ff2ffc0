package dynamostore_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"dsync/events/consumer"
	"dsync/events/consumer/dynamostore"
	"dsync/events/consumer/storetest"
	"dsync/internal/dsynctest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

func TestMain(m *testing.M) { dsynctest.Main(m) }

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) consumer.Store { return dynamostore.New(dsynctest.Table(t)) })
}

const directory = "directory_01ECAZ4NV9QMV47GW873HDCX74"

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

func user(n int) consumer.User {
	return consumer.User{ID: fmt.Sprintf("directory_user_%026d", n), DirectoryID: directory}
}

func membership(n int) consumer.Membership {
	return consumer.Membership{DirectoryID: directory, User: user(n), Group: consumer.Group{ID: fmt.Sprintf("directory_group_%026d", n), DirectoryID: directory}}
}

// event returns an event; without a sequence if that is 0.
func event(id string, sequence int64, name string, data any) consumer.Event {
	return consumer.Event{ID: "event_01M844RZ20EBR0JMJ6110Q14" + id, Sequence: sequence, Name: name, Data: data}
}

// The items that a version without sequences has written: what is applied is
// older than every event with a sequence, and not older than itself.
func TestItemsWithoutSequences(t *testing.T) {
	for name, c := range map[string]struct {
		items []map[string]types.AttributeValue
		e     consumer.Event
		want  string // the event that the handler receives
	}{
		"the same event":                          {finished(user(1).ID, "DK"), event("DK", 0, consumer.UserUpdated, user(1)), ""},
		"an older event":                          {finished(user(1).ID, "DK"), event("DJ", 0, consumer.UserUpdated, user(1)), ""},
		"a newer event without a sequence":        {finished(user(1).ID, "DK"), event("DM", 0, consumer.UserUpdated, user(1)), consumer.UserUpdated},
		"the first event with a sequence":         {finished(user(1).ID, "DK"), event("00", 1, consumer.UserUpdated, user(1)), consumer.UserUpdated},
		"an observation":                          {finished(user(1).ID, "DK"), consumer.Observed(consumer.UserUpdated, user(1), 0), consumer.UserUpdated},
		"a membership before the user's deletion": {deleted(user(1).ID, "DK"), event("DJ", 0, consumer.GroupUserAdded, membership(1)), consumer.GroupUserRemoved},
		"a membership after the user's return":    {deleted(user(1).ID, "DK"), event("00", 1, consumer.GroupUserAdded, membership(1)), consumer.GroupUserAdded},
		"a membership of a deleted group":         {deleted(membership(1).Group.ID, "DK"), event("00", 1, consumer.GroupUserAdded, membership(1)), consumer.GroupUserRemoved},
		"after the directory's deletion":          {deleted(directory, "DK"), event("00", 1, consumer.UserCreated, user(1)), consumer.UserDeleted},
	} {
		t.Run(name, func(t *testing.T) {
			api, table := dsynctest.Table(t)
			for _, i := range c.items {
				if _, err := api.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &table, Item: i}); err != nil {
					t.Fatal(err)
				}
			}
			var got []string
			consume := consumer.New(dynamostore.New(api, table), func(_ context.Context, e consumer.Event) error {
				got = append(got, e.Name)
				return nil
			}, consumer.Options{})
			for range 2 {
				if err := consume.Consume(t.Context(), c.e); err != nil {
					t.Fatal(err)
				}
			}
			if want := strings.Fields(c.want); !slices.Equal(got, want) {
				t.Errorf("%v, want %v", got, want)
			}
		})
	}
}

// finished is the item of a resource, as a version without sequences wrote it.
func finished(resource, id string) []map[string]types.AttributeValue {
	return []map[string]types.AttributeValue{{
		"pk": text(directory), "sk": text(resource), "event_id": text(event(id, 0, "", nil).ID), "is_finished": &types.AttributeValueMemberBOOL{Value: true},
	}}
}

// deleted is the mark of a deletion, as a version without sequences wrote it.
func deleted(resource, id string) []map[string]types.AttributeValue {
	return []map[string]types.AttributeValue{{
		"pk": text(directory), "sk": text("deleted/" + resource), "event_id": text(event(id, 0, "", nil).ID),
		"forget_at": &types.AttributeValueMemberN{Value: "4102444800"},
	}}
}

// What an event costs: two writes of one unit, and a third one to find gaps.
// The check for gaps adds less than a twentieth of a unit. DynamoDB Local does
// not count the read of an item that does not exist.
func TestUnits(t *testing.T) {
	const events = 210 // more than an item records
	measure := func(o consumer.Options) (reads, writes float64) {
		api, table := dsynctest.Table(t)
		counted := counting(api, &reads, &writes)
		c := consumer.New(dynamostore.New(counted, table), func(context.Context, consumer.Event) error { return nil }, o)
		for n := 1; n <= events; n++ {
			if err := c.Consume(t.Context(), event(fmt.Sprintf("%02d", n%100), int64(n), consumer.UserUpdated, user(n))); err != nil {
				t.Fatal(err)
			}
		}
		return reads / events, writes / events
	}
	reads, writes := measure(consumer.Options{})
	t.Logf("an event: %.2f read and %.2f write units", reads, writes)
	if writes != 2 {
		t.Errorf("%.3f write units", writes)
	}
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	trackedReads, trackedWrites := measure(consumer.Options{
		// 20 events a minute.
		Now: func() time.Time { now = now.Add(time.Second); return now },
		Gap: func(_ context.Context, g consumer.Gap) error { t.Errorf("%+v is reported", g); return nil },
	})
	t.Logf("with gaps: %.2f read and %.2f write units", trackedReads, trackedWrites)
	if trackedWrites < 3 || trackedWrites > 3.05 || trackedReads > reads+0.2 {
		t.Errorf("with gaps: %.3f write units, %.3f read units", trackedWrites, trackedReads)
	}
}

// A record costs one write unit, even if the item is full.
func TestUnitsOfFullItems(t *testing.T) {
	const events, workers = 450, 10
	api, table := dsynctest.Table(t)
	s := dynamostore.New(api, table)
	var running sync.WaitGroup
	for worker := range workers {
		running.Go(func() {
			for n := worker; n < events; n += workers {
				if err := s.Record(t.Context(), directory, 1_000_000_000_000+int64(n), time.Now()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	running.Wait()
	for n := range int64(3) {
		reads, writes := 0.0, 0.0
		counted := dynamostore.New(counting(api, &reads, &writes), table)
		if err := counted.Record(t.Context(), directory, 1_000_000_000_000+199*n, time.Now()); err != nil || writes != 1 {
			t.Errorf("%v write units, %v", writes, err)
		}
	}
}

// DynamoDB returns the elements of a set in any order.
func TestRecordedSorts(t *testing.T) {
	api, table := dsynctest.Table(t)
	s := dynamostore.New(with(api, func(ctx context.Context, in any, next call) (any, error) {
		out, err := next(ctx, in)
		if page, ok := out.(*dynamodb.QueryOutput); ok {
			for _, i := range page.Items {
				slices.Reverse(i["offsets"].(*types.AttributeValueMemberNS).Value)
			}
		}
		return out, err
	}), table)
	for n := range int64(4) {
		if err := s.Record(t.Context(), directory, n+1, time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	var got []int64
	for n, err := range s.Recorded(t.Context(), directory, 0) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, n)
	}
	if !slices.Equal(got, []int64{1, 2, 3, 4}) {
		t.Error(got)
	}
}

// What is recorded expires.
func TestExpiry(t *testing.T) {
	api, table := dsynctest.Table(t)
	s := dynamostore.New(api, table)
	expiry := time.Date(2027, 2, 21, 12, 0, 0, 0, time.UTC)
	if err := s.Record(t.Context(), directory, 1, expiry.Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	if err := s.Record(t.Context(), directory, 2, expiry); err != nil {
		t.Fatal(err)
	}
	if err := s.Raise(t.Context(), consumer.Key{Directory: directory, Resource: "deleted/x"}, "event_1", expiry); err != nil {
		t.Fatal(err)
	}
	out, err := api.Scan(t.Context(), &dynamodb.ScanInput{TableName: &table, ConsistentRead: aws.Bool(true)})
	if err != nil || len(out.Items) != 2 {
		t.Fatalf("%d items, %v", len(out.Items), err)
	}
	for _, i := range out.Items {
		if n, _ := i["forget_at"].(*types.AttributeValueMemberN); n == nil || n.Value != fmt.Sprint(expiry.Unix()) {
			t.Errorf("%v expires at %v", i["sk"], i["forget_at"])
		}
	}
}

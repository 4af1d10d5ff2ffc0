package relay_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"dsync/internal/dsync"
	"dsync/internal/dsynctest"
	"dsync/internal/eventlog"
	"dsync/internal/table"
)

// detail is an event about a user of 2 KB, as it is logged.
func detail(t *testing.T, id, name string) []byte {
	t.Helper()
	var text strings.Builder // which hardly packs
	for random := rand.New(rand.NewPCG(1, 2)); text.Len() < 1300; {
		fmt.Fprintf(&text, "%x", random.Uint64())
	}
	user := dsync.Resource{ID: "directory_user_01000000000000000000000000", DirectoryID: "directory_01000000000000000000000000",
		OrganizationID: "org_01000000000000000000000000", Created: time.Now(), Updated: time.Now(),
		Document: map[string]any{
			"userName": "ada@example.com", "externalId": "0a21f0f2-8d2a-4f8e-bf98-7363c4aed4ef", "active": true, "displayName": "Ada Lovelace",
			"name": map[string]any{"givenName": "Ada", "familyName": "Lovelace"}, "title": "Engineer",
			"emails":   []any{map[string]any{"type": "work", "primary": true, "value": "ada@example.com"}},
			"nickName": text.String(),
		}}
	data := dsync.User(user)
	if name == dsync.GroupUserAdded {
		data = map[string]any{"directory_id": user.DirectoryID, "user": data, "group": dsync.Group(dsync.Resource{ID: "directory_group_01000000000000000000000000"})}
	}
	b, err := json.Marshal(dsync.Event{Object: "event", ID: id, Name: name, Data: data})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// What logging an event costs, alone and in a batch. Of a transaction the
// engine counts 4 units per KB, where DynamoDB bills 2, and parts that cost the
// same only once; so what is billed is worked out from the sizes: 2 per KB of
// the event, 2 for the head of its directory's log, and 1 in the index.
func TestBudgetOfEvents(t *testing.T) {
	for _, c := range []struct {
		name  string
		event string
		n     int
		trips int // and with them what is billed for one event, at most
		bills float64
	}{
		{"user.created (2 KB user)", dsync.UserCreated, 1, 2, 7},
		{"group.user_added (2 KB user)", dsync.GroupUserAdded, 1, 2, 7},
		{"100 user.created in a batch", dsync.UserCreated, 100, 4, 5.1},
		{"100 group.user_added in a batch", dsync.GroupUserAdded, 100, 4, 5.1},
	} {
		api, name := dsynctest.Table(t)
		now := time.Now().Truncate(time.Second)
		records := table.New(api, name)
		log := eventlog.New(records, func() time.Time { return now })
		entries := func(first int) (list []eventlog.Entry) {
			for i := range c.n {
				e := eventlog.Entry{Name: c.event, DirectoryID: "directory_01000000000000000000000000", OrganizationID: "org_01000000000000000000000000",
					Changed: now, Sequence: fmt.Sprintf("%030d", first+i)}
				var err error
				if e.ID, err = dsync.EventID(now, e.Sequence); err != nil {
					t.Fatal(err)
				}
				e.Detail = detail(t, e.ID, c.event)
				list = append(list, e)
			}
			return list
		}
		if _, err := log.Append(t.Context(), entries(1)); err != nil { // the hour is noted once
			t.Fatal(err)
		}
		ctx, meter := table.WithMeter(context.Background())
		list := entries(1000)
		if _, err := log.Append(ctx, list); err != nil {
			t.Fatal(err)
		}
		stored := 0
		for e, err := range records.DirectoryLog(t.Context(), list[0].DirectoryID, "0", "8", true) {
			if err != nil {
				t.Fatal(err)
			}
			stored = len(e.Body)
			break
		}
		const overhead = 350 // keys, ids and names of the record
		transactions := float64(meter.RoundTrips - 1)
		billed := (2*float64((stored+overhead+1023)/1024)*float64(c.n) + float64(c.n) + 2*transactions) / float64(c.n)
		t.Logf("%-34s %2d round trips (≤ %2d), bills %.2f write units an event (≤ %.1f), the engine counts %.2f and %.2f read units; %d bytes of JSON are stored as %d",
			c.name, meter.RoundTrips, c.trips, billed, c.bills, meter.WriteUnits/float64(c.n), meter.ReadUnits/float64(c.n), len(list[0].Detail), stored)
		if meter.RoundTrips > c.trips || billed > c.bills {
			t.Errorf("%s is over budget", c.name)
		}
	}
}

package relay_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"dsync/internal/dsynctest"
	"dsync/internal/table"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// document is a user whose event is stored in less than 1 KB, gzip included.
func document(n int) string {
	var text strings.Builder // which hardly packs
	for random := rand.New(rand.NewPCG(uint64(n), 2)); text.Len() < 300; {
		fmt.Fprintf(&text, "%x", random.Uint64())
	}
	b, _ := json.Marshal(map[string]any{
		"userName": fmt.Sprintf("ada%d@example.com", n), "externalId": "0a21f0f2-8d2a-4f8e-bf98-7363c4aed4ef", "active": true, "displayName": "Ada Lovelace",
		"name": map[string]any{"givenName": "Ada", "familyName": "Lovelace"}, "title": "Engineer",
		"emails":   []any{map[string]any{"type": "work", "primary": true, "value": "ada@example.com"}},
		"nickName": text.String(),
	})
	return string(b)
}

// The cost of an event. Reads and round trips are counted; the engine counts parts
// of a transaction that cost the same only once, so what DynamoDB bills for writes
// is worked out from the records: 2 units per KB of the event and of the pages of
// the journals, and 2 for each of the two heads of an append.
func TestBudgetOfEvents(t *testing.T) {
	for _, c := range []struct {
		name         string
		memberships  bool
		batch, calls int
		writes       float64 // units of an event, as billed
		reads, trips float64 // units and round trips of an event
	}{
		{"user.created, alone", false, 1, 40, 8, 3, 3},
		{"group.user_added, alone", true, 1, 40, 8, 3, 4},
		{"user.created, 100 in a batch", false, 100, 2, 6.5, 1.5, 0.06},
		{"group.user_added, 100 in a batch", true, 100, 2, 6.5, 1.5, 0.06},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := measure(t)
			n := c.batch * c.calls
			changes := m.users(t, n)
			if c.memberships {
				m.relayAll(t, changes, 100)
				changes = m.members(t, n)
			}
			m.relayAll(t, changes[:c.batch], c.batch) // what a warm function knows
			before := m.billed(t)
			ctx, meter := table.WithMeter(t.Context())
			m.ctx = ctx
			rest := changes[c.batch:]
			m.relayAll(t, rest, c.batch)
			of := func(units float64) float64 { return units / float64(len(rest)) }
			writes, reads, trips := of(m.billed(t)-before+4*float64(c.calls-1)), of(meter.ReadUnits), of(float64(meter.RoundTrips))
			t.Logf("%-34s %.2f write units an event as billed (≤ %.1f), %.2f read units (≤ %.1f), %.2f round trips (≤ %.2f)", c.name, writes, c.writes, reads, c.reads, trips, c.trips)
			if writes > c.writes || reads > c.reads || trips > c.trips {
				t.Error("over budget")
			}
		})
	}
}

// measured is a relay whose cost is measured. It is called without a stream
// consumer, with the records of the real stream.
type measured struct {
	*machine
	ctx    context.Context
	stream func(n int) []events.DynamoDBEventRecord
	group  table.Resource
	people []table.Resource
}

func measure(t *testing.T) *measured {
	t.Helper()
	m := &measured{machine: idle(t, intact), ctx: t.Context()}
	d, _ := dsynctest.Connect(t, m.table)
	m.directory = d
	m.stream = m.collect(t)
	m.stream(1) // of the directory
	return m
}

func (m *measured) resource(kind table.Kind, id, doc string) table.Resource {
	at := time.Now().UTC().Truncate(time.Millisecond)
	return table.Resource{Kind: kind, ID: id, DirectoryID: m.directory.ID, OrganizationID: m.directory.OrganizationID, Document: doc, Version: 1, Created: at, Modified: at}
}

// users creates a group and n users, and returns the records of the users.
func (m *measured) users(t *testing.T, n int) []events.DynamoDBEventRecord {
	t.Helper()
	m.group = m.resource(table.Group, "directory_group_01000000000000000000000000", `{"displayName":"g"}`)
	if err := m.table.Create(t.Context(), m.group, table.Keys{Name: "g"}, nil); err != nil {
		t.Fatal(err)
	}
	m.relayAll(t, m.stream(1), 100)
	for i := range n {
		r := m.resource(table.User, fmt.Sprintf("directory_user_01%024d", i), document(i))
		if err := m.table.Create(t.Context(), r, table.Keys{Name: fmt.Sprint("u", i)}, nil); err != nil {
			t.Fatal(err)
		}
		m.people = append(m.people, r)
	}
	return m.stream(n)
}

func (m *measured) members(t *testing.T, n int) []events.DynamoDBEventRecord {
	t.Helper()
	var list []table.Membership
	for _, r := range m.people[:n] {
		list = append(list, table.Membership{DirectoryID: r.DirectoryID, OrganizationID: r.OrganizationID, GroupID: m.group.ID, UserID: r.ID, At: r.Created})
	}
	if err := m.table.PutMemberships(t.Context(), list); err != nil {
		t.Fatal(err)
	}
	return m.stream(n)
}

func (m *measured) relayAll(t *testing.T, all []events.DynamoDBEventRecord, batch int) {
	t.Helper()
	for len(all) > 0 {
		n := min(batch, len(all))
		response, err := m.relay.Handle(m.ctx, events.DynamoDBEvent{Records: all[:n]})
		if err != nil || len(response.BatchItemFailures) > 0 {
			t.Fatal(response, err)
		}
		all = all[n:]
	}
}

// billed returns the units that DynamoDB has billed for the events and pages in
// the table. It fails if a head has 1 KB or more.
func (m *measured) billed(t *testing.T) (units float64) {
	t.Helper()
	pages := dynamodb.NewScanPaginator(m.db, &dynamodb.ScanInput{TableName: &m.tableName})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range page.Items {
			pk, sk := text(i["pk"]), text(i["sk"])
			switch size := size(i); {
			case sk == "HEAD" && size >= 1024:
				t.Errorf("the head of %s has %d bytes", pk, size)
			case strings.HasPrefix(pk, "E#"), strings.HasPrefix(sk, "P#"):
				units += 2 * float64((size+1023)/1024)
			}
		}
	}
	return units
}

func text(v types.AttributeValue) string {
	s, _ := v.(*types.AttributeValueMemberS)
	if s == nil {
		return ""
	}
	return s.Value
}

// size is the size of an item as DynamoDB bills it, of the types that the log
// has.
func size(item map[string]types.AttributeValue) (n int) {
	for name, v := range item {
		n += len(name)
		switch v := v.(type) {
		case *types.AttributeValueMemberS:
			n += len(v.Value)
		case *types.AttributeValueMemberB:
			n += len(v.Value)
		case *types.AttributeValueMemberN:
			n += (len(v.Value)+1)/2 + 1
		default:
			n++
		}
	}
	return n
}

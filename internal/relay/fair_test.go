package relay_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"dsync/internal/dsync"
	"dsync/internal/dsynctest"
	"dsync/internal/eventlog"
	"dsync/internal/table"

	"github.com/aws/aws-lambda-go/events"
)

// tenant is a directory with records of its own.
type tenant struct {
	*measured
	directory table.Directory
}

func (m *measured) tenant(t *testing.T) tenant {
	t.Helper()
	d, _ := dsynctest.Connect(t, m.table)
	m.stream(1)
	return tenant{m, d}
}

// insert is the record of a new user with that document.
func (x tenant) insert(n int, doc string) events.DynamoDBEventRecord {
	id := fmt.Sprintf("directory_user_01%024d", n)
	r := x.resource(table.User, id, doc)
	r.DirectoryID, r.OrganizationID = x.directory.ID, x.directory.OrganizationID
	image := map[string]events.DynamoDBAttributeValue{
		"id": events.NewStringAttribute(r.ID), "dir": events.NewStringAttribute(r.DirectoryID), "org": events.NewStringAttribute(r.OrganizationID),
		"doc": events.NewStringAttribute(r.Document), "v": events.NewNumberAttribute("1"),
		"created": events.NewStringAttribute(r.Created.Format("2006-01-02T15:04:05.000Z")), "at": events.NewStringAttribute(r.Modified.Format("2006-01-02T15:04:05.000Z")),
	}
	return events.DynamoDBEventRecord{EventID: fmt.Sprint(x.directory.ID, n), Change: events.DynamoDBStreamRecord{
		ApproximateCreationDateTime: events.SecondsEpochTime{Time: r.Created},
		Keys:                        map[string]events.DynamoDBAttributeValue{"pk": events.NewStringAttribute("D#"), "sk": events.NewStringAttribute("U#" + id)},
		NewImage:                    image, SizeBytes: int64(len(doc)), SequenceNumber: fmt.Sprint(1000 + n),
	}}
}

// logOf reads the log of the tenant.
func (x tenant) logOf(t *testing.T) []dsync.Event {
	t.Helper()
	return dsynctest.ReadLog(t, x.log, eventlog.Query{DirectoryID: x.directory.ID, Limit: 100})
}

// A directory has a share of a batch. What exceeds it is retried, and the events
// of the others are published before.
func TestShareOfABatch(t *testing.T) {
	m := measure(t)
	attacker, victim := m.tenant(t), m.tenant(t)
	fat := `{"userName":"x","nickName":"` + strings.Repeat("<&>", 100<<10/3) + `"}`
	var batch []events.DynamoDBEventRecord
	const n = 60 // of 100 KB each
	for i := range n {
		batch = append(batch, attacker.insert(i, fat))
	}
	batch = append(batch, victim.insert(n, `{"userName":"ada"}`))
	answer, err := m.relay.Handle(t.Context(), events.DynamoDBEvent{Records: batch})
	if err != nil || len(answer.BatchItemFailures) != 1 {
		t.Fatal(answer, err)
	}
	// 4 MiB hold 41 of these documents, of 102,427 bytes each.
	if got := answer.BatchItemFailures[0].ItemIdentifier; got != batch[40].Change.SequenceNumber {
		t.Errorf("the batch fails at %s, want %s", got, batch[40].Change.SequenceNumber)
	}
	isOf := func(x tenant) func(dsync.Event) bool {
		return func(e dsync.Event) bool { return e.References().DirectoryID == x.directory.ID }
	}
	got := m.until(t, "the victim has no event", func(all []dsync.Event) bool { return slices.ContainsFunc(all, isOf(victim)) })
	if first := slices.IndexFunc(got, isOf(victim)); first > 10 {
		t.Errorf("%d events of the attacker come before the victim's", first)
	}
	delivered := len(got)
	for rest := batch[40:]; len(rest) > 0; {
		answer, err := m.relay.Handle(t.Context(), events.DynamoDBEvent{Records: rest})
		if err != nil {
			t.Fatal(err)
		}
		if len(answer.BatchItemFailures) == 0 {
			break
		}
		i := slices.IndexFunc(rest, func(r events.DynamoDBEventRecord) bool {
			return r.Change.SequenceNumber == answer.BatchItemFailures[0].ItemIdentifier
		})
		rest = rest[i:]
	}
	all := m.until(t, "events are missing", func(all []dsync.Event) bool { return len(all) >= n+1 })
	if len(all) != n+1 {
		t.Errorf("%d deliveries of %d events (%d at first)", len(all), n+1, delivered)
	}
	if log := attacker.logOf(t); len(log) != n {
		t.Errorf("%d events of the attacker are logged", len(log))
	}
}

// A record that makes the relay panic is one record's trouble: it is parked, and
// the records around it become events.
func TestPoison(t *testing.T) {
	m := measure(t)
	x := m.tenant(t)
	poison := x.insert(2, `{"userName":"b"}`)
	// An image of another type than any version has written: reading it panics.
	poison.Change.NewImage["dir"] = events.NewStringAttribute(x.directory.ID)
	poison.Change.NewImage["doc"] = events.NewStringAttribute(`{"userName":` + strings.Repeat(`[`, 100_000))
	strange := x.insert(3, `{"userName":"c"}`)
	strange.Change.Keys = nil
	empty := x.insert(4, `{"userName":"d"}`)
	empty.Change.NewImage["v"] = events.DynamoDBAttributeValue{}
	batch := []events.DynamoDBEventRecord{x.insert(1, `{"userName":"a"}`), poison, strange, empty, x.insert(5, `{"userName":"e"}`)}
	answer, err := m.relay.Handle(t.Context(), events.DynamoDBEvent{Records: batch})
	if err != nil || len(answer.BatchItemFailures) != 0 {
		t.Fatal(answer, err)
	}
	if log := x.logOf(t); len(log) < 2 || log[0].Data["id"] != "directory_user_01000000000000000000000001" || log[len(log)-1].Data["id"] != "directory_user_01000000000000000000000005" {
		t.Errorf("the log: %v", log)
	}
	if parked := m.waiting(t); parked == "0" {
		t.Error("nothing is parked")
	}
}

// The largest documents, in all scripts, end as logged or parked, and never as a
// record to retry.
func TestLargestRecords(t *testing.T) {
	m := measure(t)
	x := m.tenant(t)
	n := 0
	for script, unit := range map[string]string{"html": "<&>", "control": "\x01", "emoji": "🙂", "quotes": `"`, "lines": "\u2028", "latin": "a"} {
		for _, size := range []int{1 << 10, 200 << 10, 380 << 10} {
			n++
			doc, err := json.Marshal(map[string]any{"userName": script, "nickName": strings.Repeat(unit, size/len(unit)/3), "title": strings.Repeat(unit, size/len(unit)/3),
				"displayName": strings.Repeat(unit, size/len(unit)/3)})
			if err != nil {
				t.Fatal(err)
			}
			answer, err := m.relay.Handle(t.Context(), events.DynamoDBEvent{Records: []events.DynamoDBEventRecord{x.insert(n, string(doc))}})
			if err != nil || len(answer.BatchItemFailures) > 0 {
				t.Errorf("%s of %d bytes: %v, %v", script, size, answer, err)
			}
		}
	}
	if log := x.logOf(t); len(log) != n || m.waiting(t) != "0" {
		t.Errorf("%d events logged, %s parked, want %d", len(log), m.waiting(t), n)
	}
}

// A batch that takes longer than the function may run is answered before the
// timeout: what is done counts.
func TestAnswerBeforeTheTimeout(t *testing.T) {
	m := measure(t)
	x := m.tenant(t)
	ctx, cancel := context.WithDeadline(t.Context(), time.Now().Add(time.Second)) // less than the margin
	defer cancel()
	_, err := m.relay.Handle(ctx, events.DynamoDBEvent{Records: []events.DynamoDBEventRecord{x.insert(1, `{"userName":"a"}`)}})
	if err == nil || ctx.Err() != nil {
		t.Errorf("the relay works until %v", ctx.Err())
	}
}

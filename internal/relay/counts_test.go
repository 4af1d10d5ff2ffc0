package relay_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"dsync/internal/dsync"
	"dsync/internal/dsynctest"
	"dsync/internal/table"
	"dsync/internal/table/count"

	"github.com/aws/aws-lambda-go/events"
)

// counting is a machine that makes changes and holds their stream records.
type counting struct {
	*measured
	t       *testing.T
	records []events.DynamoDBEventRecord
}

func openCounting(t *testing.T) *counting {
	t.Helper()
	m := &counting{t: t, measured: &measured{machine: idle(t, intact), ctx: t.Context()}}
	m.directory, _ = dsynctest.Connect(t, m.table)
	m.stream = m.collect(t)
	m.stream(1) // of the directory
	return m
}

// write makes a change of a user or group, and holds its stream record.
func (m *counting) write(change func() error) {
	m.t.Helper()
	if err := change(); err != nil {
		m.t.Fatal(err)
	}
	m.records = append(m.records, m.stream(1)...)
}

func (m *counting) created(kind table.Kind, id, doc string) table.Resource {
	m.t.Helper()
	r := m.resource(kind, id, doc)
	r.View = dsync.Projection{Deactivation: dsync.Delete}.Encode()
	m.write(func() error { return m.table.Create(m.ctx, r, table.Keys{Name: id}, nil) })
	return r
}

func (m *counting) changed(r table.Resource, doc string) table.Resource {
	m.t.Helper()
	next := r
	next.Version++
	next.Document = doc
	m.write(func() error { return m.table.Update(m.ctx, r.Version, next) })
	return next
}

func (m *counting) deleted(r table.Resource) {
	m.t.Helper()
	job := table.Job{ID: "job_" + r.ID[len(r.ID)-26:], DirectoryID: r.DirectoryID, State: table.JobDone}
	m.write(func() error {
		return m.table.Delete(m.ctx, r, table.Keys{Name: r.ID}, job, time.Now(), table.Actor{})
	})
}

func (m *counting) counts(want count.Counts) {
	m.t.Helper()
	got, err := m.table.Counts(m.ctx, m.directory.ID)
	if want.Known = true; err != nil || got != want {
		m.t.Errorf("counted %+v, want %+v: %v", got, want, err)
	}
}

const (
	on  = `{"userName":"u","active":true}`
	off = `{"userName":"u","active":false}`
)

func countedID(n string) string { return "directory_user_0100000000000000000000000" + n }

// Every change is counted once, however often and in whatever batches its record
// is delivered, whether it has an event or not: users whom the policy hides are
// created and deleted without one.
func TestCounts(t *testing.T) {
	m := openCounting(t)
	m.created(table.User, countedID("1"), on)
	leaver := m.created(table.User, countedID("2"), on)
	hidden := m.created(table.User, countedID("3"), off)
	gone := m.created(table.User, countedID("4"), off)
	group := m.created(table.Group, "directory_group_01000000000000000000000005", `{"displayName":"g"}`)
	m.created(table.Group, "directory_group_01000000000000000000000006", `{"displayName":"h"}`)
	m.relayAll(t, m.records, 100)
	m.counts(count.Counts{Active: 2, Inactive: 2, Groups: 2})
	leaver = m.changed(leaver, off)
	m.changed(hidden, on)
	m.deleted(gone)
	m.deleted(group)
	m.relayAll(t, m.records[6:8], 1)
	m.counts(count.Counts{Active: 2, Inactive: 2, Groups: 2})
	for range 2 {
		for _, batch := range []int{1, 3, 100} {
			m.relayAll(t, m.records, batch)
			m.counts(count.Counts{Active: 2, Inactive: 1, Groups: 1})
		}
	}
	m.changed(leaver, `{"userName":"u","active":false,"title":"x"}`)
	m.relayAll(t, append(m.records[len(m.records)-1:], m.records...), 100)
	m.counts(count.Counts{Active: 2, Inactive: 1, Groups: 1})
}

// A count of the table and the appends together count each change once, whether
// the change was made before the cut or after it, and logged before the count,
// while it goes on, or after it.
func TestCountOfTheTableWhileChangesAreLogged(t *testing.T) {
	m := openCounting(t)
	if err := m.table.BeginCount(m.ctx, m.directory.ID, time.Now().Add(-time.Hour)); err != nil { // so that the log does not count from the creation
		t.Fatal(err)
	}
	at := time.Now().UTC().Truncate(time.Millisecond)
	cut := at.Add(time.Hour)
	user := func(n string, created time.Time) table.Resource {
		r := m.resource(table.User, countedID(n), on)
		r.Created, r.Modified = created, created
		m.write(func() error { return m.table.Create(m.ctx, r, table.Keys{Name: r.ID}, nil) })
		return r
	}
	switched := func(r table.Resource, at time.Time) {
		next := r
		next.Version++
		next.Document, next.Modified, next.Switched = off, at, at.UnixMilli()
		m.write(func() error { return m.table.Update(m.ctx, r.Version, next) })
	}
	a := user("1", at)
	user("2", at)
	m.relayAll(t, m.records[:1], 1) // logged before the count begins
	if err := m.table.BeginCount(m.ctx, m.directory.ID, cut); err != nil {
		t.Fatal(err)
	}
	user("3", cut)                                                        // the last moment before the cut
	user("4", cut.Add(time.Millisecond))                                  // the first one after it
	m.relayAll(t, m.records[1:4], 1)                                      // logged while it goes on
	user("5", at)                                                         // logged after it
	switched(a, cut.Add(time.Second))                                     // not logged yet
	counted := count.Counts{Known: true, Active: 4, Cut: cut.UnixMilli()} // 1, 2, 3 and 5, as they were
	if err := m.table.FinishCount(m.ctx, m.directory.ID, counted); err != nil {
		t.Fatal(err)
	}
	m.counts(count.Counts{Active: 5, Cut: cut.UnixMilli()})
	if err := m.table.FinishCount(m.ctx, m.directory.ID, counted); err != nil {
		t.Errorf("repeated: %v", err)
	}
	for range 2 {
		m.relayAll(t, m.records, 100)
		m.counts(count.Counts{Active: 4, Inactive: 1, Cut: cut.UnixMilli()})
	}
	if err := m.table.FinishCount(m.ctx, m.directory.ID, count.Counts{Known: true, Cut: 1}); err == nil {
		t.Error("a count that another one has replaced is finished")
	}
}

// A record that is read again much later is counted as the change that it was,
// not as what the user has become since.
func TestCountsOfLateRecords(t *testing.T) {
	m := openCounting(t)
	m.created(table.User, countedID("1"), on)
	late := m.created(table.User, countedID("2"), on)
	next := m.changed(late, `{"userName":"u","active":true,"title":"x"}`)
	next = m.changed(next, off)
	m.deleted(next)
	m.relayAll(t, append(m.records[:1:1], m.records[3:]...), 100)
	m.counts(count.Counts{})
	var given []json.RawMessage
	for _, r := range m.records {
		raw, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		given = append(given, raw)
	}
	for n := range 2 {
		key, body := givenUp(fmt.Sprint("shardId-", n), time.Now(), given)
		m.putObject(t, key, body)
		if report, err := m.relay.Redrive(t.Context(), deadLetters); err != nil || report.Remaining > 0 {
			t.Fatal(report, err)
		}
		m.counts(count.Counts{Active: 1})
	}
}

package eventlog_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"dsync/internal/dsync"
	"dsync/internal/dsynctest"
	"dsync/internal/eventlog"
	"dsync/internal/table"
)

func TestMain(m *testing.M) { dsynctest.Main(m) }

var epoch = time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)

const (
	orgA, orgB  = "org_01000000000000000000000000", "org_01000000000000000000000001"
	dirA, dirA2 = "directory_01000000000000000000000000", "directory_01000000000000000000000002"
	dirB        = "directory_01000000000000000000000001"
)

// clock is a clock that a test sets.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) add(d time.Duration) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
	return c.t
}

// fixture is a log, with a counter for the sequence numbers of the stream.
type fixture struct {
	t     testing.TB
	table *table.Table
	log   *eventlog.Log
	clock *clock
	seq   int
}

func setup(t testing.TB) *fixture {
	api, name := dsynctest.Table(t)
	f := &fixture{t: t, table: table.New(api, name), clock: &clock{t: epoch}, seq: 1000}
	f.log = eventlog.New(f.table, f.clock.now)
	return f
}

// change is the entry of a change that is in the stream now.
func (f *fixture) change(org, dir, name string) eventlog.Entry {
	f.seq++
	e := eventlog.Entry{Name: name, OrganizationID: org, DirectoryID: dir, Changed: f.clock.now().Truncate(time.Second), Sequence: fmt.Sprintf("%030d", f.seq)}
	var err error
	if e.ID, err = dsync.EventID(e.Changed, e.Sequence); err != nil {
		f.t.Fatal(err)
	}
	e.Detail, _ = json.Marshal(dsync.Event{Object: "event", ID: e.ID, Name: name})
	return e
}

func (f *fixture) append(entries ...eventlog.Entry) []eventlog.Outcome {
	f.t.Helper()
	outcomes, err := f.log.Append(f.t.Context(), entries)
	if err != nil {
		f.t.Fatal(err)
	}
	return outcomes
}

func (f *fixture) read(q eventlog.Query) (ids []string, p eventlog.Page) {
	f.t.Helper()
	p, err := f.log.Read(f.t.Context(), q)
	if err != nil {
		f.t.Fatalf("%+v: %v", q, err)
	}
	for _, detail := range p.Events {
		var e dsync.Event
		if err := json.Unmarshal(detail, &e); err != nil {
			f.t.Fatal(err)
		}
		ids = append(ids, e.ID)
	}
	return ids, p
}

// all reads all pages of a query.
func (f *fixture) all(q eventlog.Query) (ids []string) {
	f.t.Helper()
	for range 10_000 {
		more, p := f.read(q)
		ids = append(ids, more...)
		q.After = p.After
		if q.After == "" {
			return ids
		}
	}
	f.t.Fatal("the cursors do not end")
	return nil
}

func ids(entries []eventlog.Entry, keep func(eventlog.Entry) bool) (list []string) {
	for _, e := range entries {
		if keep == nil || keep(e) {
			list = append(list, e.ID)
		}
	}
	return list
}

func reversed(list []string) []string {
	list = slices.Clone(list)
	slices.Reverse(list)
	return list
}

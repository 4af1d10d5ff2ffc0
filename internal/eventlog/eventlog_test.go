package eventlog_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
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

// fixture is a log, with a counter for the identities of changes.
type fixture struct {
	t     testing.TB
	table *table.Table
	log   *eventlog.Log
	clock *clock
	n     int
}

func setup(t testing.TB) *fixture {
	api, name := dsynctest.Table(t)
	f := &fixture{t: t, table: table.New(api, name), clock: &clock{t: epoch}}
	f.log = eventlog.New(f.table, f.clock.now)
	return f
}

// change is the entry of a change that happens now.
func (f *fixture) change(org, dir, name string) *eventlog.Entry {
	f.n++
	e := &eventlog.Entry{Name: name, OrganizationID: org, DirectoryID: dir}
	var err error
	if e.ID, err = dsync.EventID(f.clock.now().Truncate(time.Second), fmt.Sprint(f.n)); err != nil {
		f.t.Fatal(err)
	}
	event := dsync.Event{Object: "event", ID: e.ID, Name: name}
	encoded, err := event.Encode()
	if err != nil {
		f.t.Fatal(err)
	}
	e.JSON = encoded.JSON
	return e
}

// add appends entries, as a relay does that reads the head again when it has
// moved.
func add(ctx context.Context, t *table.Table, a *eventlog.Appender, entries []*eventlog.Entry) error {
	byDirectory := map[string][]eventlog.Op{}
	organizations := map[string]string{}
	for _, e := range entries {
		byDirectory[e.DirectoryID] = append(byDirectory[e.DirectoryID], eventlog.Op{Event: e})
		organizations[e.DirectoryID] = e.OrganizationID
	}
	for _, directoryID := range slices.Sorted(maps.Keys(byDirectory)) {
		for ops := byDirectory[directoryID]; len(ops) > 0; {
			heads, err := t.LogHeads(ctx, []string{directoryID})
			if err != nil {
				return err
			}
			done, err := a.Append(ctx, heads[directoryID], organizations[directoryID], ops)
			if ops = ops[done:]; err != nil && !errors.Is(err, eventlog.ErrMoved) {
				return err
			}
		}
	}
	return nil
}

func (f *fixture) append(entries ...*eventlog.Entry) {
	f.t.Helper()
	if err := add(f.t.Context(), f.table, f.log.Appender(), entries); err != nil {
		f.t.Fatal(err)
	}
}

// sequences reads the sequences of a directory in the order of its log.
func (f *fixture) sequences(directoryID string) (list []int64) {
	f.t.Helper()
	for _, e := range dsynctest.ReadLog(f.t, f.log, eventlog.Query{DirectoryID: directoryID, Limit: 100}) {
		list = append(list, e.Context.Sequence)
	}
	return list
}

// gapless is 1 to n.
func gapless(n int) (list []int64) {
	for i := range n {
		list = append(list, int64(i+1))
	}
	return list
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

func ids(entries []*eventlog.Entry, keep func(*eventlog.Entry) bool) (list []string) {
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

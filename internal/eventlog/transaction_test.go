package eventlog_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"dsync/internal/dsync"
	"dsync/internal/eventlog"
	"dsync/internal/table"
	"dsync/internal/table/journal"
)

// store answers an Appender as a test says, and keeps what it was asked.
type store struct {
	appends []table.LogAppend
	answers []error // of the first appends; then they succeed
	logged  map[string]table.LoggedEvent
	reads   int // of the head of a shard
	head    journal.Head
	legacy  bool
}

func (s *store) AppendLog(_ context.Context, a table.LogAppend) (table.LogHeads, error) {
	s.appends = append(s.appends, a)
	if len(s.answers) > 0 {
		err := s.answers[0]
		if s.answers = s.answers[1:]; err != nil {
			return table.LogHeads{}, err
		}
	}
	next, _, _ := a.Apply()
	return next, nil
}

func (s *store) EnvironmentHeads(_ context.Context, shards []int) (map[int]journal.Head, error) {
	s.reads++
	return map[int]journal.Head{shards[0]: s.head}, nil
}

func (s *store) LoggedEvents(_ context.Context, keys []string) (list []table.LoggedEvent, err error) {
	for _, k := range keys {
		if e, ok := s.logged[k]; ok {
			list = append(list, e)
		}
	}
	return list, nil
}

func (s *store) LegacyBucket(context.Context) (string, error) {
	if s.legacy {
		return "2026-03-01T09", nil
	}
	return "", table.ErrNotFound
}

// entry is the entry of a change with a body of about that many bytes, which
// cannot be compressed.
func entry(n, size int) *eventlog.Entry {
	random := rand.New(rand.NewPCG(uint64(n), 1))
	noise := make([]byte, size)
	for i := range noise {
		noise[i] = byte(random.Uint32())
	}
	id, err := dsync.EventID(epoch, fmt.Sprint(n))
	if err != nil {
		panic(err)
	}
	return &eventlog.Entry{
		ID: id, Name: dsync.UserCreated, DirectoryID: dirA, OrganizationID: orgA,
		JSON: func(sequence int64) []byte { return append([]byte(fmt.Sprintf("%d ", sequence)), noise...) },
	}
}

func opsOf(entries ...*eventlog.Entry) (ops []eventlog.Op) {
	for _, e := range entries {
		ops = append(ops, eventlog.Op{Event: e})
	}
	return ops
}

func appender(s *store) *eventlog.Appender {
	return eventlog.NewAppender(s, func() time.Time { return epoch })
}

func appendTo(t *testing.T, a *eventlog.Appender, head table.LogHead, ops []eventlog.Op) error {
	t.Helper()
	done, err := a.Append(t.Context(), head, orgA, ops)
	if (err == nil) != (done == len(ops)) {
		t.Errorf("%d of %d operations are done, %v", done, len(ops), err)
	}
	return err
}

// An event expires after 90 days, and a page of a journal after its events. The
// head of a log stays until the directory has ended: then it expires with the
// last event.
func TestExpiry(t *testing.T) {
	s := &store{}
	last := entry(2, 10)
	last.End = true
	if err := appendTo(t, appender(s), table.LogHead{DirectoryID: dirA}, opsOf(entry(1, 10))); err != nil {
		t.Fatal(err)
	}
	if err := appendTo(t, appender(s), table.LogHead{DirectoryID: dirA}, opsOf(last)); err != nil {
		t.Fatal(err)
	}
	const day = 24 * time.Hour
	events, pages := epoch.Add(90*day).Unix(), epoch.Add(92*day).Unix()
	for i, head := range []int64{0, events} {
		a := s.appends[i]
		if a.Events[0].TTL != events || a.PageTTL != pages || a.Head.TTL != head {
			t.Errorf("append %d: the event expires at %d, want %d; pages at %d, want %d; the head at %d, want %d",
				i, a.Events[0].TTL, events, a.PageTTL, pages, a.Head.TTL, head)
		}
	}
}

// Nothing is written after the end of the directory, whether it is in the same
// batch or not.
func TestNothingAfterTheEnd(t *testing.T) {
	s := &store{}
	end, late := entry(1, 10), entry(2, 10)
	end.End = true
	ops := append(opsOf(end, late), eventlog.Op{Deferral: &table.Deferral{Record: []byte("x")}})
	if err := appendTo(t, appender(s), table.LogHead{DirectoryID: dirA}, ops); err != nil {
		t.Fatal(err)
	}
	if a := s.appends[0]; len(s.appends) != 1 || len(a.Events) != 1 || len(a.Deferred) != 0 || !a.Head.End {
		t.Errorf("%d appends, the first with %d events and %d deferrals, end %v", len(s.appends), len(a.Events), len(a.Deferred), a.Head.End)
	}
	head := s.appends[0].Head
	if err := appendTo(t, appender(s), head, opsOf(entry(3, 10))); err != nil || len(s.appends) != 1 {
		t.Errorf("after the end: %d appends, %v", len(s.appends), err)
	}
}

// A transaction has at most as many actions as one may have, and at most 3 MB of
// events. One event is appended whatever its size is.
func TestTransactionsAreBounded(t *testing.T) {
	const most = 3 << 20
	sizes := func(s *store) (list []int) {
		for _, a := range s.appends {
			list = append(list, len(a.Events))
		}
		return list
	}
	var many []*eventlog.Entry
	for n := range table.MaxLogActions + 1 {
		many = append(many, entry(n, 1))
	}
	// The body of an event is a little larger than its bytes.
	half := func(n int) *eventlog.Entry { return entry(n, most/2-1000) }
	for name, row := range map[string]struct {
		entries []*eventlog.Entry
		want    []int
	}{
		"the most actions":    {many[:table.MaxLogActions], []int{table.MaxLogActions}},
		"one action more":     {many, []int{table.MaxLogActions, 1}},
		"nearly 3 MB":         {[]*eventlog.Entry{half(1), half(2)}, []int{2}},
		"more than 3 MB":      {[]*eventlog.Entry{half(1), half(2), entry(3, 4000)}, []int{2, 1}},
		"one of more than it": {[]*eventlog.Entry{entry(1, most+1), entry(2, 1)}, []int{1, 1}},
	} {
		s := &store{}
		if err := appendTo(t, appender(s), table.LogHead{DirectoryID: dirA}, opsOf(row.entries...)); err != nil {
			t.Fatal(err)
		}
		if got := sizes(s); !slices.Equal(got, row.want) {
			t.Errorf("%s: %v events in the transactions, want %v", name, got, row.want)
		}
	}
}

// After a conflict the shard is read again, and only then. After a failure whose
// effect is unknown it is read again by the next append.
func TestHeadOfTheShard(t *testing.T) {
	unknown := errors.New("time-out")
	for name, row := range map[string]struct {
		answers []error
		want    error // of the first append
		reads   int   // after two appends
	}{
		"no conflict":        {nil, nil, 1},
		"shard moved":        {[]error{&table.LogConflict{Shard: true}}, nil, 2},
		"head moved":         {[]error{&table.LogConflict{Head: true}}, eventlog.ErrMoved, 1},
		"both moved":         {[]error{&table.LogConflict{Head: true, Shard: true}}, eventlog.ErrMoved, 2},
		"the effect unknown": {[]error{unknown}, unknown, 2},
	} {
		s := &store{answers: row.answers}
		a := appender(s)
		if err := appendTo(t, a, table.LogHead{DirectoryID: dirA}, opsOf(entry(1, 10))); !errors.Is(err, row.want) {
			t.Errorf("%s: %v, want %v", name, err, row.want)
		}
		if err := appendTo(t, a, table.LogHead{DirectoryID: dirA}, opsOf(entry(2, 10))); err != nil {
			t.Errorf("%s, after it: %v", name, err)
		}
		if s.reads != row.reads {
			t.Errorf("%s: the head of the shard was read %d times, want %d", name, s.reads, row.reads)
		}
	}
}

// An event that was logged before gets what is logged of it, and the others move
// up. Their details have the sequences that they get then.
func TestLoggedBefore(t *testing.T) {
	entries := []*eventlog.Entry{entry(1, 10), entry(2, 10), entry(3, 10), entry(4, 10)}
	s := &store{
		answers: []error{&table.LogConflict{Logged: []int{1, 2}}},
		logged:  map[string]table.LoggedEvent{},
	}
	for n, sequence := range map[int]int64{1: 41, 2: 42} {
		body, err := eventlog.Compress(fmt.Appendf(nil, "logged as %d", sequence))
		if err != nil {
			t.Fatal(err)
		}
		s.logged[table.EventKey(entries[n].ID)] = table.LoggedEvent{ID: entries[n].ID, Sequence: sequence, Body: body}
	}
	if err := appendTo(t, appender(s), table.LogHead{DirectoryID: dirA, Sequence: 50}, opsOf(entries...)); err != nil {
		t.Fatal(err)
	}
	for n, want := range []int64{51, 41, 42, 52} {
		if entries[n].Sequence != want {
			t.Errorf("event %d has the sequence %d, want %d", n+1, entries[n].Sequence, want)
		}
	}
	for n, prefix := range []string{"51 ", "logged as 41", "logged as 42", "52 "} {
		if !bytes.HasPrefix(entries[n].Detail, []byte(prefix)) {
			t.Errorf("event %d is %.20q, want %s…", n+1, entries[n].Detail, prefix)
		}
	}
	for _, e := range s.appends[1].Events {
		if detail, err := eventlog.Detail(e); err != nil || !bytes.HasPrefix(detail, fmt.Appendf(nil, "%d ", e.Sequence)) {
			t.Errorf("the event with the sequence %d is logged as %.20q, %v", e.Sequence, detail, err)
		}
	}
}

// Positions follow both journals and the clock, whichever is later. Those of an
// earlier version come first, though its clock was ahead.
func TestPositions(t *testing.T) {
	ahead := journal.PositionAt(epoch.Add(30 * time.Second))
	for name, row := range map[string]struct {
		head  journal.Position
		shard journal.Head
		old   bool
		after journal.Position
	}{
		"the clock":          {0, journal.Head{Version: 1}, false, journal.PositionAt(epoch) - 1},
		"the directory":      {ahead, journal.Head{Version: 1}, false, ahead},
		"the environment":    {0, journal.Head{Version: 1, Position: ahead}, false, ahead},
		"an earlier version": {0, journal.Head{}, true, ahead},
	} {
		s := &store{head: row.shard, legacy: row.old}
		head := table.LogHead{DirectoryID: dirA, Head: journal.Head{Position: row.head}}
		if err := appendTo(t, appender(s), head, opsOf(entry(1, 10), entry(2, 10))); err != nil {
			t.Fatal(err)
		}
		first, second := s.appends[0].Events[0].Position, s.appends[0].Events[1].Position
		if first <= row.after || second <= first {
			t.Errorf("%s: the positions are %v and %v, want later ones than %v", name, first, second, row.after)
		}
	}
}

// The first append to a log of an earlier version notes how long the stream may
// repeat what that version has logged: 25 hours.
func TestLegacyWindow(t *testing.T) {
	s := &store{}
	if err := appendTo(t, appender(s), table.LogHead{DirectoryID: dirA, Sequence: -1}, opsOf(entry(1, 10))); err != nil {
		t.Fatal(err)
	}
	a := s.appends[0]
	if want := epoch.Add(25 * time.Hour).Unix(); a.Head.LegacyUntil != want || a.Events[0].Sequence != 1 {
		t.Errorf("until %d, want %d; the first sequence is %d", a.Head.LegacyUntil, want, a.Events[0].Sequence)
	}
}

package table_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"dsync/internal/id"
	"dsync/internal/table"
	"dsync/internal/table/journal"
)

// journaled is an event of the directory at that position.
func (f fixture) journaled(p journal.Position, sequence int64) table.LoggedEvent {
	return table.LoggedEvent{ID: newID(f.t, id.Event), Name: "dsync.user.created", DirectoryID: f.directoryID, OrganizationID: "org_1", Sequence: sequence, Position: p, TTL: now.Unix()}
}

// An append needs both heads as they were read, and events that are not logged.
// It says what was in its way, and writes nothing then.
func TestAppendLogConflicts(t *testing.T) {
	f, ctx := open(t), t.Context()
	position := journal.PositionAt(now).Next(now, 3)
	logged := f.journaled(position, 1)
	first := table.LogAppend{Head: table.LogHead{DirectoryID: f.directoryID}, Shard: 3, Events: []table.LoggedEvent{logged}}
	heads := must(f.AppendLog(ctx, first))
	before := f.items()
	other := f.journaled(position.Next(now, 3), 2)
	for name, row := range map[string]struct {
		append table.LogAppend
		want   table.LogConflict
	}{
		"an earlier head":              {table.LogAppend{Head: first.Head, Shard: 3, ShardHead: heads.ShardHead, Events: []table.LoggedEvent{other}}, table.LogConflict{Head: true}},
		"an earlier head of the shard": {table.LogAppend{Head: heads.Head, Shard: 3, Events: []table.LoggedEvent{other}}, table.LogConflict{Shard: true}},
		"an event twice":               {table.LogAppend{Head: heads.Head, Shard: 3, ShardHead: heads.ShardHead, Events: []table.LoggedEvent{other, logged}}, table.LogConflict{Logged: []int{1}}},
		"a later head":                 {table.LogAppend{Head: withVersion(heads.Head, 7), Shard: 3, ShardHead: heads.ShardHead, Events: []table.LoggedEvent{other}}, table.LogConflict{Head: true}},
	} {
		_, err := f.AppendLog(ctx, row.append)
		conflict, ok := errors.AsType[*table.LogConflict](err)
		if !ok || fmt.Sprint(*conflict) != fmt.Sprint(row.want) {
			t.Errorf("%s: %v, want %+v", name, err, row.want)
		}
		if n := len(f.items()); n != len(before) {
			t.Errorf("%s: %d items, before %d", name, n, len(before))
		}
	}
}

func withVersion(h table.LogHead, version int64) table.LogHead {
	h.Version = version
	return h
}

// A mark is raised and never lowered. It fences an append that has read the head
// before.
func TestRaiseMark(t *testing.T) {
	f, ctx := open(t), t.Context()
	low, high := journal.PositionAt(now), journal.PositionAt(now.Add(time.Minute))
	if head := must(f.RaiseMark(ctx, 3, high)); head.Position != high || head.Version != 1 {
		t.Errorf("raised: %+v", head)
	}
	if head := must(f.RaiseMark(ctx, 3, low)); head.Position != high || head.Version != 1 {
		t.Errorf("lowered: %+v", head)
	}
	if head := must(f.RaiseMark(ctx, 3, high+1)); head.Position != high+1 || head.Version != 2 {
		t.Errorf("raised again: %+v", head)
	}
	_, err := f.AppendLog(ctx, table.LogAppend{
		Head: table.LogHead{DirectoryID: f.directoryID}, Shard: 3, ShardHead: journal.Head{Version: 1, Position: high}, Events: []table.LoggedEvent{f.journaled(high, 1)},
	})
	if conflict, ok := errors.AsType[*table.LogConflict](err); !ok || !conflict.Shard {
		t.Errorf("an append with the head of before: %v", err)
	}
}

// Positions grow, also in one millisecond and with a clock that goes back. The
// shard is in the lowest bits.
func TestPositionsGrow(t *testing.T) {
	p := journal.PositionAt(now)
	for i, at := range []time.Time{now, now, now.Add(-time.Hour), now.Add(time.Second)} {
		next := p.Next(at, 5)
		if next <= p || next%256 != 5 {
			t.Errorf("position %d is %v after %v", i, next, p)
		}
		p = next
	}
	if !p.Time().Equal(now.Add(time.Second)) {
		t.Errorf("the last position is of %v", p.Time())
	}
}

// The head of a journal holds its entries up to 800 bytes; one entry more, and
// all of them become a page.
func TestHeadBecomesAPage(t *testing.T) {
	const line = 16 + 1 + 16 + 1 + len("user.created") + 1 + 1 // of a directory's journal
	head, paged := table.LogHead{DirectoryID: "directory_1"}, -1
	for n := 1; paged < 0; n++ {
		position := journal.Position(n) << 22
		next, page, _ := table.LogAppend{Head: head, Events: []table.LoggedEvent{{ID: fmt.Sprintf("event_%026d", n), Name: "dsync.user.created", Sequence: int64(n), Position: position}}}.Apply()
		if len(page) > 0 {
			paged = len(page)
			if len(next.Head.Entries) != 0 || next.Head.Paged != position {
				t.Errorf("the head is %+v", next.Head)
			}
		}
		head = next.Head
	}
	if most := 800 / line; paged != most+1 {
		t.Errorf("a page has %d entries, want %d", paged, most+1)
	}
}

// A journal is read from any position, in both directions, also from one in the
// middle of a page.
func TestJournalPages(t *testing.T) {
	f, ctx := open(t), t.Context()
	heads := table.LogHeads{Head: table.LogHead{DirectoryID: f.directoryID}}
	position := journal.PositionAt(now)
	var all []journal.Position
	for range 4 { // pages of 20 entries
		var list []table.LoggedEvent
		for range 20 {
			position = position.Next(now, 3)
			all = append(all, position)
			list = append(list, f.journaled(position, int64(len(all))))
		}
		heads = must(f.AppendLog(ctx, table.LogAppend{Head: heads.Head, Shard: 3, ShardHead: heads.ShardHead, Events: list, PageTTL: now.Unix()}))
	}
	newest := slices.Clone(all)
	slices.Reverse(newest)
	for _, from := range []int{0, 5, 19, 20, 30, 79} {
		for _, direction := range []bool{false, true} {
			want := all[from+1:]
			if direction {
				want = newest[len(newest)-from:]
			}
			entries, more, err := f.JournalPages(ctx, table.DirectoryJournal(f.directoryID), all[from], direction, 100)
			var got []journal.Position
			for _, e := range entries {
				got = append(got, e.Position)
			}
			if err != nil || more || !slices.Equal(got, want) {
				t.Errorf("from %d, newest first %v: %d entries, more %v, %v, want %d", from, direction, len(got), more, err, len(want))
			}
		}
	}
}

// The erasure of a log removes its events, pages, deferrals and, last, the head.
// A release that comes after it does not bring the head back.
func TestEraseLog(t *testing.T) {
	f, ctx := open(t), t.Context()
	var list []table.LoggedEvent
	position := journal.PositionAt(now)
	for n := range 30 {
		position = position.Next(now, 3)
		list = append(list, f.journaled(position, int64(n+1)))
	}
	heads := must(f.AppendLog(ctx, table.LogAppend{Head: table.LogHead{DirectoryID: f.directoryID}, Shard: 3, Events: list}))
	heads = must(f.AppendLog(ctx, table.LogAppend{Head: heads.Head, Shard: 3, ShardHead: heads.ShardHead, Events: []table.LoggedEvent{f.journaled(position.Next(now, 3), 31)}}))
	must(f.AppendLog(ctx, table.LogAppend{Head: heads.Head, Deferred: []table.Deferral{{Record: []byte("a")}, {Record: []byte("b")}, {Record: []byte("c")}}}))
	deferrals, _, err := f.Deferrals(ctx, f.directoryID, 10)
	f.do(err)
	for n, steps := 1, 0; n > 0; steps++ {
		if n, err = f.EraseLog(ctx, f.directoryID, 40); err != nil {
			t.Fatal(err)
		}
		head := must(f.LogHeads(ctx, []string{f.directoryID}))[f.directoryID]
		if left := f.ofTheLog(); left > 0 && head.Version == 0 {
			t.Errorf("the head is erased before %d other records", left)
		}
		if steps > 20 {
			t.Fatal("the erasure does not end")
		}
	}
	f.do(f.ReleaseDeferrals(ctx, f.directoryID, deferrals))
	if left := f.ofTheLog(); left != 0 {
		t.Errorf("%d records of the log are left", left)
	}
}

// ofTheLog counts the records that are not of the environment's journal.
func (f fixture) ofTheLog() (n int) {
	f.t.Helper()
	for _, item := range f.items() {
		if !strings.Contains(fmt.Sprint(item["pk"]), "EL#") {
			n++
		}
	}
	return n
}

// One deferral more than the limit is not read.
func TestDeferralsAreBounded(t *testing.T) {
	f, ctx := open(t), t.Context()
	must(f.AppendLog(ctx, table.LogAppend{Head: table.LogHead{DirectoryID: f.directoryID}, Deferred: []table.Deferral{{Record: []byte("a")}, {Record: []byte("b")}}}))
	for limit, want := range map[int]bool{1: true, 2: false} {
		if list, more, err := f.Deferrals(ctx, f.directoryID, limit); err != nil || len(list) != limit || more != want {
			t.Errorf("limit %d: %d deferrals, more %v, %v", limit, len(list), more, err)
		}
	}
}

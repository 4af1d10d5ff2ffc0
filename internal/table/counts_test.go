package table

import (
	"strings"
	"testing"
	"time"

	"dsync/internal/dynamo"
	"dsync/internal/table/count"
	"dsync/internal/table/journal"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// A head is written with every append, so it stays below 1 KB, whatever the
// numbers and the counts are.
func TestHeadsAreSmall(t *testing.T) {
	entry := journal.Entry{Position: journal.MaxPosition, Key: strings.Repeat("K", 16), Name: "dsync.group.user_removed", Organization: ""}
	var head LogHead
	head.DirectoryID = "directory_01ARZ3NDEKTSV4RRFFQ69G5FAV"
	for {
		next, page := head.After([]journal.Entry{entry})
		if len(page) > 0 {
			break
		}
		head.Head = next
	}
	head.Version, head.Paged, head.Sequence, head.Deferred, head.LegacyUntil, head.TTL = 1e12, journal.MaxPosition, 1e12, 1e6, 1e10, 1e10
	head.Count = count.Counts{Known: true, Active: 1e7, Inactive: 1e7, Groups: 1e6, Cut: 1e13}
	head.Recount = count.Counts{Known: true, Active: -1e6, Inactive: -1e6, Groups: -1e5, Cut: 1e13}
	size := 0
	for name, v := range dynamo.Marshal(journalHeadKey(DirectoryJournal(head.DirectoryID)), head) {
		size += len(name)
		switch v := v.(type) {
		case *types.AttributeValueMemberS:
			size += len(v.Value)
		case *types.AttributeValueMemberN:
			size += (len(v.Value)+1)/2 + 1
		case *types.AttributeValueMemberNULL, *types.AttributeValueMemberBOOL:
			size++
		default:
			t.Errorf("%s has the type %T", name, v)
		}
	}
	t.Logf("%d bytes, of these %d entries", size, len(head.Entries))
	if size >= 1024 {
		t.Errorf("a head has %d bytes", size)
	}
	var read LogHead
	if err := dynamo.Unmarshal(dynamo.Marshal(head), &read); err != nil || read.Count != head.Count || read.Recount != head.Recount {
		t.Errorf("%+v, %v", read, err)
	}
	if err := dynamo.Unmarshal(dynamo.Marshal(LogHead{}), &read); err != nil || read.Count.Known || read.Recount.Known {
		t.Errorf("%+v, %v", read, err)
	}
}

// A new directory counts from its creation; an old one without a log, and one
// whose counts become negative, wait for a count of the table.
func TestCountsBegin(t *testing.T) {
	created := time.UnixMilli(1469922850259) // of the ULID
	day := 25 * time.Hour
	head := LogHead{DirectoryID: "directory_01ARZ3NDEKTSV4RRFFQ69G5FAV"}
	old := head
	if old.Begin(created.Add(day), day); old.Count.Known {
		t.Error("an old directory without a log counts")
	}
	logged := head
	logged.Version = 1
	if logged.Begin(created, day); logged.Count.Known {
		t.Error("a directory with a log begins to count")
	}
	head.Begin(created.Add(day-1), day)
	one := count.Tally{Active: 1, At: created}
	if head.Add(one); head.Count != (count.Counts{Known: true, Active: 1}) || !head.Counts(one) || head.Counts(count.Tally{At: created}) {
		t.Errorf("%+v", head.Count)
	}
	head.Count.Cut = created.UnixMilli()
	if head.Add(one); head.Count.Active != 1 || head.Counts(one) {
		t.Errorf("a change before the cut is counted: %+v", head.Count)
	}
	one.At = one.At.Add(time.Millisecond)
	head.Recount = count.Counts{Known: true, Cut: one.At.UnixMilli()}
	if head.Add(one); head.Count.Active != 2 || head.Recount.Active != 0 {
		t.Errorf("%+v", head)
	}
	one.Active = -3
	if head.Add(one); head.Count.Known {
		t.Errorf("%+v", head.Count)
	}
}

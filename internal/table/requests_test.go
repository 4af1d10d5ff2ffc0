package table_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"dsync/internal/table"
	"dsync/internal/table/schema"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"
)

func TestRequests(t *testing.T) {
	f, ctx := open(t), t.Context()
	all := make([]table.Request, 60)
	for i := range all {
		all[i] = table.Request{
			ID: newID(t, table.RequestKind), DirectoryID: f.directoryID, At: now, Method: "PATCH", Route: "/Users/{id}", Status: 400, ScimType: "invalidPath",
			Path: "shoeSize", Operation: i, Milliseconds: 3, Actor: actor, Tolerated: []table.Tolerated{{What: "unknown path", Count: 1, Path: "x"}},
		}
	}
	if err := f.PutRequests(ctx, all); err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(all, func(a, b table.Request) int { return strings.Compare(b.ID, a.ID) })
	var got []table.Request
	for from, more := "", true; more; {
		s, err := table.Requests(f.directoryID).Read(ctx, f.Table, from, true, 25)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range s.Entries {
			got = append(got, e.Record)
		}
		from, more = s.Last, s.More
	}
	for i := range all {
		all[i].TTL = now.Add(table.RequestRetention).Unix()
	}
	if diff := cmp.Diff(all, got); diff != "" {
		t.Errorf("newest first, in pages: %.2000s", diff)
	}
	if one, err := table.Requests(f.directoryID).Find(ctx, f.Table, all[7].ID); err != nil || one.ID != all[7].ID {
		t.Errorf("Find = %v, %v", one, err)
	}
}

func TestDays(t *testing.T) {
	f, ctx := open(t), t.Context()
	if days, err := f.Days(ctx, f.directoryID, 2); err != nil || len(days) != 0 {
		t.Errorf("no requests: %v, %v", days, err)
	}
	for _, d := range []table.Day{
		{Date: "2026-11-21", Requests: 9, Last: now.Add(-48 * time.Hour)},
		{Date: "2026-11-23", Requests: 3, Refused: 1, Writes: 1, Last: now},
		{Date: "2026-11-22", Requests: 1, Last: now.Add(-24 * time.Hour)},
		{Date: "2026-11-23", Requests: 5, Writes: 2, Last: now.Add(time.Minute)},
	} {
		if err := f.CountDay(ctx, f.directoryID, d, true); err != nil {
			t.Fatal(err)
		}
	}
	want := []table.Day{
		{Date: "2026-11-23", Requests: 8, Refused: 1, Writes: 3, Last: now.Add(time.Minute)},
		{Date: "2026-11-22", Requests: 1, Last: now.Add(-24 * time.Hour)},
	}
	want[0].Hours[now.Hour()], want[1].Hours[now.Hour()] = 8, 1
	days, err := f.Days(ctx, f.directoryID, 2)
	if diff := cmp.Diff(want, days); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
}

// No consumer of the stream gets the records of requests, and Purge deletes
// them.
func TestRequestsAreNotStreamed(t *testing.T) {
	f := open(t)
	if err := f.PutRequests(t.Context(), []table.Request{{ID: newID(t, table.RequestKind), DirectoryID: f.directoryID, At: now}}); err != nil {
		t.Fatal(err)
	}
	if err := f.CountDay(t.Context(), f.directoryID, table.Day{Date: "2026-11-23", Last: now}, true); err != nil {
		t.Fatal(err)
	}
	items := f.items()
	if len(items) != 2 {
		t.Fatalf("%d items, want 2", len(items))
	}
	for _, item := range items {
		for _, filter := range []schema.Filter{schema.ResourceChanges(), schema.JobChanges()} {
			value := item[filter.Key].(*types.AttributeValueMemberS).Value
			for _, prefix := range filter.Prefixes {
				if strings.HasPrefix(value, prefix) {
					t.Errorf("the filter %v passes %s", filter, value)
				}
			}
		}
	}
	if n, err := f.Purge(t.Context(), f.directoryID, 10); n != 2 || err != nil {
		t.Errorf("purged %d, %v", n, err)
	}
}

package table_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"dsync/internal/id"
	"dsync/internal/table"
)

// A batch of more keys than one call allows is read with several calls.
func TestLargeBatch(t *testing.T) {
	f := open(t)
	requests := make([]table.Request, 250)
	var want []string
	for i := range requests {
		requests[i] = table.Request{ID: newID(t, table.RequestKind), DirectoryID: f.directoryID, At: now}
		want = append(want, requests[i].ID)
	}
	f.do(f.PutRequests(t.Context(), requests))
	slices.Sort(want)
	ctx, meter := table.WithMeter(t.Context())
	chunk, err := table.Requests(f.directoryID).Read(ctx, f.Table, "", false, len(requests))
	f.do(err)
	var got []string
	for _, e := range chunk.Entries {
		got = append(got, e.Record.ID)
	}
	if !slices.Equal(got, want) {
		t.Errorf("%d records, want %d in the order of their ids", len(got), len(want))
	}
	if meter.RoundTrips != 4 {
		t.Errorf("%d calls for 250 keys, want a query and 3 batches", meter.RoundTrips)
	}
}

// Resources are returned in the order of the ids, each once, without those that
// do not exist.
func TestResources(t *testing.T) {
	f := open(t)
	first, second := f.create(table.User, table.Keys{Name: "1"}), f.create(table.User, table.Keys{Name: "2"})
	group := f.create(table.Group, table.Keys{Name: "1"})
	for _, ids := range [][]string{{first.ID, second.ID}, {second.ID, first.ID}} {
		asked := append([]string{newID(t, id.User), "nonsense", group.ID}, append(ids, ids[0], ids[1])...)
		var got []string
		for _, r := range must(f.Resources(t.Context(), table.User, f.directoryID, asked)) {
			got = append(got, r.ID)
		}
		if !slices.Equal(got, ids) {
			t.Errorf("Resources(%v) = %v, want %v", asked, got, ids)
		}
	}
}

// A query returns pages of at most 1 MB. A page is read when the loop needs it.
func TestPages(t *testing.T) {
	const users = 7 // of 350 KB: two or three in a page
	f := open(t)
	var ids []string
	document := strings.Repeat("x", 350_000)
	for i := range users {
		r := f.resource(table.User, document)
		f.do(f.Create(t.Context(), r, table.Keys{Name: fmt.Sprint("u", i)}, nil))
		ids = append(ids, r.ID)
	}
	slices.Sort(ids)
	ctx, meter := table.WithMeter(t.Context())
	var got []string
	for r, err := range f.All(ctx, table.User, f.directoryID, "") {
		f.do(err)
		got = append(got, r.ID)
		if len(got) == 1 && meter.RoundTrips != 1 {
			t.Errorf("the first resource took %d calls", meter.RoundTrips)
		}
	}
	if !slices.Equal(got, ids) || meter.RoundTrips < 3 {
		t.Errorf("All returned %d resources in %d calls", len(got), meter.RoundTrips)
	}

	ctx, meter = table.WithMeter(t.Context())
	for r, err := range f.All(ctx, table.User, f.directoryID, ids[2]) {
		f.do(err)
		if r.ID != ids[3] {
			t.Errorf("after %s comes %s, want %s", ids[2], r.ID, ids[3])
		}
		break
	}
	if meter.RoundTrips != 1 {
		t.Errorf("a loop that ends with the first resource took %d calls", meter.RoundTrips)
	}
}

// A resource is found in the directory that owns it, among more directories
// than one batch holds.
func TestLocate(t *testing.T) {
	f, ctx := open(t), t.Context()
	var directoryIDs []string
	for range 150 {
		directoryIDs = append(directoryIDs, newID(t, id.Directory))
	}
	values := table.Keys{Name: "g"}
	f.directoryID = directoryIDs[140]
	group := f.create(table.Group, values)
	if r, err := f.Locate(ctx, table.Group, group.ID, directoryIDs); err != nil || r.Kind != table.Group || r.DirectoryID != directoryIDs[140] {
		t.Errorf("Locate = %+v, %v", r, err)
	}
	if _, err := f.Locate(ctx, table.Group, group.ID, directoryIDs[:140]); !errors.Is(err, table.ErrNotFound) {
		t.Errorf("in other directories: %v", err)
	}
	if _, err := f.Locate(ctx, table.User, group.ID, directoryIDs); !errors.Is(err, table.ErrNotFound) {
		t.Errorf("as another kind: %v", err)
	}
	f.do(f.Delete(ctx, group, values, f.job(group), now, actor))
	if _, err := f.Locate(ctx, table.Group, group.ID, directoryIDs); !errors.Is(err, table.ErrNotFound) {
		t.Errorf("a deleted group: %v", err)
	}
}

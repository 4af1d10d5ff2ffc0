package table_test

import (
	"slices"
	"testing"

	"dsync/internal/table"
)

// Deferred changes are read in their order, and released once: by whoever comes
// first. The head counts those that wait.
func TestDeferrals(t *testing.T) {
	f := open(t)
	ctx := t.Context()
	head := func() table.LogHead { return must(f.LogHeads(ctx, []string{f.directoryID}))[f.directoryID] }
	for _, records := range [][]string{{"a", "b"}, {"c"}} {
		appended := table.LogAppend{Head: head()}
		for _, r := range records {
			appended.Deferred = append(appended.Deferred, table.Deferral{Record: []byte(r), TTL: now.Unix()})
		}
		must(f.AppendLog(ctx, appended))
	}
	list, more, err := f.Deferrals(ctx, f.directoryID, 10)
	if err != nil || more || len(list) != 3 || head().Deferred != 3 {
		t.Fatalf("%v, %v, %v; the head counts %d", list, more, err, head().Deferred)
	}
	for i, want := range []string{"a", "b", "c"} {
		if string(list[i].Record) != want {
			t.Errorf("deferral %d is %s, want %s", i, list[i].Record, want)
		}
	}
	if _, more, err := f.Deferrals(ctx, f.directoryID, 2); err != nil || !more {
		t.Errorf("more %v, %v", more, err)
	}
	version := head().Version
	f.do(f.ReleaseDeferrals(ctx, f.directoryID, slices.Clone(list[:1])))
	if h := head(); h.Deferred != 2 || h.Version != version+1 {
		t.Errorf("the head counts %d, at version %d after %d", h.Deferred, h.Version, version)
	}
	for range 2 { // the first one is released, and then all are
		f.do(f.ReleaseDeferrals(ctx, f.directoryID, slices.Clone(list)))
		if list, _, err := f.Deferrals(ctx, f.directoryID, 10); err != nil || len(list) != 0 || head().Deferred != 0 {
			t.Errorf("%v, %v; the head counts %d", list, err, head().Deferred)
		}
	}
}

package api_test

import (
	"testing"
	"time"

	"dsync/internal/table"
	"dsync/internal/table/count"

	"github.com/google/go-cmp/cmp"
)

// The counts of a directory are shown where directories are read and listed, when
// they are known.
func TestMetadata(t *testing.T) {
	w := open(t)
	org := w.organization(t, "Acme")
	d, other := w.directory(t, org, "Entra"), w.directory(t, org, "Okta")
	list := func() (metadata []any) {
		for _, one := range w.must(t, 200, "GET", "/directories?order=asc&organization_id="+org, "")["data"].([]any) {
			metadata = append(metadata, one.(map[string]any)["metadata"])
		}
		return metadata
	}
	if one := w.must(t, 200, "GET", "/directories/"+d.id, ""); one["metadata"] != nil || list()[0] != nil {
		t.Errorf("counts of a directory that was not counted: %v", one["metadata"])
	}
	tab := table.New(w.db, w.table)
	cut := time.UnixMilli(1)
	for _, err := range []error{
		tab.BeginCount(t.Context(), d.id, cut),
		tab.FinishCount(t.Context(), d.id, count.Counts{Known: true, Active: 42, Inactive: 3, Groups: 5, Cut: 1}),
		tab.BeginCount(t.Context(), other.id, cut),
		tab.FinishCount(t.Context(), other.id, count.Counts{Known: true, Cut: 1}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	want := map[string]any{"users": map[string]any{"active": 42.0, "inactive": 3.0}, "groups": 5.0}
	empty := map[string]any{"users": map[string]any{"active": 0.0, "inactive": 0.0}, "groups": 0.0}
	if diff := cmp.Diff(want, w.must(t, 200, "GET", "/directories/"+d.id, "")["metadata"]); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]any{want, empty}, list()); diff != "" {
		t.Error(diff)
	}
}

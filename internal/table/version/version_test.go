package version

import (
	"errors"
	"testing"

	"dsync/internal/dsynctest"
	"dsync/internal/table"
)

func TestMain(m *testing.M) { dsynctest.Main(m) }

// Code that cannot read the records of a table does not use it, and older code never
// takes back what newer code has recorded.
func TestVersions(t *testing.T) {
	db, name := dsynctest.Table(t)
	tab := table.New(db, name)
	if err := Check(t.Context(), tab); err != nil {
		t.Errorf("a new table: %v", err)
	}
	for _, step := range []struct {
		record, want Record
	}{
		{Record{2, 1}, Record{2, 1}},
		{Record{2, 2}, Record{2, 1}},
		{Record{5, 3}, Record{5, 3}},
		{Record{Current, Oldest}, Record{5, 3}},
	} {
		if err := complete(t.Context(), tab, step.record); err != nil {
			t.Fatal(err)
		}
		if got, err := Read(t.Context(), tab); err != nil || got != step.want {
			t.Errorf("%+v: the table has %+v, %v; want %+v", step.record, got, err, step.want)
		}
	}
	for code, reads := range map[int]bool{2: false, 3: true, 4: true, 5: true, 6: true} {
		if err := check(t.Context(), tab, code); (err == nil) != reads || !reads && !errors.Is(err, ErrNewer) {
			t.Errorf("code of version %d: %v", code, err)
		}
	}
	if Oldest > Current {
		t.Error("this code cannot read what it writes")
	}
}

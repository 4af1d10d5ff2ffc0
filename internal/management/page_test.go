package management

import (
	"context"
	"slices"
	"testing"

	"dsync/internal/table"
)

// fixed is a list of these ids, of which those that are gone are still listed.
func fixed(gone string, ids ...string) chunkReader[string] {
	return func(_ context.Context, from string, newest bool, limit int) (table.Chunk[string], error) {
		list := slices.Clone(ids)
		slices.SortFunc(list, func(a, b string) int { return compareIDs(a, b, newest) })
		s := table.Chunk[string]{Last: from}
		looked := 0
		for _, id := range list {
			if from != "" && compareIDs(id, from, newest) <= 0 {
				continue
			}
			if looked++; looked > limit {
				s.More = true
				break
			}
			if s.Last = id; id != gone {
				s.Entries = append(s.Entries, table.ListEntry[string]{ID: id, Record: id})
			}
		}
		return s, nil
	}
}

// Lists that are read as one give each record once, in order, and none is left
// out because another list was read further.
func TestMerge(t *testing.T) {
	read := merge([]chunkReader[string]{fixed("a", "a", "b", "e", "f"), fixed("", "c", "d", "e", "g"), fixed("")})
	want := []string{"b", "c", "d", "e", "f", "g"}
	for _, oldest := range []bool{true, false} {
		for limit := 1; limit < 9; limit++ {
			var all []string
			p := PageRequest{Limit: limit, Oldest: oldest}
			for {
				found, err := list(t.Context(), p, read, nil)
				if err != nil || len(found.Items) > limit {
					t.Fatalf("%v, %v", found, err)
				}
				all = append(all, found.Items...)
				if p.After = found.After; p.After == "" {
					break
				}
			}
			if !oldest {
				slices.Reverse(all)
			}
			if !slices.Equal(all, want) {
				t.Errorf("by %d, oldest first %v: %v", limit, oldest, all)
			}
		}
	}
}

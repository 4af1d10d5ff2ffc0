package usage_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"dsync/internal/table"
	"dsync/internal/usage"
)

// What is tolerated is bounded in number and size, and nothing of it is uncounted.
func TestToleratedIsBounded(t *testing.T) {
	for _, n := range []int{usage.MaxTolerated, usage.MaxTolerated + 1, 60_000} {
		trace := usage.NewTrace(table.Token{}, table.Actor{}, false)
		for i := range n {
			trace.Tolerate(usage.UnknownPath, fmt.Sprintf("%06d%s", i, strings.Repeat("x", 8_000)), 2)
		}
		trace.Tolerate(usage.UnknownPath, fmt.Sprintf("%06d%s", 0, strings.Repeat("x", 8_000)), 2) // known
		got := trace.TakeTolerated()
		sum := 0
		for _, tolerated := range got {
			sum += tolerated.Count
			if len(tolerated.Path) > 100 {
				t.Errorf("a path has %d bytes", len(tolerated.Path))
			}
		}
		want := min(n, usage.MaxTolerated+1)
		if len(got) != want || sum != 2*n || (got[len(got)-1].Path == "") != (n > usage.MaxTolerated) {
			t.Errorf("of %d paths %d are noted, with a sum of %d", n, len(got), sum)
		}
		if text, err := json.Marshal(got); err != nil || len(text) > 3_400 {
			t.Errorf("%d bytes, %v", len(text), err)
		}
		if left := trace.TakeTolerated(); len(left) > 0 {
			t.Errorf("%d are taken twice", len(left))
		}
	}
}

package patch

import (
	"strings"
	"testing"
)

// The comparisons of a PATCH have a bound. A long text weighs as much as elements.
func TestComparisonsAreBounded(t *testing.T) {
	p := &patch{}
	if err := p.spend(MaxComparisons); err != nil {
		t.Errorf("at the limit: %v", err)
	}
	if err := p.spend(1); err == nil {
		t.Error("one comparison above the limit")
	}
	long := strings.Repeat("x", 3<<10)
	for name, row := range map[string]struct {
		list []any
		want int
	}{
		"none": {nil, 0}, "two elements": {[]any{map[string]any{"value": "x"}, "x"}, 2},
		"a long text": {[]any{long}, 4}, "a long value": {[]any{map[string]any{"value": long, "display": long}}, 7},
	} {
		if got := weight(row.list); got != row.want {
			t.Errorf("%s: %d, want %d", name, got, row.want)
		}
	}
}

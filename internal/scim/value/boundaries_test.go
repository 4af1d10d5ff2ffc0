package value_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"dsync/internal/scim"
	"dsync/internal/scim/value"

	"github.com/google/go-cmp/cmp"
)

func attribute(t *testing.T, path string) *scim.Attribute {
	t.Helper()
	p, ok := scim.Users.Resolve(path)
	if !ok {
		t.Fatal(path)
	}
	return p.Effective()
}

// Each limit holds at the limit and not one above it.
func TestLimits(t *testing.T) {
	elements := func(n int) (list []any) {
		for i := range n {
			list = append(list, map[string]any{"value": fmt.Sprint(i)})
		}
		return list
	}
	for name, row := range map[string]struct {
		path  string
		value any
		fits  bool
	}{
		"elements":          {"emails", elements(value.MaxElements), true},
		"too many elements": {"emails", elements(value.MaxElements + 1), false},
		"a text":            {"title", strings.Repeat("x", value.MaxText), true},
		"a text too long":   {"title", strings.Repeat("x", value.MaxText+1), false},
	} {
		if _, err := value.Coerce(attribute(t, row.path), row.value); (err == nil) != row.fits {
			t.Errorf("%s: %v", name, err)
		}
	}
	for s, fits := range map[string]bool{
		"1." + strings.Repeat("0", value.MaxNumber-2): true, "1." + strings.Repeat("0", value.MaxNumber-1): false,
		"1e61": true, "1e62": false, "1e-62": true, "1e-63": false, "1e64": false, "1e99999999999999999999": false,
	} {
		if n, ok := value.Decimal(s); ok != fits {
			t.Errorf("%s is %s, %v", s, n, ok)
		}
	}
}

// An empty text and null unassign. What is read-only is passed over.
func TestUnassigned(t *testing.T) {
	for _, v := range []any{nil, ""} {
		if got, err := value.Coerce(attribute(t, "title"), v); got != nil || err != nil || !value.Unassigned(v) {
			t.Errorf("%#v became %#v, %v", v, got, err)
		}
	}
	given := map[string]any{"value": "m1", "displayName": "Ada"}
	got, err := value.Coerce(attribute(t, "manager"), given)
	if diff := cmp.Diff(map[string]any{"value": "m1"}, got); diff != "" || err != nil {
		t.Error(err, diff)
	}
}

// Two elements with the same type, in any letter case, and the same value are one.
// Without a value, all but primary counts.
func TestIdentity(t *testing.T) {
	for name, row := range map[string]struct {
		a, b any
		same bool
	}{
		"type in another case":      {map[string]any{"type": "Work", "value": "x"}, map[string]any{"type": "work", "value": "x"}, true},
		"another type":              {map[string]any{"type": "home", "value": "x"}, map[string]any{"type": "work", "value": "x"}, false},
		"another value":             {map[string]any{"type": "work", "value": "x"}, map[string]any{"type": "work", "value": "X"}, false},
		"primary":                   {map[string]any{"value": "x", "primary": true}, map[string]any{"value": "x"}, true},
		"primary, without a value":  {map[string]any{"region": "x", "primary": true}, map[string]any{"region": "x"}, true},
		"another region":            {map[string]any{"region": "x"}, map[string]any{"region": "y"}, false},
		"texts":                     {"x", "x", true},
		"the type is not the value": {map[string]any{"type": "a", "value": `"b`}, map[string]any{"type": `a"`, "value": "b"}, false},
	} {
		if same := value.Identity(row.a) == value.Identity(row.b); same != row.same {
			t.Errorf("%s: the same %v", name, same)
		}
	}
}

// Numbers are compared by their value.
func TestCompareNumbers(t *testing.T) {
	sorted := []json.Number{"-10.5", "-9.5", "-9.25", "0.0", "0.05", "0.5", "9.5", "10.0", "10.25", "10.3", "100.0"}
	for i, a := range sorted {
		for j, b := range sorted {
			if got := value.CompareNumbers(a, b); (got < 0) != (i < j) || (got > 0) != (i > j) {
				t.Errorf("%s and %s: %d", a, b, got)
			}
		}
	}
	for _, pair := range [][2]json.Number{{"1.10", "1.1"}, {"1.0", "1"}, {"-1.50", "-1.5"}} {
		if got := value.CompareNumbers(pair[0], pair[1]); got != 0 {
			t.Errorf("%s and %s: %d", pair[0], pair[1], got)
		}
	}
}

package provider

import "testing"

// The version that a resource has decides (RFC 7644 section 3.14, RFC 7232
// section 2.3.2: weak comparison).
func TestCondition(t *testing.T) {
	for _, row := range []struct {
		header  string
		version int64
		want    bool
	}{
		{"", 1, true},
		{"*", 1, true},
		{`W/"1"`, 1, true},
		{`"1"`, 1, true},
		{`W/"9", W/"1"`, 1, true},
		{` W/"9" , "1" `, 1, true},
		{`"x", *`, 1, true},
		{`W/"2"`, 1, false},
		{`"7"`, 1, false},
		{"nonsense", 1, false},
		{"1", 1, false},
		{`W/1`, 1, false},
		{`"01"`, 1, false},
		{`"+1"`, 1, false},
		{`""1""`, 1, false},
		{`w/"1"`, 1, false},
		{`"1`, 1, false},
		{",", 1, false},
	} {
		c := condition(row.header)
		if got := c.Holds(row.version); got != row.want {
			t.Errorf("%s holds for version %d: %v", row.header, row.version, got)
		}
		if c.Demanded() != (row.header != "") {
			t.Errorf("%q demands something: %v", row.header, c.Demanded())
		}
	}
}

package fault

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestCut(t *testing.T) {
	for _, row := range []struct {
		in   string
		n    int
		want string
	}{
		{"", 3, ""},
		{"abcd", 4, "abcd"},
		{"abcde", 4, "a…"},
		{"ääää", 8, "ääää"},
		{"äääää", 8, "ää…"}, // not within a character
		{"abcd", 3, "…"},
	} {
		if got := Cut(row.in, row.n); got != row.want || len(got) > row.n || !utf8.ValidString(got) {
			t.Errorf("%q to %d: %q, want %q", row.in, row.n, got, row.want)
		}
	}
}

// An Error is bounded at its limits and one above, whichever way it is made.
func TestErrorsAreBounded(t *testing.T) {
	text := func(n int) string { return strings.Repeat("x", n) }
	for _, more := range []int{0, 1, 1 << 20} {
		for _, row := range []struct {
			name  string
			limit int
			got   func(s string) string
		}{
			{"detail", MaxDetail, func(s string) string { return New(Invalid, "", "%s", s).Detail }},
			{"path", MaxPath, func(s string) string { return New(Invalid, "", "").About(s).Path }},
			{"id", MaxPath, func(s string) string { return Missing("Directory", s).ID }},
			{"name of a field", maxName, func(s string) string { return InvalidField(s, "wrong").Fields[0].Name }},
			{"code of a field", maxCode, func(s string) string { return InvalidField("f", "%s", s).Fields[0].Code }},
			{"code of an added field", maxCode, func(s string) string {
				var v Validation
				v.Add("f", "%s", s)
				return v.Err().(*Error).Fields[0].Code
			}},
			{"name of one of many fields", maxName, func(s string) string { return Invalids([]Field{{s, "wrong"}}).Fields[0].Name }},
		} {
			s := text(row.limit + more)
			got := row.got(s)
			if more == 0 && got != s || len(got) > row.limit || more > 0 && !strings.HasSuffix(got, ellipsis) {
				t.Errorf("%s, %d above the limit: %d bytes", row.name, more, len(got))
			}
		}
	}
}

// At most MaxFields fields are told, and how many there are besides.
func TestFieldsAreBounded(t *testing.T) {
	for _, n := range []int{1, MaxFields, MaxFields + 1, 60_000} {
		var v Validation
		var all []Field
		for i := range n {
			v.Add(fmt.Sprint(i), "wrong")
			all = append(all, Field{fmt.Sprint(i), "wrong"})
		}
		for _, fields := range [][]Field{v.Err().(*Error).Fields, Invalids(all).Fields} {
			want := min(n, MaxFields)
			if n > MaxFields {
				want++
				if last := fields[len(fields)-1]; last != (Field{"…", fmt.Sprintf("%d more fields are wrong.", n-MaxFields)}) {
					t.Errorf("%d fields: the last is %v", n, last)
				}
			}
			if len(fields) != want || fields[0] != (Field{"0", "wrong"}) {
				t.Errorf("%d fields: %d are told", n, len(fields))
			}
		}
	}
}

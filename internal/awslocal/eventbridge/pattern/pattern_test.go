package pattern_test

import (
	"strings"
	"testing"

	"dsync/internal/awslocal/eventbridge/pattern"
)

type m = map[string]any

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		name     string
		pattern  m
		document string
		want     bool
	}{
		{"exact", m{"source": []any{"dsync"}}, `{"source":"dsync","x":1}`, true},
		{"exact is the whole value", m{"source": []any{"dsync"}}, `{"source":"dsync2"}`, false},
		{"case counts", m{"source": []any{"dsync"}}, `{"source":"Dsync"}`, false},
		{"one of several", m{"a": []any{"x", "y"}}, `{"a":"y"}`, true},
		{"prefix", m{"t": []any{m{"prefix": "dsync."}}}, `{"t":"dsync.user.created"}`, true},
		{"prefix of nothing else", m{"t": []any{m{"prefix": "dsync."}}}, `{"t":"other"}`, false},
		{"prefix of a number", m{"t": []any{m{"prefix": "1"}}}, `{"t":1}`, false},
		{"empty prefix takes any text", m{"t": []any{m{"prefix": ""}}}, `{"t":"x"}`, true},
		{"all fields", m{"a": []any{"1"}, "b": []any{"2"}}, `{"a":"1","b":"3"}`, false},
		{"absent", m{"a": []any{"1"}}, `{}`, false},
		{"null is not absent", m{"a": []any{nil}}, `{}`, false},
		{"null", m{"a": []any{nil}}, `{"a":null}`, true},
		{"number", m{"a": []any{5}}, `{"a":5}`, true},
		{"number written differently", m{"a": []any{5}}, `{"a":5.0}`, false},
		{"number is not text", m{"a": []any{5}}, `{"a":"5"}`, false},
		{"bool", m{"a": []any{true}}, `{"a":true}`, true},
		{"inside detail", m{"detail": m{"data": m{"state": []any{"active"}}}}, `{"detail":{"data":{"state":"active"}}}`, true},
		{"inside detail, other", m{"detail": m{"data": m{"state": []any{"active"}}}}, `{"detail":{"data":{"state":"inactive"}}}`, false},
		{"object where a value is wanted", m{"a": []any{"x"}}, `{"a":{"b":"x"}}`, false},
		{"value where an object is wanted", m{"a": m{"b": []any{"x"}}}, `{"a":"x"}`, false},
		{"array, one element", m{"a": []any{"x"}}, `{"a":["w","x"]}`, true},
		{"array, no element", m{"a": []any{"x"}}, `{"a":["w"]}`, false},
		{"empty array", m{"a": []any{"x"}}, `{"a":[]}`, false},
		{"array of objects", m{"a": m{"b": []any{"x"}}}, `{"a":[{"b":"w"},{"b":"x"}]}`, true},
		{"not an object", m{"a": []any{"x"}}, `"a"`, false},
		{"not JSON", m{"a": []any{"x"}}, `{`, false},
	} {
		p, err := pattern.Compile(c.pattern)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if got := p.Match([]byte(c.document)); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestUnsupportedPatternsAreRejected(t *testing.T) {
	for name, c := range map[string]struct {
		pattern m
		says    string
	}{
		"suffix":         {m{"a": []any{m{"suffix": "x"}}}, `a: only exact values and {"prefix": text} are supported, not {"suffix":"x"}`},
		"exists":         {m{"a": []any{m{"exists": false}}}, "not"},
		"two operators":  {m{"a": []any{m{"prefix": "x", "suffix": "y"}}}, "not"},
		"ignoring case":  {m{"a": []any{m{"prefix": m{"equals-ignore-case": "x"}}}}, "not"},
		"or":             {m{"$or": []any{m{"a": []any{"x"}}}}, "$or"},
		"scalar":         {m{"a": "x"}, "a must be an object or an array"},
		"no value":       {m{"a": []any{}}, "a must have at least one value"},
		"no field":       {m{}, "at least one field"},
		"no field below": {m{"detail": m{"a": m{}}}, "detail.a must have at least one field"},
		"list in list":   {m{"a": []any{[]any{"x"}}}, "a value cannot be an array"},
	} {
		if _, err := pattern.Compile(c.pattern); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: error %v, want one with %q", name, err, c.says)
		}
	}
}

package ndjson_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"dsync/internal/awslocal/ndjson"
)

func TestOpenRemovesAnIncompleteLine(t *testing.T) {
	long := strings.Repeat("x", 200<<10)
	for name, c := range map[string]struct{ before, after string }{
		"absent":             {"", ""},
		"whole":              {"{\"n\":1}\n", "{\"n\":1}\n"},
		"torn":               {"{\"n\":1}\n{\"n\":", "{\"n\":1}\n"},
		"torn first line":    {"{\"n\":", ""},
		"torn after a block": {"{\"n\":1}\n" + long, "{\"n\":1}\n"},
		"long first line":    {long, ""},
	} {
		file := filepath.Join(t.TempDir(), "events.ndjson")
		if c.before != "" {
			if err := os.WriteFile(file, []byte(c.before), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		l, err := ndjson.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Append(json.RawMessage(`{"n":2}`)); err != nil {
			t.Fatal(err)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if want := c.after + "{\"n\":2}\n"; string(got) != want {
			t.Errorf("%s: %.60q, want %.60q", name, got, want)
		}
	}
}

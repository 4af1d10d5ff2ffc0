package logline_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"dsync/internal/logline"
)

// line is the line that the logger writes.
func line(t *testing.T, message string, attrs ...slog.Attr) (string, map[string]any) {
	t.Helper()
	var out bytes.Buffer
	log := slog.New(logline.Bounded(slog.NewJSONHandler(&out, nil)))
	log.LogAttrs(context.Background(), slog.LevelError, message, attrs...)
	var o map[string]any
	if err := json.Unmarshal(out.Bytes(), &o); err != nil {
		t.Fatalf("%v: %q", err, out.String())
	}
	return strings.TrimSuffix(out.String(), "\n"), o
}

type entry struct{ Path string }

// Whatever is logged, a line is JSON of at most Max bytes, and what is short stays
// whole.
func TestBounded(t *testing.T) {
	long := func(s string) string { return strings.Repeat(s, 1<<15/len(s)) }
	many := make([]entry, 1_000)
	var attrs []slog.Attr
	for i := range 200 {
		attrs = append(attrs, slog.String(fmt.Sprint("name", i), long("x")[:100]))
	}
	for name, row := range map[string][]slog.Attr{
		"text":             {slog.String("long", long("x"))},
		"quotes":           {slog.String("long", long(`"`))},
		"control":          {slog.String("long", long("\x00"))},
		"not UTF-8":        {slog.String("long", long("\xff"))},
		"line separators":  {slog.String("long", long("\u2028"))},
		"wide":             {slog.String("long", long("\U0001F600"))},
		"error":            {slog.Any("long", errors.New(long("\x00")))},
		"list":             {slog.Any("long", many)},
		"group":            {slog.Group("long", slog.String("a", long("x")), slog.Int("b", 1))},
		"unmarshalable":    {slog.Any("long", func() {})},
		"long name":        {slog.String(long("n"), "x")},
		"two":              {slog.String("long", long("x")), slog.String("longer", long("yy"))},
		"many":             attrs,
		"two, one is less": {slog.String("long", long("x")[:3_000]), slog.String("longer", long("y")[:3_000])},
	} {
		for _, message := range []string{"request", long("m"), long("\x01")} {
			all := append([]slog.Attr{slog.String("method", "GET")}, row...)
			all = append(all, slog.Int("status", 400), slog.Float64("ms", 1.5))
			text, o := line(t, message, all...)
			if len(text) > logline.Max {
				t.Errorf("%s: %d bytes", name, len(text))
			}
			if o["method"] != "GET" || o["status"] != 400.0 || o["ms"] != 1.5 {
				t.Errorf("%s: what is short is lost: %.200s", name, text)
			}
		}
	}
}

// A line at the limit stays as it is. One byte more, and its longest attribute is
// cut.
func TestLimit(t *testing.T) {
	fits := func(n int) bool {
		_, o := line(t, "request", slog.String("text", strings.Repeat("x", n)))
		return o["text"] == strings.Repeat("x", n)
	}
	most := logline.Max
	for !fits(most) {
		most--
	}
	if most < 3_000 || fits(most+1) {
		t.Errorf("a text of %d bytes fits", most)
	}
	_, o := line(t, "request", slog.String("text", strings.Repeat("x", most+1)))
	if text := o["text"].(string); !strings.HasSuffix(text, "x…") || len(text) < most-10 {
		t.Errorf("one byte above the limit: %d bytes", len(text))
	}
}

// Groups, attributes of the logger and levels pass through.
func TestPassesOn(t *testing.T) {
	var out bytes.Buffer
	log := slog.New(logline.Bounded(slog.NewJSONHandler(&out, nil)))
	log.Debug("not logged")
	log.With("a", 1).WithGroup("g").Info("m", "b", time.Second, "c", slog.GroupValue(slog.Bool("d", true)))
	if !strings.Contains(out.String(), `"a":1,"g":{"b":1000000000,"c":{"d":true}}`) || strings.Contains(out.String(), "not logged") {
		t.Error(out.String())
	}
}

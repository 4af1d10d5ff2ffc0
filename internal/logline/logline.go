// Package logline bounds the lines of a log. What a client sends can reach a log
// line, as the name of an attribute for example, and a log is paid for by the
// byte. A line that is too long loses the end of its longest attributes, and no
// other.
package logline

import (
	"context"
	"encoding/json"
	"log/slog"
	"unicode/utf8"
)

const (
	// Max is the length of a line in bytes, as JSON.
	Max = 4096
	// reserved is left for the time, the level, the ids that Lambda's handler adds,
	// and the punctuation around the message.
	reserved = 512
	// least is what stays of an attribute that is cut, with its name, while there
	// are longer ones.
	least = 96
	// maxMessage is the length of a message. This project's own are constants.
	maxMessage = 512

	ellipsis = "…"
)

// Bounded returns a handler that passes records on to h, with attributes so short
// that the line has at most Max bytes. h must write JSON. It is as safe for
// concurrent use as h.
func Bounded(h slog.Handler) slog.Handler { return bounded{h} }

type bounded struct{ next slog.Handler }

// Enabled implements slog.Handler.
func (b bounded) Enabled(ctx context.Context, level slog.Level) bool {
	return b.next.Enabled(ctx, level)
}

// Handle implements slog.Handler.
func (b bounded) Handle(ctx context.Context, r slog.Record) error {
	message := cut(r.Message, maxMessage)
	left := Max - reserved - encoded(message)
	var attrs []slog.Attr
	var sizes []int
	total := 0
	r.Attrs(func(a slog.Attr) bool {
		attrs, sizes = append(attrs, a), append(sizes, size(a))
		total += sizes[len(sizes)-1]
		return true
	})
	if total <= left && message == r.Message {
		return b.next.Handle(ctx, r)
	}
	for total > left && len(attrs) > 0 {
		i := longest(sizes)
		total -= sizes[i]
		if sizes[i] <= least { // so many attributes that some have to go
			attrs, sizes = append(attrs[:i], attrs[i+1:]...), append(sizes[:i], sizes[i+1:]...)
			continue
		}
		name := cut(attrs[i].Key, least/2)
		attrs[i] = slog.String(name, cut(text(attrs[i].Value), max(left-total, least)-punctuation-encoded(name)))
		sizes[i] = size(attrs[i])
		total += sizes[i]
	}
	short := slog.NewRecord(r.Time, r.Level, message, r.PC)
	short.AddAttrs(attrs...)
	return b.next.Handle(ctx, short)
}

// WithAttrs implements slog.Handler.
func (b bounded) WithAttrs(attrs []slog.Attr) slog.Handler {
	return bounded{b.next.WithAttrs(attrs)}
}

// WithGroup implements slog.Handler.
func (b bounded) WithGroup(name string) slog.Handler { return bounded{b.next.WithGroup(name)} }

func longest(sizes []int) int {
	at := 0
	for i, n := range sizes {
		if n > sizes[at] {
			at = i
		}
	}
	return at
}

// punctuation is what JSON has around a name and a text: "":"",
const punctuation = 6

// size is the length of an attribute in the line. It is exact for texts, and an
// upper bound for other values.
func size(a slog.Attr) int {
	v := a.Value.Resolve()
	_, isError := v.Any().(error)
	switch {
	case v.Kind() == slog.KindString, isError:
		return punctuation + encoded(a.Key) + encoded(text(v))
	case v.Kind() == slog.KindAny, v.Kind() == slog.KindGroup:
		return punctuation + encoded(a.Key) + len(text(v))
	}
	return punctuation + encoded(a.Key) + 40 // numbers, times, truth
}

// text is a value as text: JSON of what is no text.
func text(v slog.Value) string {
	v = v.Resolve()
	switch v.Kind() {
	case slog.KindGroup:
		members := map[string]any{}
		for _, a := range v.Group() {
			members[a.Key] = a.Value.Any()
		}
		return asJSON(members, v)
	case slog.KindAny:
		if err, ok := v.Any().(error); ok {
			return err.Error()
		}
		return asJSON(v.Any(), v)
	}
	return v.String()
}

func asJSON(o any, v slog.Value) string {
	b, err := json.Marshal(o)
	if err != nil {
		return v.String()
	}
	return string(b)
}

// encoded is the length of a text in JSON, without the quotes.
func encoded(s string) int {
	n := 0
	for i, r := range s {
		n += encodedRune(s[i:], r)
	}
	return n
}

func encodedRune(s string, r rune) int {
	switch {
	case r == '"', r == '\\', r == '\n', r == '\r', r == '\t':
		return 2
	case r < ' ', r == '\u2028', r == '\u2029':
		return 6
	case r == utf8.RuneError:
		if _, n := utf8.DecodeRuneInString(s); n == 1 {
			return 6 // not UTF-8
		}
	}
	return utf8.RuneLen(r)
}

// cut returns a text of at most n bytes in JSON: the text itself, or its beginning
// and an ellipsis.
func cut(s string, n int) string {
	kept, end := 0, 0
	for i, r := range s {
		if kept <= n-len(ellipsis) {
			end = i
		}
		kept += encodedRune(s[i:], r)
		if kept > n {
			return s[:end] + ellipsis
		}
	}
	return s
}

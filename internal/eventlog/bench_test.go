package eventlog_test

import (
	"fmt"
	"strings"
	"testing"

	"dsync/internal/eventlog"
)

// What the stored form of an event of 1 KB costs to write and to read.
func BenchmarkStoredForm(b *testing.B) {
	var text strings.Builder
	for i := range 40 {
		fmt.Fprintf(&text, `{"attribute_%d":"value %d"},`, i, i*i)
	}
	body, err := eventlog.Compress([]byte(text.String()))
	if err != nil {
		b.Fatal(err)
	}
	b.Run("write", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = eventlog.Compress([]byte(text.String()))
		}
	})
	b.Run("read", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := eventlog.Decompress(body); err != nil {
				b.Fatal(err)
			}
		}
	})
}

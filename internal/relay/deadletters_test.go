package relay

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"

	"dsync/internal/eventlog"
	"dsync/internal/scim"
)

// text is JSON of n bytes, or of fewer when it is packed.
func text(n int, random bool) []byte {
	letters := bytes.Repeat([]byte{'x'}, n-2)
	if random {
		source := rand.New(rand.NewPCG(1, 2))
		for i := range letters {
			letters[i] = "0123456789abcdefghijklmnopqrst<>"[source.IntN(32)]
		}
	}
	return append(append([]byte{'"'}, letters...), '"')
}

// A message has at most maxMessage bytes. A record of one byte more is packed,
// and packed one byte more it is an object.
func TestPackAtTheLimits(t *testing.T) {
	envelope := scim.EncodeJSON(Message{Reason: "r", Record: json.RawMessage(`""`)})
	largest := maxMessage - len(envelope) + 2
	for n, inline := range map[int]bool{largest: true, largest + 1: false} {
		m, object, err := pack(text(n, false), "r")
		if err != nil || object != nil || (m.Record != nil) != inline || (m.RecordGzip != nil) == inline {
			t.Errorf("%d bytes: inline %v, packed %v, object %v, %v", n, m.Record != nil, m.RecordGzip != nil, object != nil, err)
		}
	}
	// Base64 grows in steps of four, so the reason fills the last bytes.
	record := text(300_000, true)
	m, object, err := pack(record, "")
	if err != nil || m.RecordGzip == nil || object != nil {
		t.Fatalf("packed %v, object %v, %v", m.RecordGzip != nil, object != nil, err)
	}
	body := scim.EncodeJSON(m)
	rest := maxMessage - len(body)
	if rest < 0 {
		t.Fatalf("a message of %d bytes", len(body))
	}
	fits, object, err := pack(record, strings.Repeat("r", rest))
	if err != nil || object != nil {
		t.Errorf("a message of %d bytes is an object, %v", maxMessage, err)
	}
	if body := scim.EncodeJSON(fits); len(body) != maxMessage {
		t.Errorf("%d bytes", len(body))
	}
	above, object, err := pack(record, strings.Repeat("r", rest+1))
	if err != nil || object == nil || above.Object == "" || above.RecordGzip != nil || above.Record != nil {
		t.Fatalf("one byte above the limit: %.100v, %v", above, err)
	}
	unpacked, err := decompress(bytes.NewReader(object))
	if err != nil {
		t.Fatal(err)
	}
	var stored Message
	if err := json.Unmarshal(unpacked, &stored); err != nil || !bytes.Equal(stored.Record, record) {
		t.Errorf("the object holds %d bytes of %d, %v", len(stored.Record), len(record), err)
	}
	again, _, _ := pack(record, strings.Repeat("s", rest+1))
	if again.Object == "" || !strings.HasPrefix(again.Object, parkedPrefix) || again.Object != above.Object {
		t.Errorf("parked again as %s, was %s", again.Object, above.Object)
	}
	if content, err := m.content(); err != nil || !bytes.Equal(content, record) {
		t.Errorf("the packed record has %d bytes, %v", len(content), err)
	}
}

type reason string

func (r reason) Error() string { return string(r) }

func TestReasonsAreBounded(t *testing.T) {
	for in, want := range map[string]string{
		strings.Repeat("x", maxReason):           strings.Repeat("x", maxReason),
		strings.Repeat("x", maxReason+1):         strings.Repeat("x", maxReason),
		strings.Repeat("x", maxReason-1) + "ä":   strings.Repeat("x", maxReason-1),
		"a\xffb\uFFFE":                           "a\uFFFDb\uFFFD",
		"a panic\n" + strings.Repeat("\x00", 10): "a panic\n" + strings.Repeat("\x00", 10),
	} {
		got := bounded(reason(in))
		if got != want || !utf8.ValidString(got) {
			t.Errorf("%.20q became %.20q, want %.20q", in, got, want)
		}
		if !isText(scim.EncodeJSON(Message{Reason: got})) {
			t.Errorf("%.20q is no text of a message", in)
		}
	}
}

// An object or a message that unpacks to more than the limit is not read.
func TestUnpackingIsBounded(t *testing.T) {
	for n, fits := range map[int]bool{maxContent: true, maxContent + 1: false} {
		packed, err := eventlog.Compress(make([]byte, n))
		if err != nil {
			t.Fatal(err)
		}
		if content, err := decompress(bytes.NewReader(packed)); (err == nil) != fits || fits && len(content) != n {
			t.Errorf("%d bytes: %d, %v", n, len(content), err)
		}
	}
}

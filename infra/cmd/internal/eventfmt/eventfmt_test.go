package eventfmt_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"dsync/infra/cmd/internal/eventfmt"
)

// A name is cut to 200 characters, whether they are escaped or not.
func TestLongNames(t *testing.T) {
	for name, want := range map[string]string{
		strings.Repeat("ä", 200):             strings.Repeat("ä", 200),
		strings.Repeat("ä", 201):             strings.Repeat("ä", 200) + "…",
		strings.Repeat("\x01", 50):           strings.Repeat(`\x01`, 50),
		"x" + strings.Repeat("\x01", 50):     "x" + strings.Repeat(`\x01`, 49) + "…",
		strings.Repeat("\u202e", 16<<10):     strings.Repeat(`\u202e`, 33) + "…",
		strings.Repeat("\xff", 3) + "no UTF": "\ufffd\ufffd\ufffdno UTF",
	} {
		event, err := json.Marshal(map[string]any{"event": "e", "data": map[string]any{"id": "i", "name": name}})
		if err != nil {
			t.Fatal(err)
		}
		if got := eventfmt.Of(event); got != fmt.Sprintf("%-26s %-44s %s", "e", "i", want) {
			t.Errorf("%.20q: %q", name, got)
		}
	}
	all := strings.Repeat("x", 10_000)
	event := fmt.Sprintf(`{"event":%q,"data":{"user":{"id":"u","name":%q,"email":"y%s"},"group":{"id":%q,"name":%q}}}`, all, all, all, all, all)
	if got := len(eventfmt.Of(json.RawMessage(event))); got > 5*210 {
		t.Errorf("%d bytes", got)
	}
	if got := len(eventfmt.Of(json.RawMessage(all))); got > 210 {
		t.Errorf("no JSON: %d bytes", got)
	}
}

func TestOf(t *testing.T) {
	for event, want := range map[string]string{
		`{"event":"dsync.user.created","data":{"id":"directory_user_1","name":"Ada","email":"ada@example.com","state":"active"}}`:               "dsync.user.created         directory_user_1                             Ada <ada@example.com>",
		`{"event":"dsync.user.updated","data":{"id":"directory_user_1","name":"ada@example.com","email":"ada@example.com","state":"inactive"}}`: "dsync.user.updated         directory_user_1                             ada@example.com (inactive)",
		`{"event":"dsync.group.user_added","data":{"user":{"id":"u","name":"Ada"},"group":{"id":"g","name":"Engineers"}}}`:                      "dsync.group.user_added     g                                            Engineers: Ada",
		`{"event":"dsync.token.created","data":{"id":"directory_token_1","token_suffix":"a1b2"}}`:                                               "dsync.token.created        directory_token_1                            …a1b2",
		`{"event":"dsync.group.created","data":{"id":"g","name":"\u001b[2Jx"}}`:                                                                 "dsync.group.created        g                                            \\x1b[2Jx",
		// A name that shows another one: right-to-left override, line break, zero-width space.
		`{"event":"dsync.group.created","data":{"id":"g","name":"a\u202eb\nc\u200bd\u0000\u009b"}}`: "dsync.group.created        g                                            a\\u202eb\\nc\\u200bd\\x00\\u009b",
		`no JSON`: "no JSON",
	} {
		if got := eventfmt.Of(json.RawMessage(event)); got != want {
			t.Errorf("%s:\n%q, want\n%q", event, got, want)
		}
	}
}

package eventfmt_test

import (
	"encoding/json"
	"testing"

	"dsync/infra/cmd/internal/eventfmt"
)

func TestOf(t *testing.T) {
	for event, want := range map[string]string{
		`{"event":"dsync.user.created","data":{"id":"directory_user_1","name":"Ada","email":"ada@example.com","state":"active"}}`:               "dsync.user.created         directory_user_1                             Ada <ada@example.com>",
		`{"event":"dsync.user.updated","data":{"id":"directory_user_1","name":"ada@example.com","email":"ada@example.com","state":"inactive"}}`: "dsync.user.updated         directory_user_1                             ada@example.com (inactive)",
		`{"event":"dsync.group.user_added","data":{"user":{"id":"u","name":"Ada"},"group":{"id":"g","name":"Engineers"}}}`:                      "dsync.group.user_added     g                                            Engineers: Ada",
		`{"event":"dsync.token.created","data":{"id":"directory_token_1","token_suffix":"a1b2"}}`:                                               "dsync.token.created        directory_token_1                            …a1b2",
		`{"event":"dsync.group.created","data":{"id":"g","name":"\u001b[2Jx"}}`:                                                                 "dsync.group.created        g                                            \uFFFD[2Jx",
		`no JSON`: "no JSON",
	} {
		if got := eventfmt.Of(json.RawMessage(event)); got != want {
			t.Errorf("%s:\n%q, want\n%q", event, got, want)
		}
	}
}

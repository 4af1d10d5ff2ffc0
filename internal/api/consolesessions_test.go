package api_test

import (
	"crypto/rand"
	"net/http"
	"testing"
	"time"

	"dsync/internal/fault"
	"dsync/internal/management"

	"github.com/google/go-cmp/cmp"
)

// The API lists who is in the console, without secrets, and ends a session at once.
func TestConsoleSessions(t *testing.T) {
	w := open(t)
	id, secret := w.person(t, "Ada Lovelace", management.Operator)
	list := func() []any { return w.must(t, 200, "GET", "/console_sessions", "")["data"].([]any) }
	listed := list()
	if len(listed) != 1 {
		t.Fatal(listed)
	}
	got := listed[0].(map[string]any)
	want := map[string]any{
		"object": "console_session", "id": id, "person": "Ada Lovelace", "role": "operator", "state": "active",
		"source_ip": "192.0.2.7", "user_agent": "Mozilla/5.0", "created_at": got["created_at"], "expires_at": got["expires_at"],
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	opens := func() error {
		_, err := management.NewConsole(w.options.Table, w.clock.now, rand.Reader).Authenticate(t.Context(), secret, management.Origin{})
		return err
	}
	if err := opens(); err != nil {
		t.Fatal(err)
	}
	for range 2 { // one that has ended stays as it is
		if s := w.call(t, w.manage, "DELETE", "/console_sessions/"+id, ""); s.status != http.StatusNoContent {
			t.Errorf("ending it: %d %s", s.status, s.body)
		}
		if err := opens(); fault.KindOf(err) != fault.Unauthorized {
			t.Errorf("it was ended, and opens: %v", err)
		}
		if state := list()[0].(map[string]any)["state"]; state != "revoked" {
			t.Errorf("the state is %v", state)
		}
	}
	for _, unknown := range []string{"console_session_" + nobody, "x"} {
		if s := w.call(t, w.manage, "DELETE", "/console_sessions/"+unknown, ""); s.status != http.StatusNotFound {
			t.Errorf("%s: %d %s", unknown, s.status, s.body)
		}
	}
	w.person(t, "Grace Hopper", management.Viewer)
	w.clock.advance(management.SessionLifetime + time.Minute)
	if state := list()[0].(map[string]any)["state"]; state != "expired" {
		t.Errorf("after its time the state is %v", state)
	}
}

package api_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"dsync/internal/api"
	"dsync/internal/scim"
	"dsync/internal/table"

	"github.com/google/go-cmp/cmp"
)

func TestAPIKeys(t *testing.T) {
	w := open(t)
	expires := w.clock.now().Add(time.Hour).UTC()
	k := w.must(t, 201, "POST", "/api_keys", `{"name":"Reporting","scope":"read","expires_at":"`+expires.Format(time.RFC3339Nano)+`"}`)
	value := text(k, "value")
	if diff := cmp.Diff(map[string]any{
		"object": "api_key", "id": k["id"], "name": "Reporting", "scope": "read", "suffix": value[len(value)-4:], "state": "active",
		"last_used_at": nil, "expires_at": scim.Timestamp(expires), "created_at": k["created_at"], "value": value,
	}, k); diff != "" || !strings.HasPrefix(value, "dsync_api_") || len(value) != len("dsync_api_")+43+6 {
		t.Error(diff, value)
	}
	for _, r := range w.records(t) {
		if strings.Contains(r, value[len("dsync_api_"):len(value)-6]) {
			t.Error("the value is stored")
		}
	}
	if s := w.call(t, value, "GET", "/directories", ""); s.status != 200 {
		t.Errorf("%d %s", s.status, s.body)
	}
	listed := w.call(t, w.manage, "GET", "/api_keys", "")
	if strings.Contains(listed.body, value) || !strings.Contains(listed.body, `"last_used_at":"`+w.clock.now().UTC().Format(time.DateOnly)+`"`) {
		t.Errorf("%s", listed.body)
	}

	// Revoked: at once for a process that has not seen it, within 10 seconds for all.
	r := w.must(t, 201, "POST", "/api_keys", `{"name":"Short","scope":"manage"}`)
	short := text(r, "value")
	if s := w.call(t, short, "DELETE", "/api_keys/"+text(r, "id"), ""); s.status != 204 || s.body != "" {
		t.Errorf("%d %s", s.status, s.body)
	}
	before := w.records(t)
	if s := w.call(t, w.manage, "DELETE", "/api_keys/"+text(r, "id"), ""); s.status != 204 {
		t.Errorf("%d %s", s.status, s.body)
	}
	w.unchanged(t, before)
	w.clock.advance(10 * time.Second)
	if s := w.call(t, short, "GET", "/directories", ""); s.status != 401 {
		t.Errorf("a revoked key: %d %s", s.status, s.body)
	}
	// Expired.
	w.clock.advance(time.Hour)
	if s := w.call(t, value, "GET", "/directories", ""); s.status != 401 {
		t.Errorf("an expired key: %d %s", s.status, s.body)
	}
	got := states(t, w.call(t, w.manage, "GET", "/api_keys?limit=100", ""))
	if got[text(k, "id")] != "expired" || got[text(r, "id")] != "revoked" || len(got) != 4 {
		t.Errorf("%v", got)
	}

	before = w.records(t)
	for name, c := range map[string]struct{ body, field string }{
		"no scope":    {`{"name":"x"}`, "scope"},
		"other scope": {`{"name":"x","scope":"admin"}`, "scope"},
		"no name":     {`{"scope":"read"}`, "name"},
		"blank":       {`{"scope":"read","name":" "}`, "name"},
		"past":        {`{"scope":"read","name":"x","expires_at":"2020-01-31T12:00:00Z"}`, "expires_at"},
	} {
		invalid(t, name, w.call(t, w.manage, "POST", "/api_keys", c.body), c.field)
	}
	w.unchanged(t, before)
}

// The function that makes the first key takes what POST /api_keys takes.
func TestKeyMaker(t *testing.T) {
	w := open(t)
	make := api.KeyMaker(w.options)
	k, err := make(t.Context(), json.RawMessage(`{"name":"first","scope":"manage"}`))
	if err != nil || k["object"] != "api_key" {
		t.Fatalf("%v, %v", k, err)
	}
	if s := w.call(t, text(k, "value"), "GET", "/api_keys", ""); s.status != 200 {
		t.Errorf("%d %s", s.status, s.body)
	}
	before := w.records(t)
	for _, input := range []string{``, `{}`, `null`, `[]`, `{"name":"x","scope":"admin"}`, `{"name":"x","scope":"read","more":1}`} {
		if k, err := make(t.Context(), json.RawMessage(input)); err == nil {
			t.Errorf("%s makes %v", input, k)
		}
	}
	w.unchanged(t, before)

	// It writes once and reads nothing: it may do no more.
	ctx, meter := table.WithMeter(context.Background())
	if _, err := make(ctx, json.RawMessage(`{"name":"x","scope":"read","expires_at":null}`)); err != nil || meter.RoundTrips != 1 || meter.ReadUnits != 0 {
		t.Errorf("%+v, %v", meter, err)
	}
}

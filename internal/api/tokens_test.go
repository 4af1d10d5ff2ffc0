package api_test

import (
	"sync"
	"testing"
	"time"

	"dsync/internal/fault"
	"dsync/internal/scim"
	"dsync/internal/table"
)

// states are the states of a list's objects by id.
func states(t *testing.T, s said) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, e := range s.object(t)["data"].([]any) {
		o := e.(map[string]any)
		all[text(o, "id")] = text(o, "state")
	}
	return all
}

func TestTokens(t *testing.T) {
	w := open(t)
	d := w.directory(t, w.organization(t, "Acme"), "Entra")
	other := w.directory(t, w.organization(t, "Other"), "Entra")
	path := "/directories/" + d.id + "/tokens"
	first, _, _ := ids(t, w.call(t, w.read, "GET", path, ""))

	// Two at most, so that one can replace the other.
	expires := w.clock.now().Add(time.Hour).UTC()
	second := w.must(t, 201, "POST", path, `{"expires_at":"`+expires.Format(time.RFC3339Nano)+`"}`)
	if second["state"] != "active" || second["expires_at"] != scim.Timestamp(expires) {
		t.Errorf("%v", second)
	}
	before := w.records(t)
	if s := w.call(t, w.manage, "POST", path, ""); s.status != 409 || s.object(t)["code"] != "too_many_tokens" {
		t.Errorf("%d %s", s.status, s.body)
	}
	w.unchanged(t, before)
	secret := text(second, "token")
	for _, s := range []string{d.secret, secret} {
		if status := scimRefusal(w, t, d.key, s); status != 0 {
			t.Errorf("%d", status)
		}
	}
	if status := scimRefusal(w, t, other.key, secret); status != fault.Unauthorized {
		t.Errorf("a token opens another directory: %d", status)
	}

	// Revoking: at once for a process that has not seen it, within 10 seconds
	// for all. It is listed, and revoking it again is no change.
	if s := w.call(t, w.manage, "DELETE", path+"/"+first[0], ""); s.status != 204 || s.body != "" {
		t.Errorf("%d %s", s.status, s.body)
	}
	before = w.records(t)
	if s := w.call(t, w.manage, "DELETE", path+"/"+first[0], ""); s.status != 204 {
		t.Errorf("%d %s", s.status, s.body)
	}
	for _, wrong := range []string{"/directory_token_01ARZ3NDEKTSV4RRFFQ69G5FAV", "/" + d.id, "/x"} {
		if s := w.call(t, w.manage, "DELETE", path+wrong, ""); s.status != 404 || s.object(t)["code"] != "entity_not_found" {
			t.Errorf("%d %s", s.status, s.body)
		}
	}
	// Nobody revokes a token of another directory.
	if s := w.call(t, w.manage, "DELETE", "/directories/"+other.id+"/tokens/"+text(second, "id"), ""); s.status != 404 {
		t.Errorf("%d %s", s.status, s.body)
	}
	w.unchanged(t, before)
	w.clock.advance(10 * time.Second)
	if status := scimRefusal(w, t, d.key, d.secret); status != fault.Unauthorized {
		t.Errorf("10 seconds after: %d", status)
	}
	if status := scimRefusal(w, t, d.key, secret); status != 0 {
		t.Errorf("the other one: %d", status)
	}

	// One that has expired makes room, in silence.
	third := w.must(t, 201, "POST", path, `{"expires_at":null}`)
	w.must(t, 409, "POST", path, "")
	w.clock.advance(time.Hour)
	if status := scimRefusal(w, t, d.key, secret); status != fault.Unauthorized {
		t.Errorf("expired: %d", status)
	}
	fourth := w.must(t, 201, "POST", path, "")
	record, err := table.New(w.db, w.table).Directory(t.Context(), d.id)
	if err != nil || len(record.Tokens) != 2 || record.Tokens[0].ID != third["id"] || record.Tokens[1].ID != fourth["id"] || record.RequestID != "request-1" || record.TokenID != "" {
		t.Errorf("%+v, %v", record, err)
	}
	before = w.records(t)
	if s := w.call(t, w.manage, "DELETE", path+"/"+text(second, "id"), ""); s.status != 204 {
		t.Errorf("%d %s", s.status, s.body)
	}
	w.unchanged(t, before)
	got := states(t, w.call(t, w.read, "GET", path, ""))
	for id, want := range map[string]string{first[0]: "revoked", text(second, "id"): "expired", text(third, "id"): "active", text(fourth, "id"): "active"} {
		if got[id] != want {
			t.Errorf("%s is %s, not %s", id, got[id], want)
		}
	}
	for name, body := range map[string]string{"past": `{"expires_at":"2020-01-31T12:00:00Z"}`, "no time": `{"expires_at":"tomorrow"}`, "a number": `{"expires_at":1}`} {
		invalid(t, name, w.call(t, w.manage, "POST", path, body), "expires_at")
	}
	w.unchanged(t, before)
}

// Creations that meet never make three tokens.
func TestTokenRace(t *testing.T) {
	w := open(t)
	org := w.organization(t, "Acme")
	for range 5 {
		d := w.directory(t, org, "Entra")
		var wait sync.WaitGroup
		var mu sync.Mutex
		statuses := map[int]int{}
		for range 4 {
			wait.Go(func() {
				s := w.call(t, w.manage, "POST", "/directories/"+d.id+"/tokens", "")
				mu.Lock()
				statuses[s.status]++
				mu.Unlock()
			})
		}
		wait.Wait()
		if statuses[201] != 1 || statuses[409] != 3 {
			t.Errorf("%v", statuses)
		}
		if list, _, _ := ids(t, w.call(t, w.read, "GET", "/directories/"+d.id+"/tokens", "")); len(list) != 2 {
			t.Errorf("%d tokens", len(list))
		}
	}
}

package system_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"dsync/infra/local/system"
)

// messages are what a machine says to its user.
type messages struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (m *messages) Write(p []byte) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.text.Write(p)
}

func (m *messages) has(text string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return strings.Contains(m.text.String(), text)
}

// What a start prints works: where DynamoDB has lost the directory of the last run,
// or the key was revoked, there are new ones, and a sentence says so. Where it has
// not, custom schemas come too late, and a sentence says that.
func TestCredentialsAreThoseOfTheTable(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "local")
	works := func(s *system.System) {
		t.Helper()
		if status, body := send(t, http.MethodGet, s.TenantURL+"/Users", s.Token, ""); status != http.StatusOK {
			t.Errorf("the Tenant URL answers %d %s", status, body)
		}
		if status, body := send(t, http.MethodGet, s.APIURL+"/directories/"+s.DirectoryID, s.APIKey, ""); status != http.StatusOK {
			t.Errorf("the API answers %d %s", status, body)
		}
	}
	stop := func(s *system.System) {
		t.Helper()
		if err := s.Stop(); err != nil {
			t.Fatal(err)
		}
	}
	var steps []string
	first := start(t, system.Options{DataDir: dir, Step: func(what string) { steps = append(steps, what) }})
	works(first)
	if len(steps) < 4 || steps[0] != "DynamoDB Local" {
		t.Errorf("the steps of a start: %q", steps)
	}
	var keys struct{ Data []struct{ ID string } }
	_, list := send(t, http.MethodGet, first.APIURL+"/api_keys", first.APIKey, "")
	if err := json.Unmarshal([]byte(list), &keys); err != nil || len(keys.Data) != 1 {
		t.Fatal(list, err)
	}
	if status, body := send(t, http.MethodDelete, first.APIURL+"/api_keys/"+keys.Data[0].ID, first.APIKey, ""); status >= 300 {
		t.Fatal(status, body)
	}
	stop(first)

	var said messages
	again := start(t, system.Options{DataDir: dir, Log: &said, Extensions: []json.RawMessage{[]byte(`{}`)}})
	works(again)
	if again.DirectoryID != first.DirectoryID || again.Token != first.Token || again.APIKey == first.APIKey {
		t.Errorf("after the revocation of the key: %+v, then %+v", first, again)
	}
	if !said.has("EXTENSIONS is for the first start") || said.has("another one") {
		t.Errorf("it says %s", said.text.String())
	}
	stop(again)

	if err := os.RemoveAll(filepath.Join(dir, "dynamodb")); err != nil {
		t.Fatal(err)
	}
	said = messages{}
	other := start(t, system.Options{DataDir: dir, Log: &said})
	works(other)
	if other.DirectoryID == again.DirectoryID || other.Token == again.Token || !said.has("is not in this table") {
		t.Errorf("with another DynamoDB: %+v, then %+v; it says %s", again, other, said.text.String())
	}
}

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"dsync/infra/cmd/internal/trial"
	"dsync/infra/local/client"
	"dsync/infra/local/system"
	"dsync/infra/test/entra"
)

// A smoke test leaves no organization and no directory behind, and passes while the
// system works.
func TestSmokeRemovesWhatItMade(t *testing.T) {
	machine := start(t, system.Options{})
	api := client.Client{URL: machine.APIURL, Key: machine.APIKey}
	organizations := func() (names []string) {
		var list struct{ Data []struct{ Name string } }
		if err := api.Call(t.Context(), http.MethodGet, "/organizations", nil, &list); err != nil {
			t.Fatal(err)
		}
		for _, o := range list.Data {
			names = append(names, o.Name)
		}
		return names
	}
	before := strings.Join(organizations(), ", ")
	var out bytes.Buffer
	env := map[string]string{"DSYNC_URL": machine.APIURL, "DSYNC_API_KEY": machine.APIKey}
	if code := smoke(t.Context(), entra.Config{Users: 8, Out: &out, Seed: 1}, func(name string) string { return env[name] }); code != 0 {
		t.Errorf("exit %d\n%s", code, out.String())
	}
	if after := strings.Join(organizations(), ", "); after != before {
		t.Errorf("organizations before: %s; after: %s", before, after)
	}
}

// soon is patience without the time.
var soon = trial.Waiting{Every: time.Nanosecond, Most: time.Hour}

// The first event may take minutes: the relay does not read a new stream at once.
// Meanwhile there is a line at least each few seconds.
func TestSmokeWaitsForTheFirstEvent(t *testing.T) {
	looks := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		looks++
		page := client.Page{}
		if r.URL.Query().Get("directory") == "directory_1" && looks > 3 {
			page.Data = []json.RawMessage{[]byte(`{"event":"dsync.token.created"}`)}
		}
		_ = json.NewEncoder(w).Encode(page)
	}))
	defer server.Close()
	var out bytes.Buffer
	if err := firstEvent(t.Context(), client.Client{URL: server.URL, Key: "k"}, "directory_1", &out, soon); err != nil || looks != 4 {
		t.Errorf("%v, after %d looks", err, looks)
	}
	if n := strings.Count(out.String(), "Waiting for the first event"); n != 3 {
		t.Errorf("%d lines for 3 looks without an event:\n%s", n, out.String())
	}
	err := firstEvent(t.Context(), client.Client{URL: server.URL, Key: "k"}, "directory_2", &out, trial.Waiting{})
	if err == nil || !strings.Contains(err.Error(), "not-polling") {
		t.Errorf("without an event: %v", err)
	}
}

// The organization goes when its directory is gone, and any other refusal is said.
func TestRemovalWaitsForTheDirectory(t *testing.T) {
	var calls []string
	status := http.StatusConflict
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls = append(calls, r.Method+" "+r.URL.Path)
		if strings.HasPrefix(r.URL.Path, "/organizations") && len(calls) < 4 {
			w.WriteHeader(status)
		}
	}))
	defer server.Close()
	api, c := client.Client{URL: server.URL, Key: "k"}, client.Connection{OrganizationID: "org_1", DirectoryID: "directory_1"}
	var out bytes.Buffer
	if err := remove(t.Context(), api, c, &out, soon); err != nil {
		t.Error(err)
	}
	if got := strings.Join(calls, ", "); got != "DELETE /directories/directory_1, DELETE /organizations/org_1, DELETE /organizations/org_1, DELETE /organizations/org_1" {
		t.Error(got)
	}
	calls, status = nil, http.StatusForbidden
	if err := remove(t.Context(), api, c, &out, soon); err == nil || !strings.Contains(err.Error(), "DELETE /organizations/org_1") || errors.Is(err, trial.ErrTooLong) {
		t.Errorf("a refusal: %v", err)
	}
}

func TestSmokeNeedsAKey(t *testing.T) {
	for _, env := range []map[string]string{{"DSYNC_URL": "http://127.0.0.1:1"}, {"STAGE": "Prod"}} {
		if code := smoke(t.Context(), entra.Config{}, func(name string) string { return env[name] }); code != exitNotRunning {
			t.Errorf("%v: exit %d", env, code)
		}
	}
}

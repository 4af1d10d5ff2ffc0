package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"dsync/infra/test/entra"
)

const line = `{"version":"0","source":"dsync","detail-type":"dsync.user.created","detail":{"object":"event","id":"%s","data":{"id":"u"}}}` + "\n"

func write(t *testing.T, path, text string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
}

func TestFollowStartsAtTheEnd(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.ndjson")
	write(t, path, fmt.Sprintf(line, "old"))
	events, err := follow(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	next := fmt.Sprintf(line, "event_1")
	write(t, path, next[:40])
	write(t, path, next[40:]+"no event\n"+fmt.Sprintf(line, "event_2"))
	for _, want := range []string{"event_1", "event_2"} {
		e := <-events
		if e.Detail.ID != want || e.Source != "dsync" || e.DetailType != "dsync.user.created" || e.Detail.Data["id"] != "u" {
			t.Errorf("got %+v, want %s", e, want)
		}
	}
}

func TestFollowWaitsForTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.ndjson")
	events, err := follow(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	write(t, path, fmt.Sprintf(line, "event_1"))
	if e := <-events; e.Detail.ID != "event_1" {
		t.Errorf("got %+v", e)
	}
}

func TestSystemIsNotRunning(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	known := fmt.Sprintf(`{"tenant_url":"http://%s/scim/v2.0/k","token":"t"}`, address)
	for name, test := range map[string]struct{ file, want string }{
		"no file":     {"", "there is no"},
		"no token":    {`{"tenant_url":"http://127.0.0.1/"}`, "no tenant_url and token"},
		"broken file": {`{`, "dsync.json"},
		"it listens":  {known, ""},
	} {
		dir := t.TempDir()
		if test.file != "" {
			write(t, filepath.Join(dir, "dsync.json"), test.file)
		}
		_, err := find(t.Context(), dir)
		if got := fmt.Sprint(err); test.want == "" && err != nil || !strings.Contains(got, test.want) {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write(t, filepath.Join(dir, "dsync.json"), known)
	if code := demo(t.Context(), dir, entra.Config{Out: io.Discard}); code != exitNotRunning {
		t.Errorf("exit %d, want %d", code, exitNotRunning)
	}
}

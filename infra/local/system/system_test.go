package system_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"dsync/infra/local/runfile"
	"dsync/infra/local/system"
	"dsync/internal/awslocal/dynamodb"

	"github.com/google/go-cmp/cmp"
)

// observed collects the events of a machine.
type observed struct {
	mu     sync.Mutex
	events []json.RawMessage
}

// tick is how often await looks for what it waits for.
const tick = 10 * time.Millisecond

func (o *observed) add(e json.RawMessage) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.events = append(o.events, e)
}

// types is the detail-types so far, those of want's kind in their order.
func (o *observed) types() (out []string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, e := range o.events {
		var event struct {
			DetailType string `json:"detail-type"`
		}
		_ = json.Unmarshal(e, &event)
		out = append(out, event.DetailType)
	}
	return out
}

func start(t *testing.T, o system.Options) *system.System {
	t.Helper()
	if o.Log == nil {
		o.Log = t.Output()
	}
	o.DynamoDBEndpoint = os.Getenv(dynamodb.EndpointVariable)
	s, err := system.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func send(t *testing.T, method, url, token, body string) (int, string) {
	t.Helper()
	status, answer, err := try(method, url, token, body)
	if err != nil {
		t.Fatal(err)
	}
	return status, answer
}

func try(method, url, token, body string) (int, string, error) {
	r, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/scim+json")
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	return response.StatusCode, string(answer), err
}

func user(name string) string {
	return fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":%q,"externalId":%[1]q,"active":true}`, name)
}

func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline, ticker := time.After(2*time.Minute), time.NewTicker(tick)
	defer ticker.Stop()
	for !ok() {
		select {
		case <-ticker.C:
		case <-deadline:
			t.Fatalf("%s did not happen", what)
		}
	}
}

func TestFromRequestToEvent(t *testing.T) {
	for range 2 { // one after another in one process
		var seen observed
		s := start(t, system.Options{OnEvent: seen.add})
		if status, body := send(t, "POST", s.TenantURL+"/Users", s.Token, user("ada@example.com")); status != 201 {
			t.Fatalf("POST: %d %s", status, body)
		}
		status, body := send(t, "GET", s.TenantURL+`/Users?filter=userName+eq+%22ada@example.com%22`, s.Token, "")
		if status != 200 || !strings.Contains(body, `"totalResults":1`) {
			t.Errorf("GET: %d %s", status, body)
		}
		if status, _ := send(t, "GET", s.TenantURL+"/Users", "wrong", ""); status != 401 {
			t.Errorf("a wrong token: %d", status)
		}
		if status, _ := send(t, "GET", s.APIURL+"/nowhere", s.Token, ""); status/100 != 4 {
			t.Errorf("an unknown path: %d", status)
		}
		await(t, "the event", func() bool { return slices.Contains(seen.types(), "dsync.user.created") })
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
		if _, _, err := try("GET", s.APIURL, "", ""); err == nil {
			t.Error("the machine answers after Stop")
		}
	}
	if os.Getenv("AWS_ENDPOINT_URL_DYNAMODB") != "" {
		t.Error("the SDK's environment is left changed")
	}
}

func lines(t *testing.T, file string) (events []json.RawMessage) {
	t.Helper()
	text, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(text) {
		if !json.Valid(line) || !bytes.HasSuffix(line, []byte("\n")) {
			t.Fatalf("a line of %s is broken: %q", file, line)
		}
		events = append(events, line)
	}
	return events
}

func readConnection(t *testing.T, dir string) (c runfile.Run) {
	t.Helper()
	file := runfile.Path(dir)
	c, err := runfile.Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("dsync.json has mode %v, %v", info.Mode(), err)
	}
	return c
}

func TestRestartKeepsTheData(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "local")
	var first observed
	s := start(t, system.Options{DataDir: dir, OnEvent: first.add})
	want := runfile.Run{
		TenantURL: s.TenantURL, Token: s.Token, DirectoryID: s.DirectoryID, OrganizationID: s.OrganizationID,
		APIURL: s.APIURL, APIKey: s.APIKey, ConsoleURL: s.ConsoleURL, LambdaURL: s.LambdaURL, PID: os.Getpid(),
	}
	if diff := cmp.Diff(want, readConnection(t, dir)); diff != "" {
		t.Errorf("dsync.json (-want +got)\n%s", diff)
	}
	send(t, "POST", s.TenantURL+"/Users", s.Token, user("ada@example.com"))
	await(t, "the event", func() bool { return slices.Contains(first.types(), "dsync.user.created") })

	_, err := system.Start(t.Context(), system.Options{DataDir: dir})
	if !errors.Is(err, system.ErrRunning) || !strings.Contains(err.Error(), s.APIURL) {
		t.Errorf("a second machine on the folder: %v", err)
	}
	if err := system.Reset(dir); !errors.Is(err, system.ErrRunning) {
		t.Errorf("reset under a running machine: %v", err)
	}
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	if pid := readConnection(t, dir).PID; pid != 0 {
		t.Errorf("pid %d after a stop", pid)
	}
	before := lines(t, filepath.Join(dir, "events.ndjson"))

	// A line torn by a crash is healed.
	f, err := os.OpenFile(filepath.Join(dir, "events.ndjson"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = f.WriteString(`{"version":"0","id`)
	_ = f.Close()

	var second observed
	again := start(t, system.Options{DataDir: dir, OnEvent: second.add})
	if s.APIKey == "" || again.APIKey != s.APIKey || again.Token != s.Token || again.DirectoryID != s.DirectoryID || again.OrganizationID != s.OrganizationID {
		t.Error("the connection changed")
	}
	status, body := send(t, "GET", again.TenantURL+`/Users?filter=userName+eq+%22ada@example.com%22`, again.Token, "")
	if status != 200 || !strings.Contains(body, `"totalResults":1`) {
		t.Errorf("GET after a restart: %d %s", status, body)
	}
	send(t, "POST", again.TenantURL+"/Users", again.Token, user("grace@example.com"))
	await(t, "the second event", func() bool { return slices.Contains(second.types(), "dsync.user.created") })
	after := lines(t, filepath.Join(dir, "events.ndjson"))
	if len(after) != len(before)+len(second.types()) || len(after) != len(before)+1 {
		t.Errorf("%d events before the restart, %d after, %d seen", len(before), len(after), len(second.types()))
	}
	if err := again.Stop(); err != nil {
		t.Fatal(err)
	}

	// A folder from before there were API keys.
	file := filepath.Join(dir, "dsync.json")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, bytes.Replace(text, []byte(`"api_key"`), []byte(`"other"`), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	old := start(t, system.Options{DataDir: dir})
	if kept := readConnection(t, dir); old.APIKey == "" || old.APIKey == s.APIKey || kept.APIKey != old.APIKey || old.Token != s.Token {
		t.Errorf("the API key %q, kept %q", old.APIKey, kept.APIKey)
	}
	if err := old.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := system.Reset(dir); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Error("reset leaves the folder")
	}
	if err := system.Reset(dir); err != nil {
		t.Errorf("reset of nothing: %v", err)
	}
}

func TestPortInUse(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	port := l.Addr().(*net.TCPAddr).Port
	_, err = system.Start(t.Context(), system.Options{Port: port})
	if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("port %d is in use", port)) || !strings.Contains(err.Error(), "PORT=") {
		t.Errorf("error %v", err)
	}
}

func TestUnreadableConnection(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "dsync.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := system.Start(t.Context(), system.Options{DataDir: dir})
	if err == nil || !strings.Contains(err.Error(), "make reset") {
		t.Errorf("error %v", err)
	}
}

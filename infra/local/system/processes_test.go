package system_test

import (
	"encoding/json"
	"errors"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"dsync/infra/local/system"
	"dsync/infra/topology"

	"github.com/aws/aws-lambda-go/events"
)

// Each function runs its own binary, and the machine is the same to its
// callers.
func TestProcesses(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "local")
	var seen observed
	s := start(t, system.Options{DataDir: dir, Processes: true, OnEvent: seen.add})
	if status, body := send(t, "POST", s.TenantURL+"/Users", s.Token, user("ada@example.com")); status != 201 {
		t.Errorf("POST: %d %s", status, body)
	}
	await(t, "the event", func() bool { return slices.Contains(seen.types(), "dsync.user.created") })
	// A batch that a mapping gave up, as the bucket stores it: the creation of a
	// directory.
	sample, err := os.ReadFile("../../../events/samples/stream/relay.json")
	if err != nil {
		t.Fatal(err)
	}
	var batch struct{ Records []json.RawMessage }
	if err := json.Unmarshal(sample, &batch); err != nil {
		t.Fatal(err)
	}
	first := slices.IndexFunc(batch.Records, func(r json.RawMessage) bool {
		var record events.DynamoDBEventRecord
		return json.Unmarshal(r, &record) == nil && record.Change.Keys["sk"].String() == "D"
	})
	var record events.DynamoDBEventRecord
	if err := json.Unmarshal(batch.Records[first], &record); err != nil {
		t.Fatal(err)
	}
	// Of a directory that does not exist there would be no event.
	own := strings.ReplaceAll(string(batch.Records[first]), record.Change.NewImage["id"].String(), s.DirectoryID)
	givenUp, err := json.Marshal(map[string]string{"payload": `{"Records":[` + own + `]}`})
	if err != nil {
		t.Fatal(err)
	}
	object := filepath.Join(dir, "s3", "dsync-failures-local", url.PathEscape("aws/lambda/m/s/2026/01/02/x")+".object")
	if err := os.WriteFile(object, givenUp, 0o600); err != nil {
		t.Fatal(err)
	}
	status, body := send(t, "POST", s.LambdaURL+"/2015-03-31/functions/redrive/invocations", "", `{"dead_letters":true}`)
	if status != 200 || body != `{"published":1}` {
		t.Errorf("redrive: %d %s", status, body)
	}
	if _, err := os.Stat(object); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the object stays: %v", err)
	}
	for _, f := range topology.Dsync().Functions {
		if !runs(filepath.Join(dir, "bin", f.Name, "bootstrap")) {
			t.Errorf("%s has no process", f.Name)
		}
	}
	if err := s.Stop(); err != nil {
		t.Error(err)
	}
	if runs(dir) {
		t.Error("processes outlive the machine")
	}
	log, err := os.ReadFile(filepath.Join(dir, "functions.log"))
	if err != nil || !strings.Contains(string(log), `"requestId":"`) {
		t.Errorf("the log has nothing of a process: %.500s, %v", log, err)
	}
}

// runs tells whether there is a process with that in its command line.
func runs(path string) bool { return exec.Command("pgrep", "-f", path).Run() == nil }

func TestOperatorInvokesFunctions(t *testing.T) {
	s := start(t, system.Options{})
	if !strings.HasPrefix(s.LambdaURL, "http://127.0.0.1:") {
		t.Errorf("functions are invoked at %s", s.LambdaURL)
	}
	for name, want := range map[string]struct {
		payload, answer string
		status          int
	}{
		"apikey":  {`{"name":"mine","scope":"read"}`, `"value":"dsync_api_`, 200},
		"redrive": {`{"dead_letters":true}`, `"published":0`, 200},
		"nobody":  {`{}`, `Function not found`, 404},
	} {
		status, body := send(t, "POST", s.LambdaURL+"/2015-03-31/functions/"+name+"/invocations", "", want.payload)
		if status != want.status || !strings.Contains(body, want.answer) {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
	if status, body := send(t, "GET", s.APIURL+"/directories", s.APIKey, ""); status != 200 || !strings.Contains(body, s.DirectoryID) {
		t.Errorf("the REST API: %d %s", status, body)
	}
}

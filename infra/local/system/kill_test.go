package system_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"dsync/infra/local/runfile"
	"dsync/infra/local/system"
	"dsync/internal/awslocal/dynamodb"
)

// machineFolder makes this test binary a machine on that folder.
const machineFolder = "DSYNC_SYSTEM_TEST_FOLDER"

// Whatever was answered has its event in the end, although the machine is
// killed in between, again and again.
func TestKillLosesNoEvent(t *testing.T) {
	if dir := os.Getenv(machineFolder); dir != "" {
		if _, err := system.Start(t.Context(), system.Options{DataDir: dir, Log: os.Stderr}); err != nil {
			t.Fatal(err)
		}
		select {} // until killed
	}
	if os.Getenv(dynamodb.EndpointVariable) != "" {
		t.Skip("an engine that is somebody else's is not killed")
	}
	dir := filepath.Join(t.TempDir(), "local")
	var answered []string
	for round := range 3 {
		machine := exec.Command(os.Args[0], "-test.run=^TestKillLosesNoEvent$")
		machine.Env = append(os.Environ(), machineFolder+"="+dir)
		machine.Stderr = t.Output()
		if err := machine.Start(); err != nil {
			t.Fatal(err)
		}
		var c runfile.Run
		await(t, "the machine", func() bool {
			var err error
			c, err = runfile.Read(dir)
			return err == nil && c.PID == machine.Process.Pid
		})
		for n := range 5 + 4*round {
			name := fmt.Sprintf("user-%d-%d@example.com", round, n)
			status, body := send(t, "POST", c.TenantURL+"/Users", c.Token, user(name))
			if status != 201 {
				t.Fatalf("POST: %d %s", status, body)
			}
			var created struct{ ID string }
			if err := json.Unmarshal([]byte(body), &created); err != nil {
				t.Fatal(err)
			}
			answered = append(answered, created.ID)
		}
		if err := machine.Process.Signal(syscall.SIGKILL); err != nil { // right after the last answer
			t.Fatal(err)
		}
		_ = machine.Wait()
	}

	start(t, system.Options{DataDir: dir})
	await(t, "the event of each answer", func() bool {
		has := map[string]bool{}
		for _, line := range lines(t, filepath.Join(dir, "events.ndjson")) {
			var event struct {
				DetailType string `json:"detail-type"`
				Detail     struct {
					Data struct{ ID string }
				}
			}
			if err := json.Unmarshal(line, &event); err != nil {
				t.Fatal(err)
			}
			has[event.DetailType+" "+event.Detail.Data.ID] = true
		}
		for _, id := range answered {
			if !has["dsync.user.created "+id] {
				return false
			}
		}
		return true
	})
	t.Logf("%d answers, each with its event", len(answered))
}

package main

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"dsync/infra/local/client"
	"dsync/infra/local/system"
	"dsync/infra/test/entra"
	"dsync/internal/doctor"
	"dsync/internal/management"
	"dsync/internal/settings"
	"dsync/internal/table"
)

// TestMachine runs `make run` and `make demo` in one process. The simulated Entra
// provisions a local system with every function and the real engine, stream,
// relay and bus.
func TestMachine(t *testing.T) {
	provision(t, 60, system.Options{})
}

// TestMachineOfProcesses runs the binary of each function in separate processes,
// as `PROCESSES=1 make run` does.
func TestMachineOfProcesses(t *testing.T) {
	provision(t, 20, system.Options{Processes: true})
}

// TestMachineOfOkta runs `make run` and `make demo PROFILE=okta` in one process.
func TestMachineOfOkta(t *testing.T) {
	machine := start(t, system.Options{})
	var out bytes.Buffer
	api := client.Client{URL: machine.APIURL, Key: machine.APIKey}
	if code := inOwnDirectory(t.Context(), api, "Okta", entra.Config{Okta: true, Users: 20, Out: &out, Seed: 1}); code != 0 {
		t.Errorf("exit %d\n%s", code, out.String())
	}
	// The profile of Entra does not answer as Okta documents it.
	c, err := api.Connect(t.Context(), "Entra", settings.Entra)
	if err != nil {
		t.Fatal(err)
	}
	out.Reset()
	code := playIn(t.Context(), entra.Config{Okta: true, Users: 8, Out: &out, Seed: 1, Timeout: 5 * time.Second}, api, c)
	if code != exitFailed || !strings.Contains(out.String(), "PATCH /Groups/{id} answered 204, want [200]") {
		t.Errorf("exit %d with the profile of Entra\n%s", code, out.String())
	}
}

func start(t *testing.T, o system.Options) *system.System {
	t.Helper()
	machine, err := system.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := machine.Stop(); err != nil {
			t.Error(err)
		}
	})
	return machine
}

func provision(t *testing.T, users int, o system.Options) {
	t.Helper()
	events := make(chan entra.Event, 10_000)
	o.OnEvent = func(line json.RawMessage) {
		var e entra.Event
		if err := json.Unmarshal(line, &e); err != nil {
			t.Error(err)
		}
		events <- e
	}
	machine := start(t, o)
	var out bytes.Buffer
	report, err := entra.Run(t.Context(), entra.Config{
		TenantURL: machine.TenantURL, Token: machine.Token, DirectoryID: machine.DirectoryID,
		Users: users, Events: events, Out: &out, Seed: 1,
	})
	if err != nil {
		t.Fatal(err)
	}
	if !report.Passed() {
		t.Errorf("%s", out.String())
	}
	healthy(t, machine, machine.DirectoryID)
}

// healthy fails the test for a finding that blocks or warns. The demo deactivates and
// deletes more than 10 users within minutes: in a directory of that size this is a mass
// deactivation, which one process sees as a whole, and several may not.
func healthy(t *testing.T, machine *system.System, directoryID string) {
	t.Helper()
	s := management.Bootstrap(table.New(machine.DynamoDB(), machine.TableName()), time.Now, rand.Reader)
	found, err := s.Findings(t.Context(), directoryID)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		if f.Severity != doctor.Informs && f.Code != doctor.MassDeactivation {
			t.Errorf("a finding: %+v", f)
		}
		t.Logf("%s %s: %s", f.Severity, f.Code, f.Text)
	}
}

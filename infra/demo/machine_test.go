package main

import (
	"bytes"
	"encoding/json"
	"testing"

	"dsync/infra/demo/entra"
	"dsync/infra/local/system"
)

// Entra provisions a whole machine: every function, the real engine, stream,
// relay and bus. This is `make run` and `make demo` in one process.
func TestMachine(t *testing.T) {
	events := make(chan entra.Event, 10_000)
	machine, err := system.Start(t.Context(), system.Options{OnEvent: func(line json.RawMessage) {
		var e entra.Event
		if err := json.Unmarshal(line, &e); err != nil {
			t.Error(err)
		}
		events <- e
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := machine.Stop(); err != nil {
			t.Error(err)
		}
	}()
	var out bytes.Buffer
	report, err := entra.Run(t.Context(), entra.Config{
		TenantURL: machine.TenantURL, Token: machine.Token, DirectoryID: machine.DirectoryID,
		Users: 60, Events: events, Out: &out, Seed: 1,
	})
	if err != nil {
		t.Fatal(err)
	}
	if !report.Passed() {
		t.Errorf("%s", out.String())
	}
}

package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"dsync/infra/test/chaos"
)

func TestMain(m *testing.M) {
	// The campaign starts this program as a child process and kills it.
	if child, err := chaos.Child(context.Background(), os.Getenv); child {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// TestCampaign runs a short campaign with all faults. `make chaos` runs a long
// one, and times a victim beside an attacker.
func TestCampaign(t *testing.T) {
	report, err := chaos.Run(t.Context(), chaos.Config{
		Changes: 500, Directories: 10, Seed: 1, Folder: t.TempDir(), Log: os.Stderr, Child: childCommand, Patience: 3 * time.Minute,
	})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	report.Print(&out)
	t.Log(out.String())
	if report.Violations() > 0 {
		t.Fail()
	}
}

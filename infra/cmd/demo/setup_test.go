package main

import (
	"testing"

	"dsync/infra/local/client"
	"dsync/infra/local/system"
)

// An admin with a setup link makes the classic mistakes, is told each, and ends with all
// steps ticked.
func TestSetup(t *testing.T) {
	s, err := system.Start(t.Context(), system.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	if err := onboard(t.Context(), client.Client{URL: s.APIURL, Key: s.APIKey}); err != nil {
		t.Error(err)
	}
}

package system

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"dsync/infra/topology"

	"github.com/google/go-cmp/cmp"
)

// The functions of this program, of the topology and of functions/ are the
// same ones.
func TestEveryFunctionIsHere(t *testing.T) {
	var inTopology, inFolders []string
	for _, f := range topology.Dsync().Functions {
		inTopology = append(inTopology, f.Name)
	}
	slices.Sort(inTopology)
	if diff := cmp.Diff(inTopology, slices.Sorted(maps.Keys(builders))); diff != "" {
		t.Errorf("(-topology +registry)\n%s", diff)
	}
	mains, err := filepath.Glob("../../../functions/*/main.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range mains {
		inFolders = append(inFolders, filepath.Base(filepath.Dir(m)))
	}
	if diff := cmp.Diff(inTopology, inFolders); diff != "" {
		t.Errorf("(-topology +folders)\n%s", diff)
	}
}

// A function sees the variables that the topology gives it, and no others.
func TestEnvironmentIsTheTopologys(t *testing.T) {
	t.Setenv("DSYNC_STRAY", "x")
	s := &System{values: map[topology.Reference]string{topology.TableName: "t", topology.EventBusName: "b"}}
	for _, f := range topology.Dsync().Functions {
		env := s.environment(f.Environment)
		for _, name := range []string{"TABLE_NAME", "EVENT_BUS_NAME", "DSYNC_STRAY"} {
			reference, given := f.Environment[name]
			if got := env(name); got != s.values[reference] || (got != "") != given {
				t.Errorf("%s sees %s=%q", f.Name, name, got)
			}
		}
	}
	if env := s.Environment(); env("TABLE_NAME") != "t" || env("EVENT_BUS_NAME") != "b" {
		t.Error("the environment of all functions lacks a variable")
	}
}

// The SDK reaches the machine whatever its user has configured, and the
// process is left as it was.
func TestEndpointsAreUndone(t *testing.T) {
	t.Setenv("AWS_PROFILE", "company")
	t.Setenv("AWS_REGION", "eu-central-1")
	before := os.Environ()
	undo, err := useEndpoints("http://engine", "http://bus")
	if err != nil {
		t.Fatal(err)
	}
	if os.Getenv("AWS_PROFILE") != "" || os.Getenv("AWS_ENDPOINT_URL_EVENTBRIDGE") != "http://bus" {
		t.Error("the variables are not set")
	}
	if err := undo(); err != nil {
		t.Fatal(err)
	}
	after := os.Environ()
	slices.Sort(before)
	slices.Sort(after)
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("(-before +after)\n%s", diff)
	}
}

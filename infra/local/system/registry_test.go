package system

import (
	"maps"
	"path/filepath"
	"slices"
	"testing"

	"dsync/infra/topology"

	"github.com/google/go-cmp/cmp"
)

// The roles of this program and of the topology are the same, each belongs to
// one function, and the functions of the topology are those in functions/.
func TestEveryFunctionIsHere(t *testing.T) {
	var roles []topology.Role
	var inTopology, inFolders []string
	for _, f := range topology.Dsync().Functions {
		inTopology = append(inTopology, f.Name)
		if f.Role != "" {
			roles = append(roles, f.Role)
		}
	}
	slices.Sort(roles)
	if diff := cmp.Diff(roles, slices.Sorted(maps.Keys(handlers))); diff != "" {
		t.Errorf("(-topology +registry)\n%s", diff)
	}
	slices.Sort(inTopology)
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
	s := &System{values: map[topology.Reference]string{
		topology.TableName: "t", topology.EventBusName: "b", topology.DeadLetterQueueURL(topology.Dsync().ByRole(topology.RelaysEvents).Name): "q",
		topology.FailureBucketName: "f", topology.EraseAfterDays: "30",
	}}
	all := []string{"TABLE_NAME", "EVENT_BUS_NAME", "DEAD_LETTER_QUEUE_URL", "FAILURE_BUCKET_NAME", "ERASE_AFTER_DAYS"}
	for _, f := range topology.Dsync().Functions {
		env := s.environment(f.Environment)
		for _, name := range append(all, "DSYNC_STRAY") {
			reference, given := f.Environment[name]
			if got := env(name); got != s.values[reference] || (got != "") != given {
				t.Errorf("%s sees %s=%q", f.Name, name, got)
			}
		}
	}
}

package system_test

import (
	"testing"

	"dsync/infra/topology"
	"dsync/internal/awslocal/eventbridge/pattern"
)

func TestTheTopologysPatternsCompile(t *testing.T) {
	s := topology.Dsync()
	for _, r := range s.Rules {
		if _, err := pattern.Compile(r.Pattern); err != nil {
			t.Errorf("rule %s: %v", r.Name, err)
		}
	}
	for _, f := range s.Functions {
		if f.Stream == nil {
			continue
		}
		if _, err := pattern.Compile(f.Stream.Filter.Pattern()); err != nil {
			t.Errorf("filter of %s: %v", f.Name, err)
		}
	}
}

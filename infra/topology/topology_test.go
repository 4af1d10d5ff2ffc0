package topology

import (
	"slices"
	"testing"
)

func TestLogicalID(t *testing.T) {
	names := []string{"users", "every-event", "a--b", ""}
	var got []string
	for _, name := range names {
		got = append(got, LogicalID(name))
	}
	if want := []string{"Users", "EveryEvent", "AB", ""}; !slices.Equal(got, want) {
		t.Errorf("%q became %q, want %q", names, got, want)
	}
}

// Functions and rules share the names of scopes, queues and alarms.
func TestNamesAreUnique(t *testing.T) {
	s := Dsync()
	seen := map[string]bool{}
	add := func(name string) {
		if id := LogicalID(name); seen[id] {
			t.Errorf("%s is the logical ID of two functions or rules", id)
		} else {
			seen[id] = true
		}
	}
	for _, f := range s.Functions {
		add(f.Name)
	}
	for _, r := range s.Rules {
		add(r.Name)
	}
}

// Something invokes each function: API Gateway, an event source mapping or an
// operator. A target of a rule has a queue.
func TestEveryFunctionIsInvoked(t *testing.T) {
	s := Dsync()
	for _, f := range s.Functions {
		if len(f.Routes) == 0 && f.Stream == nil && f.Queue == nil && f.Output == "" {
			t.Errorf("nothing invokes %s", f.Name)
		}
	}
	for _, r := range s.Rules {
		if f := s.Function(r.Target.Function); r.Target != EventLog && (f == nil || f.Queue == nil) {
			t.Errorf("rule %s: %q is not a function with a queue", r.Name, r.Target.Function)
		}
	}
}

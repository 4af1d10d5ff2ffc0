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

// Something invokes each function: API Gateway, an event source mapping, a
// schedule or an operator. A target of a rule has a queue.
func TestEveryFunctionIsInvoked(t *testing.T) {
	s := Dsync()
	for _, f := range s.Functions {
		if len(f.Routes) == 0 && f.Stream == nil && f.Queue == nil && len(f.Schedules) == 0 && f.Output == "" {
			t.Errorf("nothing invokes %s", f.Name)
		}
	}
	for _, r := range s.Rules {
		if f := s.Function(r.Target.Function); r.Target != EventLog && (f == nil || f.Queue == nil) {
			t.Errorf("rule %s: %q is not a function with a queue", r.Name, r.Target.Function)
		}
	}
}

// The relay can park records in its queue and in the failure bucket. The function
// that redrives them can read and remove both.
func TestParkedRecordsCanBeRedriven(t *testing.T) {
	s := Dsync()
	if got, want := s.DeadLetterOwners(), []string{s.ByRole(RelaysEvents).Name, s.Rules[0].Name}; !slices.Equal(got, want) {
		t.Errorf("%v have a dead-letter queue, want %v", got, want)
	}
	queue := DeadLetterQueue(s.ByRole(RelaysEvents).Name)
	for _, row := range []struct {
		role   Role
		on     Resource
		action string
	}{
		{RelaysEvents, queue, "sqs:SendMessage"},
		{RelaysEvents, FailureObjects(ParkedPrefix), "s3:PutObject"},
		{RedrivesEvents, queue, "sqs:ReceiveMessage"},
		{RedrivesEvents, queue, "sqs:DeleteMessage"},
		{RedrivesEvents, TheFailureBucket, "s3:ListBucket"},
		{RedrivesEvents, FailureObjects(""), "s3:GetObject"},
		{RedrivesEvents, FailureObjects(""), "s3:DeleteObject"},
	} {
		if !slices.ContainsFunc(s.ByRole(row.role).Grants, func(g Grant) bool { return g.Resource == row.on && slices.Contains(g.Actions, row.action) }) {
			t.Errorf("the function that %s may not %s", row.role, row.action)
		}
	}
}

// Every function with routes has a throttle, and the others have none.
func TestThrottles(t *testing.T) {
	for _, f := range Dsync().Functions {
		throttled := f.Throttle.PerSecond > 0 && f.Throttle.AtOnce > 0
		if throttled != (len(f.Routes) > 0) {
			t.Errorf("%s: %d routes, throttle %+v", f.Name, len(f.Routes), f.Throttle)
		}
	}
}

package entra

import (
	"bytes"
	"context"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// play runs the scenario against a fake with the faults x.
func play(t *testing.T, x faults, change func(*Config)) (*fake, Report, string, error) {
	t.Helper()
	f := newFake(x)
	server := httptest.NewServer(f)
	defer server.Close()
	var out bytes.Buffer
	c := Config{
		TenantURL: server.URL + "/scim/?aadOptscim062020", Token: "secret", DirectoryID: fakeDirectory, Out: &out,
		Events: f.events, Seed: 7, Timeout: 500 * time.Millisecond, Settle: 50 * time.Millisecond,
	}
	if change != nil {
		change(&c)
	}
	report, err := Run(t.Context(), c)
	return f, report, out.String(), err
}

func TestCorrectServerPasses(t *testing.T) {
	t.Parallel()
	f, report, out, err := play(t, faults{}, nil)
	if err != nil || !report.Passed() {
		t.Fatalf("passed %v, error %v\n%s", report.Passed(), err, out)
	}
	if len(f.users)+len(f.groups) > 0 {
		t.Errorf("not deleted: %d users, %d groups", len(f.users), len(f.groups))
	}
	if len(f.complaints) > 0 {
		t.Errorf("requests that Entra would not send: %v", f.complaints)
	}
	for _, shape := range []string{
		"blank as +", "blank as %20", "reference check", "path-less", "string boolean", "real boolean",
		"bare manager", "remove by value", "remove by path",
	} {
		if !f.seen[shape] {
			t.Errorf("never sent: %s", shape)
		}
	}
	for _, e := range report.Events {
		if e.Expected == 0 || e.Expected != e.Received {
			t.Errorf("%s: expected %d, received %d", e.Type, e.Expected, e.Received)
		}
	}
	for _, c := range report.Checks {
		if c.Skipped {
			t.Errorf("skipped: %s", c.Name)
		}
	}
	for _, want := range []string{
		"Initial cycle: users", "PATCH /Users/{id}", "aadOptscim062020", "cut off × 3", "dsync.group.user_removed",
		"All checks passed",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("the report does not contain %q:\n%s", want, out)
		}
	}
	if strings.Contains(out, "\r") {
		t.Error("carriage returns although the output is not a terminal")
	}
}

// The sizes are the minimum and a large one. The second run uses the same server.
func TestRepeatedRunsOfOtherSizes(t *testing.T) {
	t.Parallel()
	f := newFake(faults{})
	server := httptest.NewServer(f)
	defer server.Close()
	for _, size := range []int{1, 60} {
		c := Config{
			TenantURL: server.URL + "/scim", Token: "secret", Users: size, Groups: size / 4,
			Events: f.events, Seed: 7, Timeout: time.Second, Settle: 20 * time.Millisecond,
		}
		if report, err := Run(t.Context(), c); err != nil || !report.Passed() {
			t.Errorf("%d users: passed %v, error %v: %v", size, report.Passed(), err, report.Checks)
		}
	}
}

func TestWithoutEvents(t *testing.T) {
	t.Parallel()
	_, report, out, err := play(t, faults{}, func(c *Config) { c.Events = nil })
	if err != nil || !report.Passed() {
		t.Fatalf("passed %v, error %v\n%s", report.Passed(), err, out)
	}
	for _, c := range report.Checks {
		if aboutEvents := strings.Contains(c.Name, "event"); c.Skipped != aboutEvents {
			t.Errorf("%q: skipped is %v", c.Name, c.Skipped)
		}
	}
	if !strings.Contains(out, "those marked - were not made") {
		t.Errorf("the report does not state that events were not checked:\n%s", out)
	}
}

func TestRepetitionsUnderOneIDAreCounted(t *testing.T) {
	t.Parallel()
	_, report, out, err := play(t, faults{bus: func(f *fake, e Event) []Event { return []Event{e, e} }}, nil)
	if err != nil || !report.Passed() {
		t.Fatalf("passed %v, error %v\n%s", report.Passed(), err, out)
	}
	sum := 0
	for _, e := range report.Events {
		sum += e.Received
	}
	if report.Duplicates != sum {
		t.Errorf("duplicates: %d, want %d", report.Duplicates, sum)
	}
}

// nth returns a bus that applies treat to the nth event of a type.
func nth(kind string, n int, treat func(*fake, Event) []Event) func(*fake, Event) []Event {
	return func(f *fake, e Event) []Event {
		if e.Detail.Event == kind {
			if n--; n == 0 {
				return treat(f, e)
			}
		}
		return []Event{e}
	}
}

func drop(*fake, Event) []Event { return nil }

func again(_ *fake, e Event) []Event {
	second := e
	second.Detail.ID += "x"
	return []Event{e, second}
}

func without(key string) func(*fake, Event) []Event {
	return func(_ *fake, e Event) []Event {
		delete(e.Detail.Data, key)
		return []Event{e}
	}
}

// sequenced gives an event another sequence.
func sequenced(n int64) func(*fake, Event) []Event {
	return func(_ *fake, e Event) []Event {
		e.Detail.Context.Sequence = n
		return []Event{e}
	}
}

// delayed delivers the creation of a user after the next event of that user.
func delayed() func(*fake, Event) []Event {
	return func(f *fake, e Event) []Event {
		switch {
		case f.held == nil && e.Detail.Event == userCreated:
			f.held = &e
			return nil
		case f.held != nil && f.held.Detail.ID != "" && e.resource() == f.held.resource():
			held := *f.held
			f.held.Detail.ID = ""
			return []Event{e, held}
		}
		return []Event{e}
	}
}

func TestFaultsAreFoundAndNamed(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		faults faults
		check  check
		detail string
	}{
		"dropped user.updated":      {faults{bus: nth(userUpdated, 30, drop)}, checkMissing, userUpdated},
		"dropped user_added":        {faults{bus: nth(memberAdded, 5, drop)}, checkMissing, memberAdded},
		"dropped last deletion":     {faults{bus: nth(userDeleted, 26, drop)}, checkMissing, userDeleted},
		"no sequence":               {faults{bus: nth(groupUpdated, 1, sequenced(0))}, checkSequence, "has the sequence 0"},
		"a sequence twice":          {faults{bus: nth(userUpdated, 3, sequenced(2))}, checkSequence, "have the sequence 2"},
		"a gap":                     {faults{bus: nth(userUpdated, 3, sequenced(1_000))}, checkSequence, "no event has the sequence"},
		"member before its group":   {faults{bus: nth(groupCreated, 1, sequenced(1_000))}, checkSequence, "before the creation"},
		"reordered resource":        {faults{bus: delayed()}, checkResourceOrder, userCreated + ` for "create`},
		"same event under two ids":  {faults{bus: nth(userUpdated, 3, again)}, checkSurplus, userUpdated},
		"no previous attributes":    {faults{bus: nth(groupUpdated, 1, without("previous_attributes"))}, checkContent, "previous_attributes"},
		"no first name":             {faults{bus: nth(userCreated, 1, without("first_name"))}, checkContent, "first_name"},
		"no directory":              {faults{bus: nth(groupCreated, 1, without("directory_id"))}, checkEnvelope, "directory_id"},
		"removal wipes the group":   {faults{wipeOnRemove: true}, checkMembers, "missing [directory_user_"},
		"removals are surplus":      {faults{wipeOnRemove: true}, checkSurplus, memberRemoved},
		`"False" ignored`:           {faults{ignoreStringFalse: true}, checkDisabled, "active is true, want false"},
		`"False" ignored, no event`: {faults{ignoreStringFalse: true}, checkMissing, "disable of"},
		"lost concurrent adds":      {faults{loseConcurrent: true}, checkConcurrent, "missing [directory_user_"},
		"event for nothing":         {faults{announceNothing: true}, checkSurplus, userUpdated},
		"version moves for nothing": {faults{announceNothing: true}, checkNothing, "change nothing of"},
		"removals on user deletion": {faults{removalsOnDelete: true}, checkSurplus, memberRemoved},
		"userName is not freed":     {faults{keepUserNames: true}, checkDeleted, "could not be created again"},
		"disabling ends membership": {faults{leaveGroupsOnDisable: true}, checkDisabled, "while disabled, membership"},
		"409 without scimType":      {faults{conflictWithoutReason: true}, checkAnswers, `scimType ""`},
		"null instead of a list":    {faults{nullList: true}, checkAnswers, "Resources is no array"},
		"siblings lost":             {faults{dropSiblings: true}, checkState, `emails[type eq "work"].value is <nil>`},
		"DELETE does nothing":       {faults{deafToDelete: true}, checkDeleted, "can still be read"},
		"a repeated POST creates":   {faults{repeatedPostCreates: true}, checkAnswers, "answered 201"},
		"flag refused":              {faults{refuseOpt: true}, checkAnswers, "answered 400"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, report, out, err := play(t, test.faults, func(c *Config) { c.Users, c.Groups = 16, 4 })
			if err != nil {
				t.Fatal(err)
			}
			failed := strings.Join(report.Checks[test.check].Failed, "\n")
			if report.Passed() || !strings.Contains(failed, test.detail) {
				t.Errorf("check %q does not contain %q:\n%s", checkNames[test.check], test.detail, out)
			}
			if !strings.Contains(out, "FAILED") {
				t.Errorf("the report does not contain FAILED:\n%s", out)
			}
		})
	}
}

// A lost request is not a fault: the repetition creates the resource.
func TestLostRequestIsRepeated(t *testing.T) {
	t.Parallel()
	const firstRetry = defaultUsers + 1
	f, report, out, err := play(t, faults{swallowPost: firstRetry}, nil)
	if err != nil || !report.Passed() {
		t.Fatalf("passed %v, error %v\n%s", report.Passed(), err, out)
	}
	// The minimum consists of the users, the users of cut requests, the users
	// created again, one repetition in each dialect after a lost answer, and the
	// repetition of the lost request. An early cut causes more POSTs.
	if least := defaultUsers + 2*len(cuts) + 4 + len(dialects) + 1; f.posts < least {
		t.Errorf("%d POSTs, want at least %d", f.posts, least)
	}
}

// One fault must not fail unrelated checks.
func TestOneDroppedEventFailsOneCheck(t *testing.T) {
	t.Parallel()
	_, report, out, err := play(t, faults{bus: nth(userUpdated, 30, drop)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var failed []string
	for _, c := range report.Checks {
		if len(c.Failed) > 0 {
			failed = append(failed, c.Name)
		}
	}
	if diff := cmp.Diff([]string{checkNames[checkMissing]}, failed); diff != "" {
		t.Errorf("%s\n%s", diff, out)
	}
}

func TestUnreachableServer(t *testing.T) {
	t.Parallel()
	for _, url := range []string{"", "ftp://host/scim", "http://127.0.0.1:1/scim"} {
		if _, err := Run(t.Context(), Config{TenantURL: url, Token: "secret"}); err == nil {
			t.Errorf("%q: no error", url)
		}
	}
	if _, err := Run(t.Context(), Config{TenantURL: "http://host"}); err == nil {
		t.Error("no token: no error")
	}
}

func TestInterruptedRunLeavesNothing(t *testing.T) {
	t.Parallel()
	f := newFake(faults{})
	server := httptest.NewServer(f)
	defer server.Close()
	ctx, cancel := context.WithCancel(t.Context())
	f.faults.bus = nth(memberAdded, 3, func(_ *fake, e Event) []Event { cancel(); return []Event{e} })
	_, err := Run(ctx, Config{TenantURL: server.URL + "/scim", Token: "secret", Events: f.events})
	if err == nil {
		t.Error("no error")
	}
	if len(f.users)+len(f.groups) > 0 {
		t.Errorf("not deleted: %d users, %d groups", len(f.users), len(f.groups))
	}
}

package replay

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"dsync/internal/dsync"
	"dsync/internal/id"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// TestReplay sends each exchange over HTTP to a machine, in a directory of its
// own. Those that must change nothing come first, one at a time, because they
// compare the whole table; the others run side by side.
func TestReplay(t *testing.T) {
	m := newMachine(t)
	for _, f := range fixtures(t) {
		t.Run(f.path, func(t *testing.T) {
			if !f.Unchanged {
				t.Parallel()
			}
			replay(t, m, f)
		})
	}
}

func replay(t *testing.T, m *machine, f fixture) {
	own, other := m.connect(t, f.Name, f.Directory), m.connect(t, "Another", directory{})
	x := &exchange{T: t, m: m, own: own, headers: providers[f.provider()], names: map[string]string{
		"url": own.url, "token": own.Token, "directory": own.DirectoryID, "organization": own.OrganizationID,
		"other_url": other.url, "other_token": other.Token, "api": m.APIURL,
	}}
	// The first request ever links a directory.
	x.do(step{Method: "GET", Path: "{url}/ServiceProviderConfig"})
	x.do(step{Method: "GET", Path: "{other_url}/ServiceProviderConfig", Headers: map[string]string{"Authorization": "Bearer {other_token}"}})
	for _, s := range f.Given {
		x.do(s)
	}
	given := len(x.requests)
	var before map[string]string
	if f.Unchanged {
		before = m.items(t)
	}

	f.Request.Expect = &f.Expect
	x.do(f.Request)
	for _, s := range f.Then {
		x.do(s)
	}

	if f.Unchanged {
		after := m.items(t)
		ignoreJobs(before, after)
		if !maps.Equal(before, after) {
			t.Errorf("the table was changed (-before +after):\n%s", cmp.Diff(before, after))
		}
	}
	x.compareFindings(f.path)
	x.compareEvents(f.Events, given)
	others, _ := m.log.of(t, other.DirectoryID)
	for _, e := range others {
		if !ownEvents[e.DetailType] {
			t.Errorf("an event of another directory: %s", show(e))
		}
	}
}

// ignoreJobs removes the jobs that existed before from both snapshots: those of
// other fixtures go on meanwhile, and that of the table ends. A new job stays.
func ignoreJobs(before, after map[string]string) {
	for _, key := range []string{"I# COMPLETE", "V# V"} { // a sweep writes them when the jobs of the table have ended
		delete(before, key)
		delete(after, key)
	}
	for key := range before {
		if strings.HasPrefix(key, "RJ#") || strings.HasPrefix(key, "J#") {
			delete(before, key)
			delete(after, key)
		}
	}
}

// compareEvents compares all events of the directory but those of the first
// requests, which brought it into its state. It waits until the event of a last
// user and all events before it are there, and the expected ones: the changes of
// different resources may be logged in another order than they were made.
func (x *exchange) compareEvents(want any, given int) {
	x.Helper()
	last := x.send(step{Method: "POST", Path: "/Users", Body: []byte(`{"userName":"the.last@example.com"}`)})
	if last.status != 201 {
		x.Fatalf("the last user was not created: %d %s", last.status, last.text)
	}
	want = x.fillAll(want)
	events := x.m.log.until(x.T, x.own.DirectoryID, func(events []event) bool {
		i := slices.IndexFunc(events, func(e event) bool { return e.requestID() == last.requestID })
		return i >= 0 && events[i].sequence() <= i+1 && len(match(want, x.caused(events, given))) == 0
	})
	if !slices.ContainsFunc(events, func(e event) bool { return e.requestID() == last.requestID }) {
		x.Fatal("the event of the last user did not arrive")
	}
	for _, difference := range match(want, x.caused(events, given)) {
		x.Errorf("events: %s", difference)
	}
	changed := map[string]int{} // the last request whose event of a resource has come
	for i, e := range events {
		if n := e.sequence(); n != i+1 {
			x.Errorf("event %d of the directory has the sequence %d: %s", i+1, n, show(e))
		}
		if ownEvents[e.DetailType] {
			continue
		}
		x.envelope(e)
		at := slices.Index(x.requests, e.requestID())
		if at < changed[e.resource()] {
			x.Errorf("an event of request %d comes after one of request %d: %s", at+1, changed[e.resource()]+1, show(e))
		}
		changed[e.resource()] = max(changed[e.resource()], at)
	}
}

// caused returns the events of the requests after the given ones, without that
// of the last user, in the order of the requests. Those of one request, and of
// none, are in the order of their sequences.
func (x *exchange) caused(events []event, given int) []any {
	order := func(e event) int {
		at := slices.Index(x.requests, e.requestID())
		if at < 0 {
			return len(x.requests)
		}
		return at
	}
	caused := []any{}
	for _, e := range slices.SortedStableFunc(slices.Values(events), func(a, b event) int { return order(a) - order(b) }) {
		if at := order(e); at >= given && at != len(x.requests)-1 && !ownEvents[e.DetailType] {
			caused = append(caused, map[string]any{"event": e.Detail["event"], "data": e.Detail["data"]})
		}
	}
	return caused
}

// envelope checks what holds of every event (workos.md section 2.1).
func (x *exchange) envelope(e event) {
	x.Helper()
	if e.Source != "dsync" || e.DetailType == "" || e.DetailType != e.Detail["event"] {
		x.Errorf("an event that rules cannot match: %s", show(e))
	}
	x.validate(e)
	if wrong := match(map[string]any{"object": "event", "created_at": "<timestamp>", "data": "<any>", "context": "<any>"}, any(e.Detail)); len(wrong) > 0 {
		x.Errorf("envelope: %q", wrong)
	}
	if !id.Event.Valid(e.id()) || !id.Token.Valid(member(e.Detail, "context", "token_id")) {
		x.Errorf("an event without its id, or its token's: %s", show(e))
	}
}

// schemas has the published schemas of the events, by name.
var schemas = sync.OnceValues(func() (map[string]*jsonschema.Schema, error) {
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	all := map[string]*jsonschema.Schema{}
	for _, name := range dsync.Names {
		s, err := c.Compile(filepath.Join("../../../events/schemas", name+".json"))
		if err != nil {
			return nil, err
		}
		all[name] = s
	}
	return all, nil
})

// validate checks an event against its schema.
func (x *exchange) validate(e event) {
	x.Helper()
	all, err := schemas()
	if err != nil {
		x.Fatal(err)
	}
	if s := all[e.DetailType]; s == nil {
		x.Errorf("%s has no schema", e.DetailType)
	} else if err := s.Validate(any(e.Detail)); err != nil {
		x.Errorf("%s does not satisfy its schema: %v", show(e), err)
	}
}

package replay

import (
	"maps"
	"slices"
	"testing"

	"dsync/internal/id"

	"github.com/google/go-cmp/cmp"
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
	own, other := m.connect(t, f.Name), m.connect(t, "Another")
	x := &exchange{T: t, m: m, own: own, names: map[string]string{
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
		if after := m.items(t); !maps.Equal(before, after) {
			t.Errorf("the table was changed (-before +after):\n%s", cmp.Diff(before, after))
		}
	}
	x.compareEvents(f.Events, given)
	if stray := m.log.of(t, other.DirectoryID); len(stray) > 0 {
		t.Errorf("events of another directory: %s", show(stray))
	}
}

// compareEvents compares all events of the directory but those of the first
// requests, which brought it into its state.
func (x *exchange) compareEvents(want any, given int) {
	x.Helper()
	last := x.send(step{Method: "POST", Path: "/Users", Body: []byte(`{"userName":"the.last@example.com"}`)})
	if last.status != 201 {
		x.Fatalf("the last user was not created: %d %s", last.status, last.text)
	}
	x.m.log.until(x.T, last.requestID)

	came := []any{}
	position := 0
	for _, e := range x.m.log.of(x.T, x.own.DirectoryID) {
		x.envelope(e)
		at := slices.Index(x.requests, e.requestID())
		if at < position {
			x.Errorf("an event of request %d comes after one of request %d, of %d in all: %s", at+1, position+1, len(x.requests), show(e))
		}
		position = max(position, at)
		if at < given && at >= 0 || e.requestID() == last.requestID {
			continue
		}
		came = append(came, map[string]any{"event": e.Detail["event"], "data": e.Detail["data"]})
	}
	for _, difference := range match(x.fillAll(want), came) {
		x.Errorf("events: %s", difference)
	}
}

// envelope checks what holds of every event (workos.md section 2.1).
func (x *exchange) envelope(e event) {
	x.Helper()
	if e.Source != "dsync" || e.DetailType == "" || e.DetailType != e.Detail["event"] {
		x.Errorf("an event that rules cannot match: %s", show(e))
	}
	if wrong := match(map[string]any{"object": "event", "created_at": "<timestamp>", "data": "<any>", "context": "<any>"}, any(e.Detail)); len(wrong) > 0 {
		x.Errorf("envelope: %q", wrong)
	}
	if !id.Event.Valid(e.id()) || !id.Token.Valid(member(e.Detail, "context", "token_id")) {
		x.Errorf("an event without its id, or its token's: %s", show(e))
	}
}

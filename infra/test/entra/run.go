package entra

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// run is one play of the scenario. A transport error sticks in err and turns
// every later call into nothing, so the scenario reads without error checks.
type run struct {
	ctx    context.Context
	config Config
	client *client
	people *people

	users   []*user
	groups  []*group
	retried []retried
	loose   []request // queries for what may have been created without an answer
	halted  bool      // Test Connection failed: Entra would not go on either

	mu       sync.Mutex // guards what concurrent adds touch, below
	err      error
	failures [checkCount][]string
	expected []*expectation
	moment   int
	owned    map[string]bool // ids and external ids of this run
}

// call sends q and holds the answer against want and against what every SCIM
// answer must have. what is the change in words, for the report. The bool
// tells whether the answer is one to go on with.
func (r *run) call(what string, q request, want ...int) (answer, bool) {
	if r.stopped() {
		return answer{}, false
	}
	a, err := r.client.do(r.ctx, q)
	if err != nil {
		r.stop(fmt.Errorf("%s: %w", what, err))
		return answer{}, false
	}
	if !slices.Contains(want, a.status) {
		r.fail(checkAnswers, "%s: %s answered %d%s, want %v", what, q.kind(), a.status, reason(a), want)
		return a, false
	}
	for _, flaw := range flaws(a) {
		r.fail(checkAnswers, "%s: %s answered %d %s", what, q.kind(), a.status, flaw)
	}
	return a, true
}

// reason is the server's own words on an error.
func reason(a answer) string {
	words := strings.TrimSpace(text(a.body, "scimType") + " " + text(a.body, "detail"))
	if words == "" {
		return ""
	}
	return " (" + words + ")"
}

// flaws are the ways in which an answer breaks the protocol.
func flaws(a answer) []string {
	var flaws []string
	add := func(format string, args ...any) { flaws = append(flaws, fmt.Sprintf(format, args...)) }
	if a.broken != nil {
		add("with a body that is no JSON object: %v", a.broken)
	}
	if a.status == http.StatusNoContent {
		return flaws
	}
	if got := a.header.Get("Content-Type"); got != contentType {
		add("with Content-Type %q", got)
	}
	if a.status < 400 {
		return flaws
	}
	if schemas, _ := lookup(a.body, "schemas"); fmt.Sprint(schemas) != "[urn:ietf:params:scim:api:messages:2.0:Error]" {
		add("without the error schema: schemas is %v", schemas)
	}
	if status, _ := lookup(a.body, "status"); status != fmt.Sprint(a.status) {
		add("with status %v in the body, not %q", status, fmt.Sprint(a.status))
	}
	if scimType := text(a.body, "scimType"); a.status == http.StatusConflict && scimType != "uniqueness" {
		add("with scimType %q, not uniqueness", scimType)
	}
	return flaws
}

// find sends a query that must have want hits, and returns them.
func (r *run) find(c check, what string, q request, want int) []any {
	hits, ok := r.query(what, q)
	if ok && len(hits) != want {
		r.fail(c, "%s: %s has %d hits, want %d", what, q.filter, len(hits), want)
	}
	return hits
}

func (r *run) query(what string, q request) ([]any, bool) {
	q.method = http.MethodGet
	a, ok := r.call(what, q, http.StatusOK)
	if !ok {
		return nil, false
	}
	// Entra cannot tell an empty list from a null one.
	hits, isList := a.body["Resources"].([]any)
	if !isList {
		r.fail(checkAnswers, "%s: %s: Resources is no array", what, q.filter)
	}
	if total := a.body["totalResults"]; total != float64(len(hits)) {
		r.fail(checkAnswers, "%s: %s: totalResults is %v with %d resources", what, q.filter, total, len(hits))
	}
	if schemas := fmt.Sprint(a.body["schemas"]); schemas != "[urn:ietf:params:scim:api:messages:2.0:ListResponse]" {
		r.fail(checkAnswers, "%s: %s: schemas is %s", what, q.filter, schemas)
	}
	return hits, true
}

func (r *run) fail(c check, format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failures[c] = append(r.failures[c], fmt.Sprintf(format, args...))
}

func (r *run) failed(c check) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.failures[c]) > 0
}

func (r *run) stop(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err == nil {
		r.err = err
	}
}

func (r *run) stopped() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err != nil
}

// next is a new moment: events of a later one come after those of an earlier
// one. Changes that are made at the same time share a moment.
func (r *run) next() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.moment++
	return r.moment
}

// own makes r answer for the events of a resource.
func (r *run) own(ids ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, id := range ids {
		r.owned[id] = true
	}
}

func (r *run) expect(x expectation) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.expected = append(r.expected, &x)
}

func (r *run) userEvent(u *user, kind, what string, at time.Time, previous map[string]any) {
	r.expect(expectation{
		moment: r.next(), kind: kind, resource: userKey(u.id), asked: what, answered: at,
		facts: u.values.facts(), previous: previous,
	})
}

func (r *run) groupEvent(g *group, kind, what string, at time.Time, previous map[string]any) {
	r.expect(expectation{
		moment: r.next(), kind: kind, resource: groupKey(g.id), asked: what, answered: at,
		facts: g.facts(), previous: previous,
	})
}

// memberEvent expects the event of one edge. The user and group in it are as
// they are when the event is made, so only what never changes is checked.
func (r *run) memberEvent(g *group, u *user, kind, what string, moment int, at time.Time) {
	r.expect(expectation{
		moment: moment, kind: kind, resource: memberKey(g.id, u.id), asked: what, answered: at,
		facts: map[string]any{"user/idp_id": u.values[externalIDPath], "group/idp_id": g.externalID},
	})
}

// same holds a user's resource against the model.
func (r *run) same(c check, what string, u *user, body map[string]any) {
	if got := text(body, "id"); got != u.id {
		r.fail(c, "%s: id is %q, want %q", what, got, u.id)
	}
	for _, a := range attributes {
		got, _ := lookup(body, a.scim)
		if want := u.values[a.path]; got != want {
			r.fail(c, "%s: %s is %v, want %v", what, a.path, got, want)
		}
	}
}

// sameMembers reads a group and holds its members against the model.
func (r *run) sameMembers(c check, what string, g *group) {
	if complaint := r.compareMembers(what, g); complaint != "" {
		r.fail(c, "%s", complaint)
	}
}

const (
	// lingerSettles is how many times Config.Settle a group may list a user who
	// was deleted: memberships of what is deleted are dropped in the background.
	lingerSettles = 5
	lingerPoll    = 50 * time.Millisecond
)

// soonSameMembers is sameMembers for what becomes true in a while. What did
// not in the first case is not waited for in the next.
func (r *run) soonSameMembers(c check, what string, g *group) {
	linger := lingerSettles * r.config.Settle
	if r.failed(c) {
		linger = 0
	}
	deadline := time.Now().Add(linger)
	complaint := r.compareMembers(what, g)
	for complaint != "" && time.Now().Before(deadline) && !r.stopped() {
		select {
		case <-r.ctx.Done():
		case <-time.After(lingerPoll):
		}
		complaint = r.compareMembers(what, g)
	}
	if complaint != "" {
		r.fail(c, "%s, %s later", complaint, linger)
	}
}

// compareMembers is what is wrong with the members of a group, or "".
func (r *run) compareMembers(what string, g *group) string {
	if g.id == "" {
		return ""
	}
	a, ok := r.call(what, request{method: http.MethodGet, path: "/Groups/" + g.id, dialect: g.dialect}, http.StatusOK)
	if !ok {
		return ""
	}
	want, got := map[string]bool{}, map[string]bool{}
	for u := range g.members {
		want[u.id] = true
	}
	members, _ := a.body["members"].([]any)
	for _, m := range members {
		got[text(m, "value")] = true
	}
	switch {
	case len(members) != len(got):
		return fmt.Sprintf("%s: %s lists a member twice", what, g.name)
	case !maps.Equal(want, got):
		return fmt.Sprintf("%s: %s has %d members, want %d; missing %v, too many %v",
			what, g.name, len(got), len(want), difference(want, got), difference(got, want))
	}
	return ""
}

// maxListed is how many ids a message names.
const maxListed = 3

// difference is what a has and b has not, shortened to be read.
func difference(a, b map[string]bool) []string {
	var only []string
	for k := range a {
		if !b[k] {
			only = append(only, k)
		}
	}
	slices.Sort(only)
	if len(only) > maxListed {
		only = append(only[:maxListed], "…")
	}
	return only
}

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

// run is one execution of the scenario. err keeps the first transport error.
// After an error every later call does nothing, so the scenario needs no error
// checks.
type run struct {
	ctx    context.Context
	config Config
	client *client
	people *people

	users   []*user
	groups  []*group
	retried []retried
	loose   []request // queries for resources that may exist although no answer arrived
	halted  bool      // Test Connection failed; Entra would stop, too

	mu       sync.Mutex // guards the fields below, which concurrent adds change
	err      error
	failures [checkCount][]string
	expected []*expectation
	moment   int
	owned    map[string]bool // ids and external ids of this run
}

// call sends q. It checks the status against want and the answer against the
// rules for every SCIM answer. what describes the change in the report. The bool
// reports whether the caller can use the answer.
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

// reason returns the scimType and detail of an error answer.
func reason(a answer) string {
	words := strings.TrimSpace(text(a.body, "scimType") + " " + text(a.body, "detail"))
	if words == "" {
		return ""
	}
	return " (" + words + ")"
}

// flaws returns the protocol violations in an answer.
func flaws(a answer) []string {
	var flaws []string
	add := func(format string, args ...any) { flaws = append(flaws, fmt.Sprintf(format, args...)) }
	if a.broken != nil {
		add("with a body that is not a JSON object: %v", a.broken)
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

// find sends a query, checks that it has want hits, and returns them.
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
	// Entra does not distinguish an empty list from null.
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

// next returns a new moment. Events of a later moment must arrive after those of
// an earlier one. Simultaneous changes have the same moment.
func (r *run) next() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.moment++
	return r.moment
}

// own registers the ids of a resource of this run.
func (r *run) own(ids ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, id := range ids {
		if id != "" {
			r.owned[id] = true
		}
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

// memberEvent expects the event of one membership. The event contains the user
// and group at the time of its creation, so only constant values are checked.
func (r *run) memberEvent(g *group, u *user, kind, what string, moment int, at time.Time) {
	facts := map[string]any{"user/idp_id": u.values[externalIDPath]}
	if g.externalID != "" {
		facts["group/idp_id"] = g.externalID
	}
	r.expect(expectation{
		moment: moment, kind: kind, resource: memberKey(g.id, u.id), asked: what, answered: at,
		facts: facts,
	})
}

// same compares the resource of a user with the model.
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

// sameMembers reads a group and compares its members with the model.
func (r *run) sameMembers(c check, what string, g *group) {
	if complaint := r.compareMembers(what, g); complaint != "" {
		r.fail(c, "%s", complaint)
	}
}

const (
	// lingerSettles is the time for which a group may list a deleted user, as a
	// multiple of Config.Settle. A background job deletes the memberships of a
	// deleted resource.
	lingerSettles = 5
	lingerPoll    = 50 * time.Millisecond
)

// soonSameMembers is sameMembers with a wait until the members match. After one
// failure of the check it no longer waits.
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
		r.fail(c, "%s, after %s", complaint, linger)
	}
}

// compareMembers describes the difference between the members of a group and
// the model. It returns "" if they match.
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

// maxListed limits the ids in a message.
const maxListed = 3

// difference returns the keys of a that are not in b, at most maxListed.
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

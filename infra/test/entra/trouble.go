package entra

import (
	"fmt"
	"net/http"
	"sync"
	"time"
)

// maxConcurrent limits the concurrent single-member PATCHes.
const maxConcurrent = 50

// maxMidway is the maximum delay of cutMidway. A write takes about as long on one
// machine.
const maxMidway = 12 * time.Millisecond

// addConcurrently adds users to a new group, with one request for each user. It
// sends all requests concurrently.
func (r *run) addConcurrently() {
	g := r.people.group(defaultDialect)
	r.find(checkState, "match "+g.name, groupQuery(g.dialect, g.name), 0)
	r.createGroup(g)
	_, out := r.split(g)
	if g.id == "" {
		return
	}
	out = out[:min(len(out), maxConcurrent)]
	moment := r.next()
	answers, added := make([]answer, len(out)), make([]bool, len(out))
	var wg sync.WaitGroup
	for i, u := range out {
		wg.Go(func() {
			answers[i], added[i] = r.call("concurrent add of "+u.name(), membersRequest(g, opAdd, u), http.StatusNoContent)
		})
	}
	wg.Wait()
	for i, u := range out {
		if !added[i] {
			r.fail(checkConcurrent, "the add of %s was not answered %d", u.name(), http.StatusNoContent)
			continue
		}
		g.members[u] = true
		r.memberEvent(g, u, memberAdded, "concurrent add of "+u.name(), moment, answers[i].at)
	}
	r.sameMembers(checkConcurrent, "after concurrent adds", g)
}

// retried is a user and a group whose requests were aborted at the same moment.
type retried struct {
	how   cut
	user  *user
	group *group
}

// retry aborts requests at every moment of cuts, in both dialects, and continues
// as Entra does. A request that was cut off may take effect much later. All
// creations therefore precede the changes that free a name, and deletions are a
// separate phase.
func (r *run) retry() {
	for _, d := range dialects {
		for _, how := range cuts {
			r.retried = append(r.retried, retried{how, r.retryUser(d, how), r.retryGroup(d, how)})
		}
	}
	for _, x := range r.retried {
		r.retryUserPatch(x.user, x.how)
		r.retryGroupPatches(x.group, x.how)
	}
}

func (r *run) retryUser(d dialect, how cut) *user {
	u := r.people.user(d)
	what := fmt.Sprintf("create %s (%s)", u.name(), how)
	post := request{method: http.MethodPost, path: "/Users", dialect: d, body: userBody(u, false)}
	r.own(u.values.text(externalIDPath))
	r.matchUser(checkState, u, 0)
	r.loose = append(r.loose, userQuery(u))
	if resource, a := r.createAgain(what, post, userQuery(u), how); resource != nil {
		r.userCreated(what, u, resource, a)
	}
	return u
}

func (r *run) retryGroup(d dialect, how cut) *group {
	g := r.people.group(d)
	what := fmt.Sprintf("create group %s (%s)", g.name, how)
	post, match := request{method: http.MethodPost, path: "/Groups", dialect: d, body: groupBody(g)}, groupQuery(d, g.name)
	r.own(g.externalID)
	r.find(checkState, "match "+g.name, match, 0)
	r.loose = append(r.loose, match)
	if resource, a := r.createAgain(what, post, match, how); resource != nil {
		r.groupCreated(what, g, resource, a)
	}
	return g
}

func (r *run) retryUserPatch(u *user, how cut) {
	if u.id == "" {
		return
	}
	what := fmt.Sprintf("rename %s (%s)", u.name(), how)
	rename := append(renamePerson(r, u), renameAccount(r, u)...)
	if a, ok := r.repeat(what, userPatch(u, opReplace, rename...), how, http.StatusOK); ok {
		r.userChanged(what, u, rename, a, a)
		r.readUser(checkRetries, what, u)
	}
}

func (r *run) retryGroupPatches(g *group, how cut) {
	_, out := r.split(g)
	if g.id == "" || len(out) < 3 {
		return
	}
	name := r.people.team()
	what := fmt.Sprintf("rename group %s (%s)", g.name, how)
	if a, ok := r.repeat(what, groupRename(g, name), how, http.StatusNoContent); ok {
		r.groupRenamed(what, g, name, a)
	}
	// The add of the member that is removed below is not cut off: an add that
	// takes effect late must not undo the removal.
	r.patchMembers("a member", g, opAdd, out[0])
	what = fmt.Sprintf("add two members of %s (%s)", g.name, how)
	if a, ok := r.repeat(what, membersRequest(g, opAdd, out[1:3]...), how, http.StatusNoContent); ok {
		r.membersChanged(what, g, opAdd, a, out[1:3]...)
	}
	what = fmt.Sprintf("remove a member of %s (%s)", g.name, how)
	if a, ok := r.repeat(what, membersRequest(g, opRemove, out[0]), how, http.StatusNoContent); ok {
		r.membersChanged(what, g, opRemove, a, out[0])
	}
	r.sameMembers(checkRetries, "after retries", g)
}

// retryDeletes deletes the resources that retry created, and aborts each request
// once before it repeats it. The repetition gets 404 if the first request took
// effect.
func (r *run) retryDeletes() {
	for _, x := range r.retried {
		if g := x.group; g.id != "" {
			what := fmt.Sprintf("delete group %s (%s)", g.name, x.how)
			if a, ok := r.repeat(what, groupDelete(g), x.how, http.StatusNoContent, http.StatusNotFound); ok {
				r.groupDeleted(what, g, a)
				r.find(checkRetries, what, groupQuery(g.dialect, g.name), 0)
			}
		}
		if u := x.user; u.id != "" {
			what := fmt.Sprintf("delete %s (%s)", u.name(), x.how)
			if a, ok := r.repeat(what, userDelete(u), x.how, http.StatusNoContent, http.StatusNotFound); ok {
				r.userDeleted(what, u, a)
				r.matchUser(checkRetries, u, 0)
			}
		}
	}
}

// repeat aborts q and sends it again, as Entra does with PATCH and DELETE.
func (r *run) repeat(what string, q request, how cut, want ...int) (answer, bool) {
	r.giveUp(what, q, how)
	return r.call(what+", again", q, want...)
}

func (r *run) giveUp(what string, q request, how cut) {
	if r.stopped() {
		return
	}
	if err := r.client.giveUp(r.ctx, q, how, r.people.pause(maxMidway)); err != nil {
		r.stop(fmt.Errorf("%s: %w", what, err))
	}
}

// createAgain aborts a POST and then determines its result. It sends a query
// first, and a second POST if the query has no hits. After a lost answer it sends
// the second POST first, and the query after the 409. It returns the resource,
// or nil if there is none, and the answer that contained it.
func (r *run) createAgain(what string, post, match request, how cut) (map[string]any, answer) {
	r.giveUp(what, post, how)
	if how != cutAnswer {
		if hits, ok := r.query(what, match); !ok || len(hits) > 0 {
			return r.matched(what, match)
		}
	}
	want := []int{http.StatusCreated, http.StatusConflict}
	if how == cutAnswer {
		want = want[1:]
	}
	a, ok := r.call(what+", again", post, want...)
	switch {
	case !ok:
		return nil, answer{}
	case a.status == http.StatusConflict:
		return r.matched(what, match)
	}
	return a.body, a
}

// matched returns the only resource that a query finds.
func (r *run) matched(what string, match request) (map[string]any, answer) {
	match.method = http.MethodGet
	hits := r.find(checkRetries, what, match, 1)
	if len(hits) != 1 {
		return nil, answer{}
	}
	a, ok := r.call(what, request{
		method: http.MethodGet, path: match.path + "/" + text(hits[0], "id"), dialect: match.dialect,
	}, http.StatusOK)
	if !ok {
		return nil, answer{}
	}
	return a.body, a
}

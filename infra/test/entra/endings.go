package entra

import (
	"context"
	"net/http"
)

// disableAndRestore disables two users in each dialect and restores the first.
// The second stays disabled, so that deleteSome deletes a disabled user.
func (r *run) disableAndRestore() {
	for _, d := range dialects {
		for i, u := range r.pair(d) {
			r.setActive("disable", u, opReplace, false)
			r.stillThere("while disabled", u)
			r.setActive("disable again", u, opReplace, false)
			if i == 0 {
				// An add on a single-valued attribute is equivalent to a replace.
				r.setActive("restore", u, map[dialect]string{defaultDialect: opAdd, optDialect: opReplace}[d], true)
				r.stillThere("after the restore", u)
			}
		}
	}
}

// pair returns the two users of a dialect that are disabled and deleted.
func (r *run) pair(d dialect) []*user {
	users := existingUsers(r.users, d)
	return users[:min(2, len(users))]
}

func (r *run) setActive(what string, u *user, op string, active bool) {
	r.patchUser(what, u, op, setting{path: activePath, value: active})
	if a, ok := r.readUser(checkDisabled, what, u); ok && a.body["active"] != active {
		r.fail(checkDisabled, "%s of %s: active is %v, want %v", what, u.name(), a.body["active"], active)
	}
}

// stillThere checks that a query finds the user and that its groups contain it.
func (r *run) stillThere(what string, u *user) {
	for _, hit := range r.matchUser(checkDisabled, u, 1) {
		r.same(checkDisabled, what+": "+u.name(), u, hit.(map[string]any))
	}
	for _, g := range r.groups {
		if g.members[u] {
			r.memberCheck(checkDisabled, what+", membership of "+u.name(), g, u)
		}
	}
}

// deleteSome deletes an active and a disabled user in each dialect. It checks
// that they no longer exist and creates them again.
func (r *run) deleteSome() {
	for _, d := range dialects {
		for _, u := range r.pair(d) {
			r.deleteForGood(u)
		}
	}
	for _, g := range r.groups {
		r.soonSameMembers(checkDeleted, "after the deletion of members", g)
	}
}

func (r *run) deleteForGood(u *user) {
	id := u.id
	r.deleteUser(u)
	if u.id != "" {
		return
	}
	path := "/Users/" + id
	r.gone(u.name(), path, u.dialect)
	r.call("delete "+u.name()+" twice", request{method: http.MethodDelete, path: path, dialect: u.dialect}, http.StatusNotFound)
	r.matchUser(checkDeleted, u, 0)

	u.values = u.values.with([]setting{
		{path: activePath, value: true}, {path: managerPath}, {path: mobilePath}, {path: otherMailPath},
		{path: titlePath, value: titles[0]},
	})
	r.createUser(u, userBody(u, false))
	if u.id == id {
		r.fail(checkDeleted, "%s has its former id %s after it was created again", u.name(), id)
	}
	if u.id == "" {
		r.fail(checkDeleted, "%s could not be created again", u.name())
	}
}

// gone checks that a GET returns 404.
func (r *run) gone(name, path string, d dialect) {
	if _, ok := r.call("read the deleted "+name, request{method: http.MethodGet, path: path, dialect: d}, http.StatusNotFound); !ok {
		r.fail(checkDeleted, "%s can still be read", name)
	}
}

func (r *run) deleteUser(u *user) {
	if u.id == "" {
		return
	}
	what := "delete " + u.name()
	if a, ok := r.call(what, userDelete(u), http.StatusNoContent); ok {
		r.userDeleted(what, u, a)
	}
}

func userDelete(u *user) request {
	return request{method: http.MethodDelete, path: "/Users/" + u.id, dialect: u.dialect}
}

// userDeleted expects user.deleted and no events for the memberships.
func (r *run) userDeleted(what string, u *user, a answer) {
	r.userEvent(u, userDeleted, what, a.at, nil)
	u.id = ""
	for _, g := range r.groups {
		delete(g.members, u)
	}
}

func (r *run) deleteGroup(g *group) {
	if g.id == "" {
		return
	}
	id, what := g.id, "delete group "+g.name
	if a, ok := r.call(what, groupDelete(g), http.StatusNoContent); ok {
		r.groupDeleted(what, g, a)
		r.gone(g.name, "/Groups/"+id, g.dialect)
		r.find(checkDeleted, what, groupQuery(g.dialect, g.name), 0)
	}
}

func groupDelete(g *group) request {
	return request{method: http.MethodDelete, path: "/Groups/" + g.id, dialect: g.dialect}
}

// groupDeleted expects group.deleted and no events for the members.
func (r *run) groupDeleted(what string, g *group, a answer) {
	r.groupEvent(g, groupDeleted, what, a.at, nil)
	g.id = ""
	clear(g.members)
}

// deleteRest deletes all other resources that the run created.
func (r *run) deleteRest() {
	for _, g := range r.groups {
		r.deleteGroup(g)
	}
	for _, u := range r.users {
		id := u.id
		r.deleteUser(u)
		if id != "" && u.id == "" {
			r.gone(u.name(), "/Users/"+id, u.dialect)
		}
	}
}

// cleanUp deletes the remaining resources of an incomplete run and resources
// that an aborted request created later. It reports the resources that it could
// not delete.
func (r *run) cleanUp(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, cleanupTimeout)
	defer cancel()
	sweep := func(name string, q request) {
		a, err := r.client.do(ctx, q)
		if err != nil {
			r.fail(checkLeft, "%s was not deleted: %v", name, err)
		} else if a.status != http.StatusNoContent && a.status != http.StatusNotFound {
			r.fail(checkLeft, "%s was not deleted: the DELETE was answered %d", name, a.status)
		}
	}
	for _, g := range r.groups {
		if g.id != "" {
			sweep(g.name, groupDelete(g))
		}
	}
	for _, u := range r.users {
		if u.id != "" {
			sweep(u.name(), userDelete(u))
		}
	}
	for _, q := range r.loose {
		q.method = http.MethodGet
		a, err := r.client.do(ctx, q)
		if err != nil {
			r.fail(checkLeft, "resources that match %s may not be deleted: %v", q.filter, err)
		}
		hits, _ := a.body["Resources"].([]any)
		for _, hit := range hits {
			id := text(hit, "id")
			if r.err == nil {
				r.fail(checkRetries, "%s returns %s, which should not exist", q.filter, id)
			}
			sweep(id, request{method: http.MethodDelete, path: q.path + "/" + id, dialect: q.dialect})
		}
	}
}

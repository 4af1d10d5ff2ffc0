package entra

import (
	"net/http"
	"reflect"
)

// edit is a change of one user in the incremental cycle.
type edit struct {
	name     string
	op       string
	settings func(*run, *user) []setting
}

// edits run in order, each on a separate user, in both dialects.
var edits = []edit{
	{"rename the person", opReplace, renamePerson},
	{"change the userName", opReplace, renameAccount},
	{"change the work e-mail", opReplace, func(r *run, u *user) []setting {
		return []setting{{path: workMailPath, value: "moved." + u.values.text(workMailPath)}}
	}},
	{"change the department", opReplace, func(r *run, u *user) []setting {
		return []setting{{path: departmentPath, value: r.people.other(departments, u.values.text(departmentPath))}}
	}},
	{"add a phone number", opAdd, func(r *run, u *user) []setting {
		return []setting{{path: mobilePath, value: r.people.phone()}}
	}},
	{"add a second e-mail", opAdd, func(r *run, u *user) []setting {
		return []setting{{path: otherMailPath, value: "other." + u.values.text(workMailPath)}}
	}},
	{"change nothing", opReplace, func(r *run, u *user) []setting {
		var present []setting
		for _, path := range []string{displayNamePath, workMailPath, departmentPath, activePath} {
			present = append(present, setting{path: path, value: u.values[path]})
		}
		return present
	}},
	{"change the manager", opReplace, func(r *run, u *user) []setting {
		return []setting{r.manager(false, u, r.otherManager(u))}
	}},
	{"remove the manager", opRemove, func(r *run, u *user) []setting {
		return []setting{{path: managerPath}}
	}},
	{"clear the manager with an empty string", opReplace, func(r *run, u *user) []setting {
		return []setting{{path: managerPath, wire: ""}}
	}},
	{"change title, e-mail and number at once", opReplace, func(r *run, u *user) []setting {
		return []setting{
			{path: workMailPath, value: "new." + u.values.text(workMailPath)},
			{path: titlePath, value: r.people.other(titles, u.values.text(titlePath))},
			{path: numberPath, value: "N" + u.values.text(numberPath)},
		}
	}},
	{"remove the title", opRemove, func(r *run, u *user) []setting {
		return []setting{{path: titlePath}}
	}},
}

func renamePerson(r *run, u *user) []setting {
	given := r.people.other(givenNames, u.values.text(givenNamePath))
	family := r.people.other(familyNames, u.values.text(familyNamePath))
	return []setting{
		{path: displayNamePath, value: given + " " + family},
		{path: givenNamePath, value: given},
		{path: familyNamePath, value: family},
		{path: formattedPath, value: given + " " + family},
	}
}

func renameAccount(r *run, u *user) []setting {
	name := r.people.address(u.values.text(givenNamePath), u.values.text(familyNamePath))
	return []setting{{path: userNamePath, value: name}}
}

// otherManager returns a user other than u and u's manager.
func (r *run) otherManager(u *user) *user {
	for {
		m := r.users[r.people.random.IntN(len(r.users))]
		if m != u && m.id != u.values[managerPath] {
			return m
		}
	}
}

// changeUsers applies every edit at least once in each dialect. Every user gets
// at least one edit.
func (r *run) changeUsers() {
	r.probe()
	for _, d := range dialects {
		users := existingUsers(r.users, d)
		if len(users) == 0 {
			continue
		}
		for i := range max(len(edits), len(users)) {
			e, u := edits[i%len(edits)], users[(i+1)%len(users)]
			r.patchUser(e.name, u, e.op, e.settings(r, u)...)
		}
	}
	for _, u := range r.users {
		r.readUser(checkState, "after the incremental cycle", u)
	}
}

// readUser gets a user by id and compares it with the model.
func (r *run) readUser(c check, what string, u *user) (answer, bool) {
	if u.id == "" {
		return answer{}, false
	}
	a, ok := r.call(what, request{method: http.MethodGet, path: "/Users/" + u.id, dialect: u.dialect}, http.StatusOK)
	if ok {
		r.same(c, what+": "+u.name(), u, a.body)
	}
	return a, ok
}

// patchUser reads the user first, as Entra does. It then sends the reference
// checks and the PATCH. It expects user.updated if a value changed.
func (r *run) patchUser(what string, u *user, op string, settings ...setting) {
	if u.id == "" {
		return
	}
	what += " of " + u.name()
	before, ok := r.readUser(checkState, what, u)
	if !ok {
		return
	}
	for _, s := range settings {
		if id, isID := s.value.(string); isID && s.path == managerPath {
			r.referenceCheck(what, u, id)
		}
	}
	a, ok := r.call(what, userPatch(u, op, settings...), http.StatusOK)
	if !ok {
		return
	}
	r.userChanged(what, u, settings, before, a)
}

func userPatch(u *user, op string, settings ...setting) request {
	return request{method: http.MethodPatch, path: "/Users/" + u.id, dialect: u.dialect, body: u.dialect.patch(op, settings...)}
}

// userChanged updates the model. before is the last answer to a read.
func (r *run) userChanged(what string, u *user, settings []setting, before, a answer) {
	old := u.values
	u.values = old.with(settings)
	r.same(checkState, what, u, a.body)
	if !u.values.equal(old) {
		r.userEvent(u, userUpdated, what, a.at, u.values.changed(old))
	} else if !reflect.DeepEqual(before.body["meta"], a.body["meta"]) {
		r.fail(checkNothing, "%s: meta changed from %v to %v", what, before.body["meta"], a.body["meta"])
	}
}

// referenceCheck queries whether the manager is already set. The order of the
// two terms alternates.
func (r *run) referenceCheck(what string, u *user, manager string) {
	terms := [2]string{equal("id", u.id), equal("manager", manager)}
	if r.client.sent()%2 == 1 {
		terms[0], terms[1] = terms[1], terms[0]
	}
	want := 0
	if u.values[managerPath] == manager {
		want = 1
	}
	r.find(checkState, what, request{
		path: "/Users", dialect: u.dialect, query: "attributes=id", filter: terms[0] + " and " + terms[1],
	}, want)
}

func (r *run) changeGroups() {
	r.probe()
	for _, g := range r.groups {
		r.readGroup("before the incremental cycle", g)
		r.renameGroup(g)

		in, out := r.split(g)
		if len(in) < 3 || len(out) < 3 {
			continue // an earlier request failed
		}
		r.patchMembers("one member", g, opRemove, in[0])
		r.sameMembers(checkMembers, "after one removal", g)
		r.patchMembers("an absent member", g, opRemove, in[0])
		r.patchMembers("a present member", g, opAdd, in[1])
		r.patchMembers("a present and a new member", g, opAdd, in[1], out[0])
		r.patchMembers("two members", g, opAdd, out[1], out[2])
		r.patchMembers("two members and an absent one", g, opRemove, in[0], in[1], out[1])
		r.patchMembers("a former member", g, opAdd, in[0])
		r.sameMembers(checkMembers, "after the incremental cycle", g)
		r.memberCheck(checkMembers, "a member", g, in[0])
		r.memberCheck(checkMembers, "a removed member", g, in[1])
	}
}

// split returns the members of g and the other users, in order of creation.
func (r *run) split(g *group) (in, out []*user) {
	for _, u := range r.users {
		switch {
		case u.id == "":
		case g.members[u]:
			in = append(in, u)
		default:
			out = append(out, u)
		}
	}
	return in, out
}

// readGroup gets a group by its id, without members.
func (r *run) readGroup(what string, g *group) {
	if g.id == "" {
		return
	}
	q := request{method: http.MethodGet, path: "/Groups/" + g.id, dialect: g.dialect, query: "excludedAttributes=members"}
	a, ok := r.call(what, q, http.StatusOK)
	if !ok {
		return
	}
	r.sameGroup(what, g, a.body)
	if _, there := a.body["members"]; there {
		r.fail(checkState, "%s: %s has members although the request excludes them", what, g.name)
	}
}

func (r *run) renameGroup(g *group) {
	if g.id == "" {
		return
	}
	old, name := g.name, r.people.team()
	what := "rename group " + old
	if a, ok := r.call(what, groupRename(g, name), http.StatusNoContent); ok {
		r.groupRenamed(what, g, name, a)
		r.find(checkState, what, groupQuery(g.dialect, old), 0)
	}
}

func (r *run) groupRenamed(what string, g *group, name string, a answer) {
	old := g.name
	g.name = name
	r.groupEvent(g, groupUpdated, what, a.at, map[string]any{"name": old})
	for _, hit := range r.find(checkState, what, groupQuery(g.dialect, name), 1) {
		if text(hit, "id") != g.id {
			r.fail(checkState, "%s: the query for the new name returns %s", what, text(hit, "id"))
		}
		r.sameGroup(what, g, hit.(map[string]any))
	}
}

func groupRename(g *group, name string) request {
	body := g.dialect.patch(opReplace, setting{path: displayNamePath, value: name})
	return request{method: http.MethodPatch, path: "/Groups/" + g.id, dialect: g.dialect, body: body}
}

// memberCheck queries whether u is a member of g, as Entra does for a reference.
func (r *run) memberCheck(c check, what string, g *group, u *user) {
	if g.id == "" || u.id == "" {
		return
	}
	want := 0
	if g.members[u] {
		want = 1
	}
	q := groupQuery(g.dialect, "")
	q.filter = equal("id", g.id) + " and " + equal("members", u.id)
	r.find(c, what+" of "+g.name, q, want)
}

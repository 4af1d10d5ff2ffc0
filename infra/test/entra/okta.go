package entra

import (
	"fmt"
	"net/http"
	"reflect"
	"slices"
)

// oktaDialect is the format of Okta. It sends users by PUT, and PATCH to change
// `active`, the name of a group or its members. The scenario follows Okta's SCIM
// 2.0 Protocol Reference; it was not recorded.
const oktaDialect dialect = "okta"

const (
	oktaAgent = "Okta SCIM Client 1.0.0"
	// oktaPage is the parameters of each query, and oktaCount the size of a page.
	oktaPage  = "startIndex=1&count=100"
	oktaCount = 100
)

// oktaPhases returns the lifecycle of an Okta application, in order. Okta
// deletes no users: the last phase removes what the run created.
func (r *run) oktaPhases() []phase {
	return []phase{
		{"Test Connector", r.oktaConnection},
		{"Assign users", r.oktaAssign},
		{"Update profiles (PUT)", r.oktaUpdate},
		{"Push groups", r.oktaPushGroups},
		{"Push memberships", r.oktaPushMembers},
		{"Rename pushed groups", r.oktaRenameGroups},
		{"Deactivate and reactivate", r.oktaDeactivate},
		{"Import users and groups", r.oktaImport},
		{"Unlink a pushed group", func() { r.deleteGroup(r.groups[0]) }},
		{"Removal of the rest", r.deleteRest},
	}
}

func (r *run) oktaConnection() {
	for path, query := range map[string]string{"/Users": "startIndex=1&count=2", "/Groups": oktaPage} {
		r.call("Test Connector", request{method: http.MethodGet, path: path, query: query, dialect: oktaDialect}, http.StatusOK)
	}
	r.halted = r.failed(checkAnswers)
}

func (r *run) oktaAssign() {
	for range r.config.Users {
		u := r.people.user(oktaDialect)
		r.find(checkState, "match "+u.name(), oktaMatch(u), 0)
		r.createUser(u, oktaBody(u))
	}
	for _, u := range r.users[:min(1, len(r.users))] {
		r.call("assign "+u.name()+" twice", request{method: http.MethodPost, path: "/Users", dialect: oktaDialect, body: oktaBody(u)}, http.StatusConflict)
		for _, hit := range r.find(checkState, "match "+u.name(), oktaMatch(u), 1) {
			r.same(checkState, "match "+u.name(), u, hit.(map[string]any))
		}
	}
}

func oktaMatch(u *user) request {
	q := userQuery(u)
	q.query = oktaPage
	return q
}

// oktaBody is the whole user as Okta writes it. Once the user exists, the body
// also has what Okta read: the id and meta.
func oktaBody(u *user) map[string]any {
	v := u.values
	body := map[string]any{
		"schemas":      []any{coreUser, enterpriseUser},
		"userName":     v[userNamePath],
		"name":         map[string]any{"formatted": v[formattedPath], "givenName": v[givenNamePath], "familyName": v[familyNamePath]},
		"emails":       []any{map[string]any{"primary": true, "value": v[workMailPath], "type": "work"}},
		"displayName":  v[displayNamePath],
		"title":        v[titlePath],
		"locale":       "en-US",
		"externalId":   v[externalIDPath],
		"groups":       []any{},
		"active":       v[activePath],
		enterpriseUser: map[string]any{"department": v[departmentPath], "employeeNumber": v[numberPath]},
	}
	if u.id == "" {
		body["password"] = "1mz050nq"
	} else {
		body["id"], body["meta"] = u.id, map[string]any{"resourceType": "User"}
	}
	return body
}

// oktaUpdate writes every user anew: a new title, a new name and userName, or
// nothing new.
func (r *run) oktaUpdate() {
	for i, u := range r.users {
		title := setting{path: titlePath, value: r.people.other(titles, u.values.text(titlePath))}
		settings := [][]setting{{title}, append(renamePerson(r, u), renameAccount(r, u)...), nil}[i%3]
		r.oktaPut([]string{"update the title", "rename", "update nothing"}[i%3], u, settings...)
	}
}

// oktaPut reads a user, as Okta does, and writes it with these settings.
func (r *run) oktaPut(what string, u *user, settings ...setting) {
	what += " of " + u.name()
	before, ok := r.oktaRead(what, u)
	if !ok {
		return
	}
	changed := &user{id: u.id, dialect: u.dialect, values: u.values.with(settings)}
	if a, ok := r.call(what, request{method: http.MethodPut, path: "/Users/" + u.id, dialect: oktaDialect, body: oktaBody(changed)}, http.StatusOK); ok {
		r.userChanged(what, u, settings, before, a)
	}
}

// oktaRead reads a user, which comes with its groups.
func (r *run) oktaRead(what string, u *user) (answer, bool) {
	a, ok := r.readUser(checkState, what, u)
	if !ok {
		return a, ok
	}
	var want, got []string
	for _, g := range r.groups {
		if g.members[u] {
			want = append(want, g.id)
		}
	}
	list, isList := a.body["groups"].([]any)
	for _, g := range list {
		got = append(got, text(g, "value"))
	}
	slices.Sort(want)
	slices.Sort(got)
	if !isList || !slices.Equal(want, got) {
		r.fail(checkMembers, "%s: the user has the groups %v, want %v", what, got, want)
	}
	return a, ok
}

func (r *run) oktaPushGroups() {
	for range r.config.Groups {
		g := &group{dialect: oktaDialect, name: r.people.team(), members: map[*user]bool{}}
		what := "push group " + g.name
		body := map[string]any{"schemas": []any{coreGroup}, "displayName": g.name, "members": []any{}}
		if a, ok := r.call(what, request{method: http.MethodPost, path: "/Groups", dialect: oktaDialect, body: body}, http.StatusCreated); ok {
			r.located(what, "/Groups/", a)
			r.groupCreated(what, g, a.body, a)
		}
	}
}

// oktaPatch sends a PATCH of a group. The answer has the group.
func (r *run) oktaPatch(what string, g *group, name string, operations ...any) (answer, bool) {
	a, ok := r.call(what, request{method: http.MethodPatch, path: "/Groups/" + g.id, dialect: oktaDialect, body: patchOp(operations)}, http.StatusOK)
	if ok && (text(a.body, "id") != g.id || text(a.body, "displayName") != name) {
		r.fail(checkAnswers, "%s: the answer is %v", what, a.body)
	}
	return a, ok
}

// oktaPushMembers pushes about half of the users to each group, exchanges one
// member, and pushes the members anew. Okta sends the name of the group with
// each change.
func (r *run) oktaPushMembers() {
	for i, g := range r.groups {
		var half, rest []*user
		for j, u := range r.users {
			if (i+j)%2 == 0 {
				half = append(half, u)
			} else {
				rest = append(rest, u)
			}
		}
		if len(half) < 2 || len(rest) < 1 {
			continue // an earlier request failed
		}
		remove := map[string]any{"op": opRemove, "path": `members[value eq "` + half[0].id + `"]`}
		for _, push := range []struct {
			what         string
			operations   []any
			removed, new []*user
		}{
			{"push members of " + g.name, []any{oktaMembers(opAdd, half...)}, nil, half},
			{"exchange a member of " + g.name, []any{remove, oktaMembers(opAdd, rest[0])}, half[:1], rest[:1]},
			{"push all members of " + g.name, []any{oktaMembers(opReplace, half...)}, rest[:1], half[:1]},
		} {
			r.oktaName(g, g.name)
			if a, ok := r.oktaPatch(push.what, g, g.name, push.operations...); ok {
				r.membersChanged(push.what, g, opRemove, a, push.removed...)
				r.membersChanged(push.what, g, opAdd, a, push.new...)
			}
		}
		r.sameMembers(checkMembers, "after the push", g)
	}
	for _, u := range r.users {
		r.oktaRead("after the push", u)
	}
}

// oktaMembers is the operation that adds or replaces members.
func oktaMembers(op string, users ...*user) map[string]any {
	var members []any
	for _, u := range users {
		members = append(members, map[string]any{"value": u.id, "display": u.name()})
	}
	return map[string]any{"op": op, "path": "members", "value": members}
}

// oktaName sends the name of a group, without a path and with its id.
func (r *run) oktaName(g *group, name string) {
	what := "name of group " + g.name
	value := map[string]any{"id": g.id, "displayName": name}
	a, ok := r.oktaPatch(what, g, name, map[string]any{"op": opReplace, "value": value})
	if ok && name != g.name {
		old := g.name
		g.name = name
		r.groupEvent(g, groupUpdated, what, a.at, map[string]any{"name": old, "idp_id": old})
	}
}

func (r *run) oktaRenameGroups() {
	for _, g := range r.groups {
		r.oktaName(g, r.people.team())
		r.readGroup("after the renaming", g)
		r.sameMembers(checkMembers, "after the renaming", g)
	}
}

// oktaDeactivate deactivates two users by PATCH and one by PUT, as custom
// applications do, and reactivates the first.
func (r *run) oktaDeactivate() {
	for i, u := range r.users[:min(3, len(r.users))] {
		if i == 2 {
			r.oktaPut("deactivate", u, setting{path: activePath, value: false})
		} else {
			r.oktaActive("deactivate", u, false)
		}
		r.oktaRead("while deactivated", u)
		if i == 0 {
			r.oktaActive("reactivate", u, true)
		}
	}
}

func (r *run) oktaActive(what string, u *user, active bool) {
	what += " " + u.name()
	before, _ := r.oktaRead(what, u)
	body := patchOp([]any{map[string]any{"op": opReplace, "value": map[string]any{"active": active}}})
	a, ok := r.call(what, request{method: http.MethodPatch, path: "/Users/" + u.id, dialect: oktaDialect, body: body}, http.StatusOK)
	if !ok {
		return
	}
	if a.body["active"] != active {
		r.fail(checkDisabled, "%s: active is %v, want %v", what, a.body["active"], active)
	}
	r.userChanged(what, u, []setting{{path: activePath, value: active}}, before, a)
}

// oktaImport reads all users and groups page by page. Those of the run must come
// once each, as they are in the model.
func (r *run) oktaImport() {
	users, groups := r.oktaPages("/Users"), r.oktaPages("/Groups")
	for _, u := range r.users {
		if hits := users[u.id]; len(hits) == 1 {
			r.same(checkState, "import of "+u.name(), u, hits[0])
		} else {
			r.fail(checkState, "import: %s comes %d times", u.name(), len(hits))
		}
	}
	for _, g := range r.groups {
		hits := groups[g.id]
		if len(hits) != 1 {
			r.fail(checkState, "import: %s comes %d times", g.name, len(hits))
			continue
		}
		r.sameGroup("import of "+g.name, g, hits[0])
		if members, _ := hits[0]["members"].([]any); len(members) != len(g.members) {
			r.fail(checkMembers, "import: %s has %d members, want %d", g.name, len(members), len(g.members))
		}
	}
}

// oktaPages reads a list to its end, by startIndex. It returns the resources by
// id.
func (r *run) oktaPages(path string) map[string][]map[string]any {
	found := map[string][]map[string]any{}
	for start := 1; ; start += oktaCount {
		q := request{method: http.MethodGet, path: path, dialect: oktaDialect, query: fmt.Sprintf("startIndex=%d&count=%d", start, oktaCount)}
		a, ok := r.call("import", q, http.StatusOK)
		if !ok {
			return found
		}
		list, _ := a.body["Resources"].([]any)
		for _, resource := range list {
			m, _ := resource.(map[string]any)
			found[text(m, "id")] = append(found[text(m, "id")], m)
		}
		total, isNumber := a.body["totalResults"].(float64)
		if !isNumber || !reflect.DeepEqual(a.body["startIndex"], float64(start)) || !reflect.DeepEqual(a.body["itemsPerPage"], float64(len(list))) {
			r.fail(checkAnswers, "import: the page after %d has totalResults %v, startIndex %v and itemsPerPage %v", start, a.body["totalResults"], a.body["startIndex"], a.body["itemsPerPage"])
			return found
		}
		if float64(start+oktaCount) > total {
			return found
		}
	}
}

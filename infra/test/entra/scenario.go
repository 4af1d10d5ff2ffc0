package entra

import (
	"maps"
	"net/http"
	"slices"
	"strings"
)

// phase is a part of the scenario.
type phase struct {
	name string
	play func()
}

// phases returns the lifecycle of a tenant, in order.
func (r *run) phases() []phase {
	return []phase{
		{"Test Connection", r.testConnection},
		{"Initial cycle: users", r.provisionUsers},
		{"Initial cycle: managers", r.provisionManagers},
		{"Initial cycle: groups", r.provisionGroups},
		{"Initial cycle: memberships", r.provisionMemberships},
		{"Incremental cycle: users", r.changeUsers},
		{"Incremental cycle: groups", r.changeGroups},
		{"Concurrent adds to one group", r.addConcurrently},
		{"Retries after a timeout", r.retry},
		{"Disable and restore", r.disableAndRestore},
		{"Hard delete", r.deleteSome},
		{"Deletions after a timeout", r.retryDeletes},
		{"Hard delete of the rest", r.deleteRest},
	}
}

func (r *run) testConnection() {
	r.probe()
	r.halted = r.failed(checkAnswers) || r.failed(checkState)
}

// probe queries a random user and a random group, as Entra does before each
// cycle.
func (r *run) probe() {
	for _, d := range dialects {
		r.find(checkState, "probe", request{path: "/Users", dialect: d, filter: equal(userNamePath, guid())}, 0)
		r.find(checkState, "probe", groupQuery(d, guid()), 0)
	}
}

// equal returns the filter path eq value.
func equal(path, value string) string {
	return path + ` eq "` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(value) + `"`
}

func groupQuery(d dialect, name string) request {
	return request{
		path: "/Groups", dialect: d, query: "excludedAttributes=members", filter: equal(displayNamePath, name),
	}
}

func (r *run) provisionUsers() {
	r.probe()
	for i := range r.config.Users {
		u := r.people.user(dialects[i%2])
		r.matchUser(checkState, u, 0)
		r.createUser(u, userBody(u, i/2%2 == 1))
	}
}

// matchUser queries u by userName and returns the hits.
func (r *run) matchUser(c check, u *user, want int) []any {
	return r.find(c, "match "+u.name(), userQuery(u), want)
}

func userQuery(u *user) request {
	return request{path: "/Users", dialect: u.dialect, filter: equal(userNamePath, u.name())}
}

// userBody returns the body of the POST of a user. sparse selects the format of
// Microsoft's second example: null values, top-level attributes of the
// extension, and a schema URN that lacks a colon.
func userBody(u *user, sparse bool) map[string]any {
	v := u.values
	body := map[string]any{
		"schemas":     []any{coreUser, enterpriseUser},
		"externalId":  v[externalIDPath],
		"userName":    v[userNamePath],
		"active":      true,
		"displayName": v[displayNamePath],
		"title":       v[titlePath],
		"emails":      []any{map[string]any{"primary": true, "type": "work", "value": v[workMailPath]}},
		"meta":        map[string]any{"resourceType": "User"},
		"name": map[string]any{
			"formatted": v[formattedPath], "familyName": v[familyNamePath], "givenName": v[givenNamePath],
		},
		"roles":        []any{},
		enterpriseUser: map[string]any{"department": v[departmentPath], "employeeNumber": v[numberPath]},
	}
	if sparse {
		body["schemas"] = []any{coreUser, enterpriseUser, strings.Replace(enterpriseUser, "2.0:User", "2.0User", 1)}
		for _, absent := range []string{"addresses", "phoneNumbers", "preferredLanguage", "department", "manager"} {
			body[absent] = nil
		}
	}
	return body
}

func (r *run) createUser(u *user, body map[string]any) {
	what := "create " + u.name()
	a, ok := r.call(what, request{method: http.MethodPost, path: "/Users", dialect: u.dialect, body: body}, http.StatusCreated)
	if !ok {
		r.loose = append(r.loose, userQuery(u))
		return
	}
	r.located(what, "/Users/", a)
	r.userCreated(what, u, a.body, a)
}

// userCreated updates u from its new resource and expects user.created.
func (r *run) userCreated(what string, u *user, resource map[string]any, a answer) {
	u.id = text(resource, "id")
	if u.id == "" {
		r.fail(checkAnswers, "%s: the resource has no id", what)
		return
	}
	r.own(u.id, u.values.text(externalIDPath))
	if !slices.Contains(r.users, u) {
		r.users = append(r.users, u)
	}
	r.same(checkState, what, u, resource)
	r.userEvent(u, userCreated, what, a.at, nil)
}

// located checks the Location header of a new resource.
func (r *run) located(what, endpoint string, a answer) {
	location, id := a.header.Get("Location"), text(a.body, "id")
	if !strings.HasSuffix(location, endpoint+id) || location != text(a.body, "meta/location") {
		r.fail(checkAnswers, "%s: Location is %q and meta.location %q for id %q", what, location, text(a.body, "meta/location"), id)
	}
}

// provisionManagers is the second pass. It sets references after both users
// exist.
func (r *run) provisionManagers() {
	for i, u := range r.users[min(1, len(r.users)):] {
		r.patchUser("set the manager", u, opAdd, r.manager(i/2%2 == 0, u, r.users[i/4]))
	}
}

// manager returns the setting of a manager in one of the two formats observed in
// Entra: the attribute with its URN and an id, or the bare attribute with a
// reference.
func (r *run) manager(bare bool, u, manager *user) setting {
	s := setting{path: managerPath, value: manager.id}
	if bare && u.dialect == defaultDialect {
		s.wirePath = "manager"
		s.wire = []any{map[string]any{"$ref": r.config.TenantURL + "/Users/" + manager.id, "value": manager.id}}
	}
	return s
}

func (r *run) provisionGroups() {
	r.probe()
	for i := range r.config.Groups {
		g := r.people.group(dialects[i%2])
		r.find(checkState, "match "+g.name, groupQuery(g.dialect, g.name), 0)
		r.createGroup(g)
	}
}

func groupBody(g *group) map[string]any {
	return map[string]any{
		"schemas":     []any{coreGroup, "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"},
		"externalId":  g.externalID,
		"displayName": g.name,
		"meta":        map[string]any{"resourceType": "Group"},
	}
}

func (r *run) createGroup(g *group) {
	what := "create group " + g.name
	a, ok := r.call(what, request{method: http.MethodPost, path: "/Groups", dialect: g.dialect, body: groupBody(g)}, http.StatusCreated)
	if !ok {
		r.loose = append(r.loose, groupQuery(g.dialect, g.name))
		return
	}
	r.located(what, "/Groups/", a)
	r.groupCreated(what, g, a.body, a)
}

func (r *run) groupCreated(what string, g *group, resource map[string]any, a answer) {
	g.id = text(resource, "id")
	if g.id == "" {
		r.fail(checkAnswers, "%s: the resource has no id", what)
		return
	}
	r.own(g.id, g.externalID)
	r.groups = append(r.groups, g)
	r.sameGroup(what, g, resource)
	r.groupEvent(g, groupCreated, what, a.at, nil)
}

func (r *run) sameGroup(what string, g *group, resource map[string]any) {
	if name := text(resource, "displayName"); name != g.name {
		r.fail(checkState, "%s: displayName is %q, want %q", what, name, g.name)
	}
	if id := text(resource, "externalId"); id != g.externalID {
		r.fail(checkState, "%s: externalId is %q, want %q", what, id, g.externalID)
	}
}

// provisionMemberships adds about half of the users to each group. The first
// request adds one user. The others use the minimum number of requests.
func (r *run) provisionMemberships() {
	for i, g := range r.groups {
		var half []*user
		for j, u := range r.users {
			if (i+j/2)%2 == 0 {
				half = append(half, u)
			}
		}
		first := min(1, len(half))
		r.patchMembers("first member", g, opAdd, half[:first]...)
		for chunk := range slices.Chunk(half[first:], membersPerPatch) {
			r.patchMembers("members", g, opAdd, chunk...)
		}
		r.sameMembers(checkMembers, "after the initial cycle", g)
	}
}

// membersPerPatch is the maximum number of members in one PATCH.
const membersPerPatch = 100

// patchMembers adds or removes members and expects an event for each membership
// that changes.
func (r *run) patchMembers(what string, g *group, op string, users ...*user) {
	if g.id == "" || len(users) == 0 {
		return
	}
	what = op + " " + what + " of " + g.name
	if a, ok := r.call(what, membersRequest(g, op, users...), http.StatusNoContent); ok {
		r.membersChanged(what, g, op, a, users...)
	}
}

func membersRequest(g *group, op string, users ...*user) request {
	var ids []string
	for _, u := range users {
		ids = append(ids, u.id)
	}
	return request{method: http.MethodPatch, path: "/Groups/" + g.id, dialect: g.dialect, body: g.dialect.members(op, ids...)}
}

func (r *run) membersChanged(what string, g *group, op string, a answer, users ...*user) {
	moment, before := r.next(), maps.Clone(g.members)
	for _, u := range users {
		switch {
		case op == opAdd && !before[u]:
			g.members[u] = true
			r.memberEvent(g, u, memberAdded, what, moment, a.at)
		case op == opRemove && before[u]:
			delete(g.members, u)
			r.memberEvent(g, u, memberRemoved, what, moment, a.at)
		}
	}
}

// existingUsers returns the users of a dialect that exist on the server.
func existingUsers(users []*user, d dialect) []*user {
	var found []*user
	for _, u := range users {
		if u.id != "" && u.dialect == d {
			found = append(found, u)
		}
	}
	return found
}

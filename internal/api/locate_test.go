package api_test

import (
	"fmt"
	"testing"
	"time"

	"dsync/internal/management"
	"dsync/internal/scim/resource"
	"dsync/internal/session"
	"dsync/internal/table"
	"dsync/internal/table/idclaim"
)

// absentUser is the id of a user that there never was.
const absentUser = "directory_user_" + nobody

// unknownFor is how long an unknown id is not looked for again.
const unknownFor = 10 * time.Second

// spent is what a request costs.
type spent struct {
	trips       int
	read, write float64
}

// spend sends a request and returns what it costs.
func (w *world) spend(t testing.TB, key, path string, status int) spent {
	t.Helper()
	ctx, meter := table.WithMeter(t.Context())
	if s := w.within(t, ctx, key, "GET", path, ""); s.status != status {
		t.Errorf("%s: %d %s", path, s.status, s.body)
	}
	return spent{meter.RoundTrips, meter.ReadUnits, meter.WriteUnits}
}

// A request with the id of a user or group alone costs the same among few
// directories and among many.
func TestCostOfAnID(t *testing.T) {
	w := open(t)
	if err := idclaim.SetComplete(t.Context(), w.options.Table); err != nil {
		t.Fatal(err)
	}
	org := w.organization(t, "Acme")
	d := w.directory(t, org, "first")
	user := d.user(t, "ada")
	group := d.group(t, "staff", user)
	paths := []struct {
		path   string
		status int
	}{
		{"/directory_users/" + user, 200}, {"/directory_groups/" + group, 200}, {"/directory_users?group=" + group, 200},
		{"/directory_groups?user=" + user, 200}, {"/directory_users/" + absentUser, 404}, {"/directory_users?group=directory_group_" + nobody, 404},
	}
	costs := map[int]map[string]spent{}
	directories := 1
	for _, n := range []int{10, 300} {
		for ; directories < n; directories++ {
			if _, _, _, err := w.management().CreateDirectory(t.Context(), management.NewDirectory{OrganizationID: org, Name: fmt.Sprint(directories)}); err != nil {
				t.Fatal(err)
			}
		}
		costs[n] = map[string]spent{}
		for _, p := range paths {
			w.restart()
			costs[n][p.path] = w.spend(t, w.read, p.path, p.status)
		}
	}
	for _, p := range paths {
		t.Logf("%-60s %+v", p.path, costs[10][p.path])
		if costs[10][p.path] != costs[300][p.path] {
			t.Errorf("%s costs %+v among 10 directories, %+v among 300", p.path, costs[10][p.path], costs[300][p.path])
		}
		if p.status == 404 && costs[300][p.path].trips > 3 { // key, claim, whether all ids have one
			t.Errorf("%s: %+v", p.path, costs[300][p.path])
		}
	}
}

// An unknown id costs a read, and none for some seconds after it. Nothing is
// searched once all ids have a claim.
func TestUnknownIDs(t *testing.T) {
	w := open(t)
	org := w.organization(t, "Acme")
	d := w.directory(t, org, "Entra")
	ada := d.user(t, "ada")
	unknown := func(n int) string { return fmt.Sprintf("/directory_users/directory_user_%026d", n) }
	check := func(what, key, path string, status int, want spent) {
		t.Helper()
		if got := w.spend(t, key, path, status); got != want {
			t.Errorf("%s: %+v, want %+v", what, got, want)
		}
	}
	_, bound, err := w.management().CreateAPIKey(t.Context(), management.NewAPIKey{Name: "bound", Scope: management.Read, OrganizationID: org})
	if err != nil {
		t.Fatal(err)
	}
	w.restart()
	for _, key := range []string{w.read, bound} {
		w.call(t, key, "GET", "/organizations/"+org, "") // the process knows the key
	}
	check("not all claimed", w.read, unknown(1), 404, spent{3, 2.5, 0}) // claim, whether all have one, directories
	check("again", w.read, unknown(1), 404, spent{})
	check("of a key that is bound, which searches its organization", bound, unknown(2), 404, spent{3, 3, 0})
	check("and tells nobody", w.read, unknown(2), 404, spent{3, 2.5, 0})
	if err := idclaim.SetComplete(t.Context(), w.options.Table); err != nil {
		t.Fatal(err)
	}
	check("all claimed", w.read, unknown(3), 404, spent{2, 2, 0})
	check("the next", w.read, unknown(4), 404, spent{1, 1, 0})
	check("again", w.read, unknown(4), 404, spent{})
	check("again, by another key", bound, unknown(4), 404, spent{})
	w.clock.advance(unknownFor)
	w.call(t, w.read, "GET", "/organizations/"+org, "")
	check("later", w.read, unknown(4), 404, spent{1, 1, 0})

	// Who is deleted costs two reads, then none.
	d.delete(t, session.Users, ada)
	check("deleted", w.read, "/directory_users/"+ada, 404, spent{2, 2, 0})
	check("deleted, again", w.read, "/directory_users/"+ada, 404, spent{})

	// An id that is imported after somebody asked for it is found some seconds later.
	w.spend(t, w.read, "/directory_users/"+absentUser, 404)
	d.importUser(t, absentUser)
	w.clock.advance(unknownFor)
	w.spend(t, w.read, "/directory_users/"+absentUser, 200)
}

// importUser creates a user with an id of another system.
func (c connection) importUser(t testing.TB, userID string) {
	t.Helper()
	kind := c.session.Type(session.Users)
	doc, members, err := resource.Parse(kind.ResourceType, map[string]any{"userName": "imported"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.session.Import(t.Context(), kind, userID, doc, members); err != nil {
		t.Fatal(err)
	}
}

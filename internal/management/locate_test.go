package management_test

import (
	"crypto/rand"
	"encoding/json"
	"log/slog"
	"testing"
	"time"

	"dsync/internal/dsync"
	"dsync/internal/fault"
	"dsync/internal/id"
	"dsync/internal/management"
	"dsync/internal/settings"
	"dsync/internal/table"
	"dsync/internal/table/idclaim"
)

// user writes a user, without a claim of its id if it is one of an earlier version.
func (o *office) user(t *testing.T, doc string, claimed bool) string {
	t.Helper()
	userID, err := id.New(id.User, o.at, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	d := o.stored(t)
	r := table.Resource{Kind: table.User, ID: userID, DirectoryID: d.ID, OrganizationID: d.OrganizationID, Document: doc, View: d.View, Version: 1, Created: o.at, Modified: o.at}
	if err := o.table.Create(t.Context(), r, table.Keys{Name: userID, Emails: []string{"ada@evil.example"}}, nil); err != nil {
		t.Fatal(err)
	}
	if !claimed {
		if _, err := o.table.EraseIDs(t.Context(), d.ID, 100); err != nil {
			t.Fatal(err)
		}
	}
	return userID
}

// reads is how many round trips it takes to find that there is no such user.
func reads(t *testing.T, s *management.Session, userID string) int {
	t.Helper()
	ctx, meter := table.WithMeter(t.Context())
	if _, err := s.User(ctx, userID, ""); fault.KindOf(err) != fault.NotFound {
		t.Errorf("%v", err)
	}
	return meter.RoundTrips
}

// What has no claim is searched for until all ids have one, and then it is unknown.
// An unknown id is not looked for again at once. What a key that is bound to an
// organization does not reach is not unknown to others.
func TestUnknownID(t *testing.T) {
	o := open(t)
	userID := o.user(t, `{"userName":"ada"}`, false)
	other := "Other"
	org, err := o.CreateOrganization(t.Context(), management.OrganizationUpdate{Name: &other})
	if err != nil {
		t.Fatal(err)
	}
	keys := management.NewAuthenticator(o.table, func() time.Time { return o.at }, rand.Reader, slog.New(slog.DiscardHandler))
	session := func(organizationID string) *management.Session {
		t.Helper()
		_, secret, err := o.CreateAPIKey(t.Context(), management.NewAPIKey{Name: "key", Scope: management.Read, OrganizationID: organizationID})
		if err != nil {
			t.Fatal(err)
		}
		s, err := keys.Authenticate(t.Context(), secret, management.Origin{})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	reads(t, session(org.ID), userID)
	if _, err := session("").User(t.Context(), userID, ""); err != nil {
		t.Errorf("a user of an earlier version: %v", err)
	}
	later := o.user(t, `{"userName":"bob"}`, false)
	if err := idclaim.SetComplete(t.Context(), o.table); err != nil {
		t.Fatal(err)
	}
	s := session("")
	if first, again := reads(t, s, later), reads(t, s, later); first != 2 || again != 0 {
		t.Errorf("%d round trips, then %d", first, again)
	}
	o.at = o.at.Add(10 * time.Second)
	if n := reads(t, s, later); n != 1 {
		t.Errorf("%d round trips, later", n)
	}
}

// A directory has the verified domains of its organization from its creation. A
// change of them starts a job, and no other change of the organization does.
func TestVerifiedDomains(t *testing.T) {
	o := open(t)
	jobs := func() (n int) {
		t.Helper()
		running, err := o.table.RunningJobs(t.Context(), o.at)
		if err != nil {
			t.Fatal(err)
		}
		for _, j := range running {
			if j.Task == table.ApplyDomains && j.Subject == o.directory.OrganizationID {
				n++
			}
		}
		return n
	}
	update := func(u management.OrganizationUpdate, want int) {
		t.Helper()
		if _, err := o.UpdateOrganization(t.Context(), o.directory.OrganizationID, u); err != nil {
			t.Fatal(err)
		}
		if got := jobs(); got != want {
			t.Errorf("%+v: %d jobs, want %d", u, got, want)
		}
	}
	name := "New"
	domains := func(list ...management.NewDomain) management.OrganizationUpdate {
		return management.OrganizationUpdate{Domains: &list}
	}
	update(management.OrganizationUpdate{Name: &name}, 0)
	update(domains(management.NewDomain{Domain: "b.example"}), 0)
	update(domains(management.NewDomain{Domain: "b.example", State: "verified"}, management.NewDomain{Domain: "a.example", State: "verified"}, management.NewDomain{Domain: "c.example"}), 1)
	update(domains(management.NewDomain{Domain: "a.example", State: "verified"}, management.NewDomain{Domain: "b.example", State: "verified"}), 1)
	d, _, _, err := o.CreateDirectory(t.Context(), management.NewDirectory{OrganizationID: o.directory.OrganizationID, Name: "second", Settings: settings.Change{"foreign_emails": json.RawMessage(`"withhold"`)}})
	if err != nil {
		t.Fatal(err)
	}
	view, err := dsync.ParseProjection(d.View)
	if err != nil || len(view.Domains) != 2 || view.Domains[0] != "a.example" || !view.WithholdForeign {
		t.Errorf("%+v, %v", view, err)
	}
	// Another change of the settings keeps the domains.
	if d, err = o.UpdateDirectory(t.Context(), d.ID, management.DirectoryUpdate{Settings: settings.Change{"email_fallback": json.RawMessage("false")}}); err != nil {
		t.Fatal(err)
	}
	if view, err = dsync.ParseProjection(d.View); err != nil || len(view.Domains) != 2 || !view.NoEmailFallback {
		t.Errorf("%+v, %v", view, err)
	}
	// A user is not found by an address that the directory withholds.
	o.directory = d
	o.user(t, `{"userName":"ada","emails":[{"type":"work","value":"ada@evil.example"}]}`, true)
	found, err := o.Users(t.Context(), management.UserFilter{DirectoryID: d.ID, Email: "ada@evil.example"}, management.PageRequest{Limit: 10})
	if err != nil || len(found.Items) != 0 {
		t.Errorf("%s, %v", found.Items, err)
	}
}

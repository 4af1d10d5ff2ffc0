package api_test

import (
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/url"
	"testing"
	"time"

	"dsync/internal/dsynctest"
	"dsync/internal/jobs"
	"dsync/internal/session"
	"dsync/internal/table"

	"github.com/aws/aws-lambda-go/lambda"
)

// settled runs the jobs of the table until none is left.
func (w *world) settled(t testing.TB) {
	t.Helper()
	tab := table.New(w.db, w.table)
	worker := jobs.New(tab, w.clock.now, rand.Reader, 0, slog.New(slog.DiscardHandler))
	dsynctest.Consume(t, w.db, w.table, dsynctest.Jobs, lambda.NewHandler(worker.Handle))
	for {
		running, err := tab.RunningJobs(t.Context(), w.clock.now())
		if err != nil {
			t.Fatal(err)
		}
		if len(running) == 0 {
			return
		}
		if err := worker.Sweep(t.Context()); err != nil { // for what waits
			t.Fatal(err)
		}
	}
}

// A user says whether the domain of its email is a verified domain of its
// organization: in every response, from the creation of the directory on, and after
// a job when the domains change. A setting withholds other addresses; then nobody is
// found by them.
func TestEmailDomainVerified(t *testing.T) {
	w := open(t)
	org := text(w.must(t, 201, "POST", "/organizations",
		`{"name":"Acme","domain_data":[{"domain":"acme.example","state":"verified"},{"domain":"later.example","state":"pending"}]}`), "id")
	d := w.directory(t, org, "Entra")
	user := func(name, email string) string {
		return d.create(t, session.Users, fmt.Sprintf(`{"userName":%q,"emails":[{"value":%q,"type":"work"}]}`, name, email))
	}
	own, foreign, later := user("own", "own@ACME.example"), user("foreign", "foreign@evil.example"), user("later", "later@later.example")
	shown := func(what, user string, email any, verified bool) {
		t.Helper()
		list := w.must(t, 200, "GET", "/directory_users?directory="+d.id, "")["data"].([]any)
		of := map[string]map[string]any{"by id": w.must(t, 200, "GET", "/directory_users/"+user, "")}
		for _, u := range list {
			if u := u.(map[string]any); u["id"] == user {
				of["in the list"] = u
			}
		}
		for where, u := range of {
			if u["email"] != email || u["email_domain_verified"] != verified || len(of) != 2 {
				t.Errorf("%s, %s: %v, %v", what, where, u["email"], u["email_domain_verified"])
			}
		}
	}
	found := func(email string, want int) {
		t.Helper()
		got, _, _ := ids(t, w.call(t, w.read, "GET", "/directory_users?directory="+d.id+"&email="+url.QueryEscape(email), ""))
		if len(got) != want {
			t.Errorf("by %s: %v", email, got)
		}
	}
	shown("created", own, "own@ACME.example", true)
	shown("created", foreign, "foreign@evil.example", false)
	shown("created", later, "later@later.example", false)

	w.must(t, 200, "PATCH", "/directories/"+d.id, `{"settings":{"foreign_emails":"withhold"}}`)
	w.settled(t)
	shown("withheld", own, "own@ACME.example", true)
	shown("withheld", foreign, nil, false)
	shown("withheld", later, nil, false)
	found("own@acme.example", 1)
	found("foreign@evil.example", 0)

	w.must(t, 200, "PUT", "/organizations/"+org, `{"domain_data":[{"domain":"acme.example","state":"pending"},{"domain":"later.example","state":"verified"}]}`)
	w.settled(t)
	shown("domains changed", own, nil, false)
	shown("domains changed", foreign, nil, false)
	shown("domains changed", later, "later@later.example", true)
	w.clock.advance(time.Minute) // functions have the directory's record for 5 seconds
	d.session = w.session(t, d)
	shown("created since", user("new", "new@later.example"), "new@later.example", true)

	w.must(t, 200, "PATCH", "/directories/"+d.id, `{"settings":{"foreign_emails":null}}`)
	w.settled(t)
	shown("kept", foreign, "foreign@evil.example", false)
	shown("kept", later, "later@later.example", true)
	found("foreign@evil.example", 1)

	// A change of the organization that leaves the verified domains starts no job.
	before := len(w.records(t))
	w.must(t, 200, "PUT", "/organizations/"+org, `{"name":"New","domain_data":[{"domain":"later.example","state":"verified"}]}`)
	if after := len(w.records(t)); after != before+1 { // the audit event and its entry, less the domain that is gone
		t.Errorf("%d records, then %d", before, after)
	}
}

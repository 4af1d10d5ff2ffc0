package api_test

import (
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"testing"

	"dsync/internal/dsynctest"
	"dsync/internal/jobs"
	"dsync/internal/session"
	"dsync/internal/table"

	"github.com/aws/aws-lambda-go/lambda"
)

// emailForms are the forms in which clients send the e-mails of a user whose
// userName is login@x.example, and the e-mail that consumers see.
var emailForms = []struct{ source, emails, want string }{
	{"keycloak: an object without a type", `[{"value":"real@x.example"}]`, "real@x.example"},
	{"authentik: type other", `[{"value":"real@x.example","type":"other"}]`, "real@x.example"},
	{"nextcloud: type personal", `[{"value":"real@x.example","type":"personal"}]`, "real@x.example"},
	{"okta: type home", `[{"value":"real@x.example","type":"home"}]`, "real@x.example"},
	{"canaille: a string", `"real@x.example"`, "real@x.example"},
	{"rauthy: a list of strings", `["real@x.example","second@x.example"]`, "real@x.example"},
	{"keycloak: one object", `{"value":"real@x.example"}`, "real@x.example"},
	{"entra: primary as a string", `[{"value":"work@x.example","type":"work"},{"value":"real@x.example","type":"other","primary":"True"}]`, "real@x.example"},
	{"okta: several primaries", `[{"value":"real@x.example","type":"home","primary":true},{"value":"work@x.example","type":"work","primary":true}]`, "real@x.example"},
	{"entra: work in capitals", `[{"value":"other@x.example","type":"other"},{"value":"real@x.example","type":"WORK"}]`, "real@x.example"},
	{"nextcloud: an empty one first", `[{"value":"","type":"work"},{"value":"real@x.example"}]`, "real@x.example"},
	{"okta: a primary without a value", `[{"type":"work","primary":true},{"value":"real@x.example","type":"home"}]`, "real@x.example"},
	{"canaille: other before home", `[{"value":"real@x.example","type":"other"},{"value":"home@x.example","type":"home"}]`, "real@x.example"},
	{"entra: none", `[]`, "login@x.example"},
	{"keycloak: null", `null`, "login@x.example"},
	{"nextcloud: an empty string", `""`, "login@x.example"},
	{"nextcloud: an empty value alone", `[{"value":"","type":"work"}]`, "login@x.example"},
}

// A user is found by the e-mail that it is shown with, whichever that is, and by
// none that it does not have.
func TestEmails(t *testing.T) {
	w := open(t)
	d := w.directory(t, w.organization(t, "Acme"), "Entra")
	for i, c := range emailForms {
		domain := fmt.Sprint("@x", i, ".example")
		user := d.create(t, session.Users, `{"userName":"login`+domain+`","emails":`+strings.ReplaceAll(c.emails, "@x.example", domain)+`}`)
		d.shows(t, w, c.source, user, strings.ReplaceAll(c.want, "@x.example", domain), domain)
		d.patch(t, session.Users, user, `{"op":"Replace","path":"emails","value":[{"value":"later`+domain+`","type":"other"}]}`)
		d.shows(t, w, c.source+", then another", user, "later"+domain, domain)
		d.patch(t, session.Users, user, `{"op":"Remove","path":"emails"}`)
		d.shows(t, w, c.source+", then none", user, "login"+domain, domain)
	}
}

// shows checks that a user is shown with an e-mail and found by it, in any letter
// case, and by no other of that domain.
func (c connection) shows(t *testing.T, w *world, what, user, want, domain string) {
	t.Helper()
	if got := w.must(t, 200, "GET", "/directory_users/"+user, "")["email"]; got != want {
		t.Errorf("%s: email is %v, want %s", what, got, want)
	}
	for _, email := range []string{"real" + domain, "login" + domain, "later" + domain, strings.ToUpper(want)} {
		found, _, _ := ids(t, w.call(t, w.read, "GET", "/directory_users?directory="+c.id+"&email="+url.QueryEscape(email), ""))
		if is := strings.EqualFold(email, want); is != slices.Equal(found, []string{user}) || !is && len(found) > 0 {
			t.Errorf("%s: by %s: %v", what, email, found)
		}
	}
}

// A user of an earlier version keeps the e-mail that its last event had. Its next
// write, or the job that follows a change of the settings, gives it the present one,
// with the look-up.
func TestEmailsOfAnEarlierVersion(t *testing.T) {
	for name, change := range map[string]func(w *world, d connection, user string){
		"written": func(w *world, d connection, user string) {
			d.patch(t, session.Users, user, `{"op":"Replace","path":"title","value":"CTO"}`)
		},
		"job": func(w *world, d connection, user string) {
			w.must(t, 200, "PATCH", "/directories/"+d.id, `{"settings":{"email_fallback":false}}`)
			running, err := table.New(w.db, w.table).RunningJobs(t.Context(), w.clock.now())
			if err != nil || len(running) != 1 {
				t.Fatal(running, err)
			}
			worker := jobs.New(table.New(w.db, w.table), w.clock.now, rand.Reader, 0, slog.New(slog.DiscardHandler))
			dsynctest.Consume(t, w.db, w.table, dsynctest.Jobs, lambda.NewHandler(worker.Handle))
			for job := running[0]; job.State == table.JobRunning; {
				if job, err = table.New(w.db, w.table).Job(t.Context(), job.ID); err != nil {
					t.Fatal(err)
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := open(t)
			d := w.directory(t, w.organization(t, "Acme"), "Entra")
			user := d.create(t, session.Users, `{"userName":"login@x.example"}`)
			stored, err := table.New(w.db, w.table).Resource(t.Context(), table.User, d.id, user)
			if err != nil {
				t.Fatal(err)
			}
			earlier := stored
			earlier.Version++
			earlier.View = ""
			earlier.Document = `{"userName":"login@x.example","active":true,"emails":[{"value":"real@x.example"}]}`
			if err := table.New(w.db, w.table).Update(t.Context(), stored.Version, earlier); err != nil {
				t.Fatal(err)
			}
			d.shows(t, w, "stored", user, "login@x.example", "@x.example")
			change(w, d, user)
			d.shows(t, w, name, user, "real@x.example", "@x.example")
			d.patch(t, session.Users, user, `{"op":"Replace","path":"emails","value":"later@x.example"}`)
			d.shows(t, w, name+" and changed", user, "later@x.example", "@x.example")
			lookups := slices.DeleteFunc(w.records(t), func(r string) bool { return !strings.Contains(r, `"UE#`) })
			if len(lookups) != 1 {
				t.Errorf("the look-ups of e-mail addresses are %v", lookups)
			}
		})
	}
}

package console_test

import (
	"crypto/rand"
	"encoding/json"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"dsync/internal/console"
	"dsync/internal/dsynctest"
	"dsync/internal/eventlog"
	"dsync/internal/gateway"
	"dsync/internal/management"
	"dsync/internal/scim"
	"dsync/internal/table"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

func TestMain(m *testing.M) { dsynctest.Main(m) }

const host = "https://console.example"

// world is a console with a clock of its own.
type world struct {
	t                       *testing.T
	api                     *dynamodb.Client
	name                    string
	table                   *table.Table
	now                     time.Time
	handler                 http.Handler
	function                lambda.Handler
	organization, directory string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	api, name := dsynctest.Table(t)
	w := &world{t: t, api: api, name: name, table: table.New(api, name), now: time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)}
	clock := nowOf(w)
	o := console.Options{
		Table: w.table, Events: eventlog.New(w.table, clock), Now: clock, Entropy: rand.Reader, Log: slog.New(slog.DiscardHandler), SCIMBase: scim.BasePath,
	}
	w.handler = console.New(o)
	w.function = console.LinkMaker(o, gateway.NewHandler(w.handler))
	name = "Acme"
	s := management.Bootstrap(w.table, clock, rand.Reader)
	organization, err := s.CreateOrganization(t.Context(), management.OrganizationUpdate{Name: &name})
	if err != nil {
		t.Fatal(err)
	}
	directory, _, _, err := s.CreateDirectory(t.Context(), management.NewDirectory{OrganizationID: organization.ID, Name: name})
	if err != nil {
		t.Fatal(err)
	}
	w.organization, w.directory = organization.ID, directory.ID
	return w
}

func nowOf(w *world) func() time.Time { return func() time.Time { return w.now } }

// send sends a request with the cookies, from a page of that origin.
func (w *world) send(method, path, origin string, form url.Values, cookies ...*http.Cookie) *http.Response {
	w.t.Helper()
	r := httptest.NewRequestWithContext(w.t.Context(), method, host+path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if origin != "" {
		r.Header.Set("Origin", origin)
	}
	for _, c := range cookies {
		r.AddCookie(c)
	}
	recorder := httptest.NewRecorder()
	w.handler.ServeHTTP(recorder, r)
	return recorder.Result()
}

// link makes a sign-in link, as an operator does, and returns its secret.
func (w *world) link(role string) string {
	w.t.Helper()
	answer, err := w.function.Invoke(w.t.Context(), []byte(`{"person":"Ada Lovelace","role":"`+role+`"}`))
	if err != nil {
		w.t.Fatal(err)
	}
	var made struct{ Path string }
	if err := json.Unmarshal(answer, &made); err != nil {
		w.t.Fatal(err)
	}
	_, secret, _ := strings.Cut(made.Path, "link=")
	return secret
}

// signIn returns the cookie of a new session.
func (w *world) signIn(role string) *http.Cookie {
	w.t.Helper()
	response := w.send("POST", "/console/sign-in", host, url.Values{"link": {w.link(role)}})
	if response.StatusCode != http.StatusSeeOther || len(response.Cookies()) != 1 {
		w.t.Fatalf("signing in: %d, cookies %v", response.StatusCode, response.Cookies())
	}
	return response.Cookies()[0]
}

// records are all items of the table.
func (w *world) records() map[string]string {
	w.t.Helper()
	out, err := w.api.Scan(w.t.Context(), &dynamodb.ScanInput{TableName: &w.name})
	if err != nil {
		w.t.Fatal(err)
	}
	all := map[string]string{}
	for _, item := range out.Items {
		b, err := json.Marshal(item)
		if err != nil {
			w.t.Fatal(err)
		}
		key, err := json.Marshal([]any{item["pk"], item["sk"]})
		if err != nil {
			w.t.Fatal(err)
		}
		all[string(key)] = string(b)
	}
	return all
}

// request is a route as a request.
func (w *world) request(r console.Route) (method, path string) {
	method, path, _ = strings.Cut(r.Pattern, " ")
	return method, strings.NewReplacer("{$}", "", "{organization}", w.organization, "{directory}", w.directory,
		"{token}", "directory_token_01ARZ3NDEKTSV4RRFFQ69G5FAV", "{user}", "directory_user_01ARZ3NDEKTSV4RRFFQ69G5FAV", "{group}", "directory_group_01ARZ3NDEKTSV4RRFFQ69G5FAV",
		"{key}", "api_key_01ARZ3NDEKTSV4RRFFQ69G5FAV", "{session}", "console_session_01ARZ3NDEKTSV4RRFFQ69G5FAV", "{link}", "setup_link_01ARZ3NDEKTSV4RRFFQ69G5FAV").Replace(path)
}

// Whoever has no session, one that has ended, or a role that may not, is refused on
// every route, and so is a request that comes from another site. Nothing changes.
func TestIsolation(t *testing.T) {
	w := newWorld(t)
	admin, viewer, operator := w.signIn("admin"), w.signIn("viewer"), w.signIn("operator")
	out := w.signIn("admin")
	w.now = w.now.Add(time.Second)
	revoked := w.signIn("admin") // the newest one
	if r := w.send("POST", "/console/sign-out", host, nil, out); r.StatusCode != http.StatusOK {
		t.Fatalf("signing out: %d", r.StatusCode)
	}
	sessions, err := management.Bootstrap(w.table, time.Now, rand.Reader).ConsoleSessions(t.Context(), management.PageRequest{Limit: 1})
	if err != nil || len(sessions.Items) != 1 {
		t.Fatal(sessions, err)
	}
	if r := w.send("POST", "/console/sessions/"+sessions.Items[0].ID+"/revoke", host, nil, admin); r.StatusCode != http.StatusSeeOther {
		t.Fatalf("revoking: %d", r.StatusCode)
	}
	forged := *admin
	forged.Value = strings.Replace(admin.Value, admin.Value[20:24], "AAAA", 1)
	unprefixed := *admin
	unprefixed.Name = strings.TrimPrefix(admin.Name, "__Host-")
	before := w.records()
	for _, route := range console.Routes() {
		method, path := w.request(route)
		if route.Scope == console.Public {
			continue
		}
		for name, c := range map[string]*http.Cookie{"nobody": nil, "a session after its sign-out": out, "a revoked session": revoked, "a forged session": &forged, "a cookie that another host can set": &unprefixed} {
			var cookies []*http.Cookie
			if c != nil {
				cookies = append(cookies, c)
			}
			if r := w.send(method, path, host, nil, cookies...); r.StatusCode != http.StatusUnauthorized {
				t.Errorf("%s, %s: %d", route.Pattern, name, r.StatusCode)
			}
		}
		if route.Scope != management.Read {
			if r := w.send(method, path, host, nil, viewer); r.StatusCode != http.StatusForbidden {
				t.Errorf("%s, a viewer: %d", route.Pattern, r.StatusCode)
			}
		}
		if route.Scope == management.Keys {
			if r := w.send(method, path, host, nil, operator); r.StatusCode != http.StatusForbidden {
				t.Errorf("%s, an operator: %d", route.Pattern, r.StatusCode)
			}
		}
		if method == http.MethodPost {
			for _, origin := range []string{"https://evil.example", "null"} {
				if r := w.send(method, path, origin, nil, admin); r.StatusCode != http.StatusForbidden {
					t.Errorf("%s, from %s: %d", route.Pattern, origin, r.StatusCode)
				}
			}
		}
	}
	if !maps.Equal(before, w.records()) {
		t.Error("a refused request changed something")
	}
	if r := w.send("GET", "/console", "", nil, admin); r.StatusCode != http.StatusOK {
		t.Errorf("a session that is valid: %d", r.StatusCode)
	}
	w.now = w.now.Add(8*time.Hour - time.Second) // one has passed before
	if r := w.send("GET", "/console", "", nil, admin); r.StatusCode != http.StatusUnauthorized {
		t.Errorf("a session that has expired: %d", r.StatusCode)
	}
}

// What changes something needs a role that may, and a GET changes nothing.
func TestRoutesThatChange(t *testing.T) {
	w := newWorld(t)
	admin := w.signIn("admin")
	before := w.records()
	for _, route := range console.Routes() {
		method, path := w.request(route)
		own := strings.HasSuffix(path, "/sign-in") || strings.HasSuffix(path, "/sign-out")
		switch {
		case method == http.MethodGet:
			if r := w.send(method, path, "", nil, admin); r.StatusCode >= 500 {
				t.Errorf("%s: %d", route.Pattern, r.StatusCode)
			}
		case method != http.MethodPost:
			t.Errorf("%s: a form sends GET or POST", route.Pattern)
		case !own && route.Scope != management.Manage && route.Scope != management.Keys:
			t.Errorf("%s changes something with the scope %s", route.Pattern, route.Scope)
		}
	}
	if !maps.Equal(before, w.records()) {
		t.Error("a GET changed something")
	}
}

// A link works once, within five minutes, however often it is opened before.
func TestLink(t *testing.T) {
	w := newWorld(t)
	secret := w.link("viewer")
	for range 3 {
		if r := w.send("GET", "/console/sign-in?link="+secret, "", nil); r.StatusCode != http.StatusOK || len(r.Cookies()) > 0 {
			t.Fatalf("opening the link: %d, %v", r.StatusCode, r.Cookies())
		}
	}
	use := func(secret string) *http.Response {
		return w.send("POST", "/console/sign-in", host, url.Values{"link": {secret}})
	}
	w.now = w.now.Add(5*time.Minute - time.Second)
	first := use(secret)
	if first.StatusCode != http.StatusSeeOther || len(first.Cookies()) != 1 {
		t.Fatalf("using the link: %d, %v", first.StatusCode, first.Cookies())
	}
	if c := first.Cookies()[0]; c.Name != "__Host-dsync-console-session" || !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" {
		t.Errorf("the cookie is %v", c)
	}
	late := w.link("viewer")
	w.now = w.now.Add(5 * time.Minute)
	for name, secret := range map[string]string{"a used link": secret, "a late link": late, "half a link": late[:20], "no link": ""} {
		if r := use(secret); r.StatusCode != http.StatusUnauthorized || len(r.Cookies()) > 0 {
			t.Errorf("%s: %d, %v", name, r.StatusCode, r.Cookies())
		}
	}
	for _, order := range []string{`{}`, `{"person":"Ada","role":"king"}`, `{"person":"","role":"admin"}`} {
		if answer, err := w.function.Invoke(t.Context(), []byte(order)); err == nil {
			t.Errorf("%s makes %s", order, answer)
		}
	}
}

// Each change in the console has an audit event with the person.
func TestActor(t *testing.T) {
	w := newWorld(t)
	operator := w.signIn("operator")
	for _, action := range []struct {
		path string
		form url.Values
		name string
	}{
		{"/console/organizations", url.Values{"name": {"Globex"}}, "organization.created"},
		{"/console/organizations/" + w.organization + "/directories", url.Values{"name": {"Globex"}, "type": {"azure scim v2.0"}}, "directory.created"},
		{"/console/directories/" + w.directory + "/pause", nil, "directory.paused"},
		{"/console/directories/" + w.directory + "/resume", nil, "directory.resumed"},
	} {
		w.now = w.now.Add(time.Second)
		if r := w.send("POST", action.path, host, action.form, operator); r.StatusCode >= 400 {
			t.Errorf("%s: %d", action.path, r.StatusCode)
		}
		events, err := management.Bootstrap(w.table, time.Now, rand.Reader).AuditEvents(t.Context(), management.AuditFilter{}, management.PageRequest{Limit: 1})
		if err != nil || len(events.Items) != 1 {
			t.Fatal(events, err)
		}
		e := events.Items[0]
		if e.Action != action.name || e.Actor.Person != "Ada Lovelace" || !strings.HasPrefix(e.Actor.SessionID, "console_session_") || e.Actor.KeyID != "" {
			t.Errorf("%s: the audit event is %s by %+v", action.path, e.Action, e.Actor)
		}
	}
}

// Every answer has the strict headers, also that of an error.
func TestHeaders(t *testing.T) {
	w := newWorld(t)
	admin := w.signIn("admin")
	for _, path := range []string{"/console", "/console/nothing", "/console/sign-in", "/console/static/x/style.css"} {
		h := w.send("GET", path, "", nil, admin).Header
		for name, want := range map[string]string{
			"Content-Security-Policy":    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
			"Referrer-Policy":            "no-referrer",
			"Cache-Control":              "no-store",
			"X-Content-Type-Options":     "nosniff",
			"X-Frame-Options":            "DENY",
			"Cross-Origin-Opener-Policy": "same-origin",
		} {
			if h.Get(name) != want {
				t.Errorf("%s: %s is %q", path, name, h.Get(name))
			}
		}
	}
}

// The components are shown on a local machine only.
func TestStyleguide(t *testing.T) {
	w := newWorld(t)
	if r := w.send("GET", "/console/styleguide", "", nil, w.signIn("admin")); r.StatusCode != http.StatusNotFound {
		t.Errorf("over https: %d", r.StatusCode)
	}
}

package isolation

import (
	"crypto/rand"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"dsync/infra/topology"
	"dsync/internal/api"
	"dsync/internal/dsynctest"
	"dsync/internal/management"
	"dsync/internal/provider"
	"dsync/internal/scim"
	"dsync/internal/table"
)

func TestMain(m *testing.M) { dsynctest.Main(m) }

// promise is how long a secret may still work after it was revoked.
const promise = 10 * time.Second

// process is a process of a function: it remembers secrets for itself.
type process struct {
	name    string
	handler http.Handler
	path    string // that a secret opens
}

// processes are one process of each function with routes, with a clock of ours.
func processes(t *testing.T, tab *table.Table, now func() time.Time, externalKey string) (ofSCIM, ofREST []process) {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	for _, f := range topology.Dsync().Functions {
		if len(f.Routes) == 0 {
			continue
		}
		options := provider.Options{Table: tab, Now: now, Entropy: rand.Reader, Log: log}
		base := scim.BasePath + externalKey
		switch f.Name {
		case "users":
			ofSCIM = append(ofSCIM, process{f.Name, options.Users(), base + "/Users"})
		case "groups":
			ofSCIM = append(ofSCIM, process{f.Name, options.Groups(), base + "/Groups"})
		case "discovery":
			ofSCIM = append(ofSCIM, process{f.Name, options.Discovery(), base + "/Schemas"})
		case "api":
			ofREST = append(ofREST, process{f.Name, api.New(api.Options{Table: tab, Now: now, Entropy: rand.Reader, Log: log, SCIMBase: scim.BasePath}), "/directories"})
		case "console", "setup": // they read their sessions in each request
		default:
			t.Errorf("how is the function %s asked?", f.Name)
		}
	}
	return ofSCIM, ofREST
}

func (p process) ask(secret string) int {
	r := httptest.NewRequest(http.MethodGet, p.path, nil)
	r.Header.Set("Authorization", "Bearer "+secret)
	w := httptest.NewRecorder()
	p.handler.ServeHTTP(w, r)
	return w.Code
}

// Every process that knew a secret refuses it 10 seconds after it was revoked,
// or its directory paused, also when it was in use all the while. The clock is
// the test's.
func TestPromise(t *testing.T) {
	for name, c := range map[string]struct {
		end    func(s *management.Session, dir, token, key string) error
		ofSCIM int // what SCIM says then
		ofREST int
	}{
		"token revoked": {func(s *management.Session, dir, token, _ string) error {
			return s.RevokeToken(t.Context(), dir, token)
		}, 401, 200},
		"directory paused": {func(s *management.Session, dir, _, _ string) error {
			_, err := s.PauseDirectory(t.Context(), dir)
			return err
		}, 403, 200},
		"directory deleted": {func(s *management.Session, dir, _, _ string) error {
			return s.DeleteDirectory(t.Context(), dir)
		}, 401, 200},
		"key revoked": {func(s *management.Session, _, _, key string) error {
			return s.RevokeAPIKey(t.Context(), key)
		}, 200, 401},
	} {
		for use, step := range map[string]time.Duration{"in use": time.Second, "at rest": promise} {
			t.Run(name+", "+use, func(t *testing.T) {
				var ahead atomic.Int64
				begin := time.Now()
				now := func() time.Time { return begin.Add(time.Duration(ahead.Load())) }
				db, tableName := dsynctest.Table(t)
				tab := table.New(db, tableName)
				k, key, err := management.Bootstrap(tab, now, rand.Reader).CreateAPIKey(t.Context(), management.NewAPIKey{Name: "x", Scope: management.Manage})
				if err != nil {
					t.Fatal(err)
				}
				s, err := management.NewAuthenticator(tab, now, rand.Reader, slog.New(slog.DiscardHandler)).Authenticate(t.Context(), key, management.Origin{})
				if err != nil {
					t.Fatal(err)
				}
				name := "x"
				org, err := s.CreateOrganization(t.Context(), management.OrganizationUpdate{Name: &name})
				if err != nil {
					t.Fatal(err)
				}
				d, first, secret, err := s.CreateDirectory(t.Context(), management.NewDirectory{OrganizationID: org.ID, Name: "x"})
				if err != nil {
					t.Fatal(err)
				}
				scim, rest := processes(t, tab, now, d.ExternalKey)
				all := func(what string, ofSCIM, ofREST int) {
					for _, p := range scim {
						if status := p.ask(secret); status != ofSCIM && ofSCIM != 0 {
							t.Errorf("%s, %s: %d, not %d", what, p.name, status, ofSCIM)
						}
					}
					for _, p := range rest {
						if status := p.ask(key); status != ofREST && ofREST != 0 {
							t.Errorf("%s, %s: %d, not %d", what, p.name, status, ofREST)
						}
					}
				}
				all("before", 200, 200)
				if err := c.end(s, d.ID, first.ID, k.ID); err != nil {
					t.Fatal(err)
				}
				for ahead.Load() < int64(promise) {
					all("meanwhile", 0, 0)
					ahead.Add(int64(step))
				}
				all("10 seconds after", c.ofSCIM, c.ofREST)
			})
		}
	}
}

// The same on a machine, by its clock: each function has let the token and the
// key in before, and refuses them at the first try 10 seconds after.
func TestRevokedIsRefused(t *testing.T) {
	w := start(t)
	o := w.customer(t, "Abacus")
	key := w.call(t, "POST", "/api_keys", o, map[string]any{"name": "x", "scope": "read"})
	uses := []struct {
		ask    ask
		secret string
	}{
		{ask{scim: true, method: "GET", path: tenant + "/Users"}, o.secret},
		{ask{scim: true, method: "GET", path: tenant + "/Groups"}, o.secret},
		{ask{scim: true, method: "GET", path: tenant + "/Schemas"}, o.secret},
		{ask{method: "GET", path: "/directories"}, text(key, "value")},
	}
	for _, u := range uses {
		if s := w.send(t, "Bearer "+u.secret, u.ask, o); s.status != 200 {
			t.Fatalf("%v before: %d %s", u.ask, s.status, s.body)
		}
	}
	w.call(t, "DELETE", "/directories/{directory}/tokens/{token}", o, nil)
	w.call(t, "DELETE", "/api_keys/"+text(key, "id"), o, nil)
	revoked := time.Now()
	<-time.After(promise)
	for _, u := range uses {
		after := time.Since(revoked)
		s := w.send(t, "Bearer "+u.secret, u.ask, o)
		if s.status != 401 || s.tells(o.told("Abacus")) != "" {
			t.Errorf("%v, %v after: %d %s", u.ask, after, s.status, s.body)
		}
		t.Logf("%v: refused at the first try, %.1f s after it was revoked", u.ask, after.Seconds())
	}
}

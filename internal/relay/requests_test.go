package relay_test

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"dsync/internal/dsync"
	"dsync/internal/provider"
	"dsync/internal/scim"
	"dsync/internal/session"
)

// client sends SCIM requests to the directory of a machine.
type client struct {
	users, groups http.Handler
	base, secret  string
}

func (m *machine) client(secret string) client {
	o := provider.Options{Table: m.table, Now: time.Now, Entropy: rand.Reader, Log: quiet}
	return client{o.Users(), o.Groups(), scim.BasePath + m.directory.ExternalKey, secret}
}

func (c client) send(method, path, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "https://dsync.example"+c.base+path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+c.secret)
	if body != "" {
		r.Header.Set("Content-Type", "application/scim+json")
	}
	h := c.users
	if strings.HasPrefix(path, "/Groups") {
		h = c.groups
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// shows reports whether a group shows a user as a member.
func (c client) shows(t *testing.T, group, user string) bool {
	t.Helper()
	w := c.send("GET", "/Groups/"+group, "")
	if w.Code != 200 {
		t.Fatalf("GET of the group: %d %s", w.Code, w.Body)
	}
	var body struct{ Members []struct{ Value string } }
	if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
		t.Fatal(err)
	}
	return slices.ContainsFunc(body.Members, func(m struct{ Value string }) bool { return m.Value == user })
}

// A user leaves while a request adds it to a group, and right after that another
// request removes it from a group. Consumers are told nothing of a membership after
// the deletion of its user, and a group does not show a user whose deletion is
// answered.
func TestRequestsAroundADeletion(t *testing.T) {
	const rounds = 8
	disable := `{"Operations":[{"op":"Replace","path":"active","value":"False"}]}`
	for _, row := range []struct {
		source  string
		view    dsync.Projection
		method  string
		body    string
		deleted bool // for consumers
		gone    bool // for the provider
	}{
		{"entra: DELETE, policy suspend", dsync.Projection{}, "DELETE", "", true, true},
		{"okta: DELETE, policy delete", dsync.Projection{Deactivation: dsync.Delete}, "DELETE", "", true, true},
		{"entra: disable, policy delete", dsync.Projection{Deactivation: dsync.Delete}, "PATCH", disable, true, false},
		{"okta: disable, policy suspend", dsync.Projection{}, "PATCH", disable, false, false},
	} {
		t.Run(row.source, func(t *testing.T) {
			m := prepare(t, intact)
			c := m.client(m.connect(t, row.view))
			kept, joined := m.create(t, session.Groups, map[string]any{"displayName": "kept"}), m.create(t, session.Groups, map[string]any{"displayName": "joined"})
			change := func(op, group, user string) {
				body := fmt.Sprintf(`{"Operations":[{"op":%q,"path":"members","value":[{"value":%q}]}]}`, op, user)
				if w := c.send("PATCH", "/Groups/"+group, body); w.Code != 204 {
					t.Errorf("%s: %d %s", op, w.Code, w.Body)
				}
			}
			var users []string
			for i := range rounds {
				user := m.create(t, session.Users, map[string]any{"userName": fmt.Sprint("u", i), "active": true})
				users = append(users, user)
				change("Add", kept, user)
				var requests sync.WaitGroup
				requests.Go(func() { change("Add", joined, user) })
				requests.Go(func() {
					if w := c.send(row.method, "/Users/"+user, row.body); w.Code >= 300 {
						t.Errorf("%s: %d %s", row.method, w.Code, w.Body)
					}
					if row.gone && c.shows(t, kept, user) {
						t.Error("the group shows a user whose deletion is answered")
					}
					change("Remove", kept, user)
				})
				requests.Wait()
			}
			marker := m.create(t, session.Users, map[string]any{"userName": "marker"})
			m.await(t, dsync.UserCreated, marker)
			all := m.until(t, "not every user left", func(all []dsync.Event) bool {
				left := 0
				for _, e := range all {
					if e.Name == dsync.UserDeleted || e.Name == dsync.UserUpdated {
						left++
					}
				}
				return left == rounds
			})
			slices.SortFunc(all, func(a, b dsync.Event) int { return int(a.Context.Sequence - b.Context.Sequence) })
			deleted, member := map[string]bool{}, map[string]bool{}
			for _, e := range all {
				r := e.References()
				switch {
				case e.Name == dsync.UserDeleted:
					deleted[r.UserID] = true
				case r.UserID != "" && deleted[r.UserID]:
					t.Errorf("%s of %s follows the deletion", e.Name, r.UserID)
				case e.Name == dsync.GroupUserAdded:
					member[r.GroupID+r.UserID] = true
				case e.Name == dsync.GroupUserRemoved:
					delete(member, r.GroupID+r.UserID)
				}
			}
			for _, user := range users {
				if deleted[user] != row.deleted {
					t.Errorf("the deletion of %s was told: %v", user, deleted[user])
				}
				if !row.deleted && (member[kept+user] || !member[joined+user]) {
					t.Errorf("%s is a member of the first group: %v, of the second: %v", user, member[kept+user], member[joined+user])
				}
			}
		})
	}
}

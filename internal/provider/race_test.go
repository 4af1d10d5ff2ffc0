package provider_test

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"dsync/internal/provider"
	"dsync/internal/scim"
	"dsync/internal/table"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// patience is how long what follows a request may take on a busy machine.
const patience = 20 * time.Second

// idsNamed are the ids of the users that a filter by userName finds.
func (v tenant) idsNamed(t testing.TB, name string) []string {
	t.Helper()
	return v.ask(t, 200, "GET", "/Users?filter="+url.QueryEscape(fmt.Sprintf("userName eq %q", name)), "").each("id")
}

// memberIDs are the ids of a group's members.
func (v tenant) memberIDs(t testing.TB, group string) map[string]bool {
	t.Helper()
	ids := map[string]bool{}
	list, _ := v.ask(t, 200, "GET", group, "").body["members"].([]any)
	for _, m := range list {
		ids[m.(map[string]any)["value"].(string)] = true
	}
	return ids
}

// together runs n calls at once and counts the statuses they return.
func together(n int, call func(i int) int) map[int]int {
	var mu sync.Mutex
	var wg sync.WaitGroup
	start, statuses := make(chan struct{}), map[int]int{}
	for i := range n {
		wg.Go(func() {
			<-start
			status := call(i)
			mu.Lock()
			defer mu.Unlock()
			statuses[status]++
		})
	}
	close(start)
	wg.Wait()
	return statuses
}

// Parallel PATCHes of one user lose no change and no version.
func TestRacingPatches(t *testing.T) {
	v := open(t)
	user := v.newUser(t, "ada")
	attributes := []string{"displayName", "nickName", "title", "userType", "locale", "timezone", "preferredLanguage",
		"name.givenName", "name.familyName", "name.formatted", `emails[type eq \"work\"].value`, `phoneNumbers[type eq \"mobile\"].value`,
		scim.EnterpriseURN + ":department", scim.EnterpriseURN + ":division", scim.EnterpriseURN + ":employeeNumber"}
	statuses := together(len(attributes), func(i int) int {
		o := fmt.Sprintf(`{"op":"Add","path":"%s","value":"value-%d"}`, attributes[i], i)
		return v.send(v.users, "PATCH", user, patchOf(o)).Code
	})
	if statuses[200] != len(attributes) {
		t.Errorf("statuses %v", statuses)
	}
	got := v.ask(t, 200, "GET", user, "")
	for i, a := range attributes {
		if !strings.Contains(got.text, fmt.Sprintf(`"value-%d"`, i)) {
			t.Errorf("the change of %s is lost: %s", a, got.text)
		}
	}
	if tag, want := got.header.Get("ETag"), fmt.Sprintf(`W/"%d"`, 1+len(attributes)); tag != want {
		t.Errorf("version %s, not %s", tag, want)
	}
}

// With If-Match only one of many PATCHes of one version goes through.
func TestRacingConditions(t *testing.T) {
	v := open(t)
	user, group := v.newUser(t, "ada"), v.newGroup(t, "g")
	for _, c := range []struct {
		h          http.Handler
		path, body string
		status     int
	}{
		{v.users, user, patchOf(`{"op":"Replace","path":"title","value":"%d"}`), 200},
		{v.groups, group, patchOf(`{"op":"Replace","path":"displayName","value":"%d"}`), 204},
	} {
		statuses := together(10, func(i int) int {
			return v.send(c.h, "PATCH", c.path, fmt.Sprintf(c.body, i), "If-Match", `W/"1"`).Code
		})
		if statuses[c.status] != 1 || statuses[412] != 9 {
			t.Errorf("%s: statuses %v", c.path, statuses)
		}
	}
}

// Of parallel creates with one name, in any letter case, one wins. The others
// are told that the name is not unique.
func TestRacingCreates(t *testing.T) {
	v := open(t)
	names := []string{"ada@example.com", "ADA@example.com", "Ada@Example.com"}
	for _, c := range []struct {
		h              http.Handler
		endpoint, body string
	}{
		{v.users, "/Users", `{"userName":%q,"externalId":"x"}`},
		{v.groups, "/Groups", `{"displayName":%q,"externalId":"x"}`},
	} {
		before := v.count(t)
		statuses := together(20, func(i int) int {
			w := v.send(c.h, "POST", c.endpoint, fmt.Sprintf(c.body, names[i%len(names)]))
			if w.Code == 409 && object(t, w)["scimType"] != string(scim.Uniqueness) {
				t.Errorf("409 %s", w.Body)
			}
			return w.Code
		})
		if statuses[201] != 1 || statuses[409] != 19 {
			t.Errorf("%s: statuses %v", c.endpoint, statuses)
		}
		if got := v.count(t) - before; got != 4 { // the resource, the claims of its name and id, its look-up
			t.Errorf("%s: %d records", c.endpoint, got)
		}
	}
}

// Whatever the order in which a rename and creates of the freed name happen,
// a name has at most one user, and one that nobody has can be taken.
func TestRenameAgainstCreate(t *testing.T) {
	v := open(t)
	for round := range 8 {
		old, new := fmt.Sprint("old-", round), fmt.Sprint("new-", round)
		user := v.newUser(t, old)
		statuses := together(7, func(i int) int {
			if i == 0 {
				// Its own: it must go through, for nobody else wants the new name.
				if w := v.send(v.users, "PATCH", user, patchOf(`{"op":"Replace","path":"userName","value":"`+new+`"}`)); w.Code != 200 {
					t.Errorf("rename: %d %s", w.Code, w.Body)
				}
				return 0
			}
			return v.send(v.users, "POST", "/Users", `{"userName":"`+old+`"}`).Code
		})
		if statuses[201] > 1 || statuses[201]+statuses[409] != 6 {
			t.Errorf("round %d: statuses of creates %v", round, statuses)
		}
		if ids := v.idsNamed(t, new); len(ids) != 1 || ids[0] != lastSegment(user) {
			t.Errorf("round %d: %s is the name of %v", round, new, ids)
		}
		if ids := v.idsNamed(t, old); len(ids) != statuses[201] {
			t.Errorf("round %d: %s is the name of %v after %v", round, old, ids, statuses)
		}
		if statuses[201] == 0 {
			v.newUser(t, old) // nobody has it: it can be taken
		}
	}
}

// Of two users that want one name, in two spellings, one gets it; of two that
// want each other's, none does. No name is lost or held twice.
func TestRacingRenames(t *testing.T) {
	v := open(t)
	for round := range 8 {
		a, b, c := fmt.Sprint("a-", round), fmt.Sprint("b-", round), fmt.Sprint("c-", round)
		users, wanted, renamed := []string{v.newUser(t, a), v.newUser(t, b)}, []string{b, a}, 0
		if round%2 == 0 {
			wanted, renamed = []string{c, strings.ToUpper(c)}, 1
		}
		statuses := together(2, func(i int) int {
			return v.send(v.users, "PATCH", users[i], patchOf(`{"op":"Replace","path":"userName","value":"`+wanted[i]+`"}`)).Code
		})
		if statuses[200] != renamed || statuses[409] != 2-renamed {
			t.Errorf("round %d: statuses %v", round, statuses)
		}
		held := map[string]bool{}
		for _, user := range users {
			name := v.ask(t, 200, "GET", user, "").body["userName"].(string)
			if ids := v.idsNamed(t, name); len(ids) != 1 || ids[0] != lastSegment(user) {
				t.Errorf("round %d: %s is the name of %v, not of %s", round, name, ids, user)
			}
			held[scim.Fold(name)] = true
		}
		for _, name := range []string{a, b, c} {
			if !held[name] {
				v.newUser(t, name) // nobody has it: it can be taken
			}
		}
	}
}

// Concurrent single-member adds and removes do not meet: each has its effect.
func TestRacingMembers(t *testing.T) {
	v := open(t)
	group := v.newGroup(t, "g")
	users := make([]string, 24)
	for i := range users {
		users[i] = lastSegment(v.newUser(t, fmt.Sprint("u", i)))
		if i%2 == 0 {
			v.send(v.groups, "PATCH", group, membersPatch("Add", users[i]))
		}
	}
	// The even ones leave, the odd ones come, and all are told twice.
	statuses := together(2*len(users), func(i int) int {
		user := i % len(users)
		return v.send(v.groups, "PATCH", group, membersPatch([]string{"Remove", "Add"}[user%2], users[user])).Code
	})
	if statuses[204] != 2*len(users) {
		t.Errorf("statuses %v", statuses)
	}
	in := v.memberIDs(t, group)
	for i, user := range users {
		if in[user] != (i%2 == 1) {
			t.Errorf("user %d is a member: %v", i, in[user])
		}
	}
}

// pause holds up the first write of a membership until resume is closed.
type pause struct {
	aws.HTTPClient
	once            sync.Once
	reached, resume chan struct{}
}

func (p *pause) Do(r *http.Request) (*http.Response, error) {
	if _, call, _ := strings.Cut(r.Header.Get("X-Amz-Target"), "."); strings.Contains(call, "Write") || strings.Contains(call, "Put") {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		if bytes.Contains(body, []byte(`"M#`)) {
			p.once.Do(func() {
				close(p.reached)
				<-p.resume
			})
		}
	}
	return p.HTTPClient.Do(r)
}

// paused is the tenant through functions whose first write of a membership is
// held up.
func (v tenant) paused() (tenant, *pause) {
	o := v.api.Options()
	p := &pause{HTTPClient: o.HTTPClient, reached: make(chan struct{}), resume: make(chan struct{})}
	o.HTTPClient = p
	log := slog.New(slog.DiscardHandler)
	return v.serving(provider.Options{Table: table.New(dynamodb.New(o), v.table), Log: log}), p
}

// memberships counts the records of memberships, removed ones left out.
func (v tenant) memberships(t testing.TB) (n int) {
	t.Helper()
	for key, record := range v.records(t) {
		if strings.Contains(key, " M#") && !strings.Contains(record, `"deleted":true`) {
			n++
		}
	}
	return n
}

// settles waits until no membership is left.
func (v tenant) settles(t testing.TB) {
	t.Helper()
	left := v.memberships(t)
	for deadline := time.Now().Add(patience); left > 0 && time.Now().Before(deadline); left = v.memberships(t) {
	}
	if left > 0 {
		t.Errorf("%d memberships of what is deleted are left", left)
	}
}

// A user or group is deleted, and the job after it has ended, between the
// moment when a request to add a member has read both and the moment when it
// writes the membership. No membership is left.
func TestMembershipAfterDeletion(t *testing.T) {
	for name, request := range map[string]func(v tenant, user, group string) *httptest.ResponseRecorder{
		"add": func(v tenant, user, group string) *httptest.ResponseRecorder {
			return v.send(v.groups, "PATCH", group, membersPatch("Add", lastSegment(user)))
		},
		"replace": func(v tenant, user, group string) *httptest.ResponseRecorder {
			return v.send(v.groups, "PUT", group, fmt.Sprintf(`{"displayName":"g","members":[{"value":%q}]}`, lastSegment(user)))
		},
		"create": func(v tenant, user, group string) *httptest.ResponseRecorder {
			return v.send(v.groups, "POST", "/Groups", fmt.Sprintf(`{"displayName":"h","members":[{"value":%q}]}`, lastSegment(user)))
		},
	} {
		for _, deleted := range []string{"user", "group"} {
			if name == "create" && deleted == "group" {
				continue
			}
			t.Run(name+" against the deletion of the "+deleted, func(t *testing.T) {
				v := open(t)
				done := v.background(t)
				user, group := v.newUser(t, "ada"), v.newGroup(t, "g")
				slow, hold := v.paused()
				res := make(chan *httptest.ResponseRecorder)
				go func() { res <- request(slow, user, group) }()
				<-hold.reached
				h, path := v.users, user
				if deleted == "group" {
					h, path = v.groups, group
				}
				if w := v.send(h, "DELETE", path, ""); w.Code != 204 {
					t.Errorf("DELETE: %d %s", w.Code, w.Body)
				}
				for subject := ""; subject != lastSegment(path); {
					subject = <-done
				}
				close(hold.resume)
				if w := <-res; w.Code >= 500 {
					t.Errorf("%d %s", w.Code, w.Body)
				}
				v.settles(t)
			})
		}
	}
}

// Members are added to groups while both are deleted, as it happens.
func TestDeletionAgainstAdds(t *testing.T) {
	v := open(t)
	v.background(t)
	for round := range 5 {
		user, group := v.newUser(t, fmt.Sprint("u", round)), v.newGroup(t, fmt.Sprint("g", round))
		other := v.newGroup(t, fmt.Sprint("h", round))
		statuses := together(8, func(i int) int {
			switch i {
			case 0:
				return v.send(v.users, "DELETE", user, "").Code
			case 1:
				return v.send(v.groups, "DELETE", group, "").Code
			}
			return v.send(v.groups, "PATCH", []string{group, other}[i%2], membersPatch("Add", lastSegment(user))).Code
		})
		if statuses[204]+statuses[404] != 8 {
			t.Errorf("statuses %v", statuses)
		}
	}
	v.settles(t)
}

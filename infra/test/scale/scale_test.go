package scale

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"dsync/internal/api"
	"dsync/internal/dsynctest"
	"dsync/internal/eventlog"
	"dsync/internal/management"
	"dsync/internal/provider"
	"dsync/internal/table"
)

func TestMain(m *testing.M) { dsynctest.Main(m) }

// world is a table of a shape, and what its requests name.
type world struct {
	testing.TB
	seed        *seed
	table       *table.Table
	dir         table.Directory
	secret, key string

	names map[string]string
	users []string // of the large directory

	// What TestSpeed uses.
	scimHandler, restHandler http.Handler
	keys                     []string
	thousand                 string   // a PATCH operation that adds 1,000 users
	empty                    []string // groups
	tenGroups, leavers       []string
	leaverNames              []string
}

func open(t testing.TB, to shape) *world {
	s := newSeed(t)
	w := &world{TB: t, seed: s, table: s.table}
	w.dir, w.secret = dsynctest.Connect(t, s.table)
	var err error
	if _, w.key, err = management.Bootstrap(s.table, time.Now, rand.Reader).CreateAPIKey(t.Context(), management.NewAPIKey{Name: "key", Scope: "manage keys"}); err != nil {
		t.Fatal(err)
	}
	w.names = map[string]string{"{dir}": w.dir.ID, "{org}": w.dir.OrganizationID}
	w.names["{template}"] = w.scim(201, "POST", "/Users", person(templateName)).id
	w.names["{group}"] = w.scim(201, "POST", "/Groups", `{"displayName":"everybody","externalId":"everybody-1","members":[{"value":"{template}"}]}`).id
	users := s.fill(w.dir, w.names["{template}"], w.names["{group}"], to)
	// One in the middle, and one that is deleted.
	w.names["{user}"], w.names["{leaver}"] = users[len(users)/2], users[len(users)/2+1]
	w.names["{first}"], w.users = users[0], users
	r, err := s.table.Resource(t.Context(), table.User, w.dir.ID, users[len(users)/2])
	if err != nil {
		t.Fatal(err)
	}
	var doc struct{ UserName, ExternalID string }
	if err := json.Unmarshal([]byte(r.Document), &doc); err != nil {
		t.Fatal(err)
	}
	w.names["{name}"], w.names["{ext}"] = doc.UserName, doc.ExternalID
	return w
}

func person(name string) string {
	return fmt.Sprintf(`{"userName":"%s@example.com","externalId":"ext-%s","active":true,"name":{"givenName":"Ada","familyName":"Lovelace"},"title":"Engineer","emails":[{"type":"work","primary":true,"value":"%s@example.com"}]}`, name, name, name)
}

// cost is what a request costs.
type cost struct {
	status      int
	trips       int
	write, read float64
	id          string // of what was created
}

// same reports whether the costs do not differ. Records of other lengths may differ
// by a few bytes, and so by half a unit.
func (c cost) same(other cost) bool {
	near := func(a, b float64) bool { return a-b <= 1 && b-a <= 1 }
	return c.status == other.status && c.trips == other.trips && near(c.write, other.write) && near(c.read, other.read)
}

// fill replaces the names of what the table has.
func (w *world) fill(text string) string {
	for name, value := range w.names {
		text = strings.ReplaceAll(text, name, value)
		text = strings.ReplaceAll(text, url.QueryEscape(name), url.QueryEscape(value))
	}
	return text
}

// scim sends a request to processes that know the token, and nothing else.
func (w *world) scim(status int, method, path, body string) cost {
	w.Helper()
	handler := provider.Options{Table: w.table, Now: time.Now, Entropy: rand.Reader, Log: slog.New(slog.DiscardHandler), Limits: provider.DefaultLimits}.Discovery()
	base := "/scim/v2.0/" + w.dir.ExternalKey
	w.send(handler, 200, "GET", base+"/ServiceProviderConfig", w.secret, "")
	return w.send(handler, status, method, base+w.fill(path), w.secret, w.fill(body))
}

// rest is scim for the REST API.
func (w *world) rest(status int, method, path, body string) cost {
	w.Helper()
	handler := api.New(api.Options{Table: w.table, Events: eventlog.New(w.table, time.Now), Now: time.Now, Entropy: rand.Reader, Log: slog.New(slog.DiscardHandler), SCIMBase: "/scim/v2.0/"})
	w.send(handler, 200, "GET", w.fill("/organizations/{org}"), w.key, "")
	return w.send(handler, status, method, w.fill(path), w.key, w.fill(body))
}

func (w *world) send(handler http.Handler, status int, method, path, secret, body string) cost {
	w.Helper()
	ctx, meter := table.WithMeter(w.Context())
	r := httptest.NewRequestWithContext(ctx, method, "https://dsync.example"+path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+secret)
	r.Header.Set("Content-Type", "application/json")
	out := httptest.NewRecorder()
	handler.ServeHTTP(out, r)
	if out.Code != status {
		w.Errorf("%s %s: %d %.300s", method, path, out.Code, out.Body)
	}
	var object struct{ ID string }
	_ = json.Unmarshal(out.Body.Bytes(), &object)
	return cost{out.Code, meter.RoundTrips, meter.WriteUnits, meter.ReadUnits, object.ID}
}

func filter(text string) string { return "?filter=" + url.QueryEscape(text) }

func patch(operation string) string {
	return `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[` + operation + `]}`
}

// operation is a request and the status of its response.
type operation struct {
	name   string
	status int
	do     func(w *world, status int) cost
	// An exception may cost more in a large table: why, up to how many read units, and
	// with which status.
	why   string
	most  float64
	large int
}

func scim(status int, method, path, body string) operation {
	return operation{name: "SCIM " + method + " " + path, status: status, do: func(w *world, status int) cost { return w.scim(status, method, path, body) }}
}

func rest(status int, method, path string, body ...string) operation {
	return operation{name: "REST " + method + " " + path, status: status, do: func(w *world, status int) cost { return w.rest(status, method, path, strings.Join(body, "")) }}
}

func (o operation) called(name string) operation { o.name = name; return o }
func (o operation) except(status int, most float64, why string) operation {
	o.large, o.most, o.why = status, most, why
	return o
}

// keeping is the operation whose result has a name in later ones.
func (o operation) keeping(name string) operation {
	do := o.do
	o.do = func(w *world, status int) cost {
		c := do(w, status)
		w.names[name] = c.id
		return c
	}
	return o
}

const idsAreRead = "the ids of up to 2,000 users are read to count them, 16 units for each 1,000; above, the directory keeps the count"

var operations = []operation{
	scim(200, "GET", "/Users"+filter(`userName eq "{name}"`), "").called("SCIM GET /Users?filter=userName eq (found)"),
	scim(200, "GET", "/Users"+filter(`userName eq "nobody"`), "").called("SCIM GET /Users?filter=userName eq (not found)"),
	scim(200, "GET", "/Users"+filter(`externalId eq "{ext}"`), "").called("SCIM GET /Users?filter=externalId eq"),
	scim(200, "GET", "/Users"+filter(`emails[type eq "work"].value eq "{name}"`), "").called("SCIM GET /Users?filter=emails eq"),
	scim(200, "GET", "/Users"+filter(`id eq "{user}"`), "").called("SCIM GET /Users?filter=id eq"),
	scim(200, "GET", "/Users?count=1", "").except(200, 35, idsAreRead),
	scim(200, "GET", "/Users?count=100", "").except(200, 85, idsAreRead),
	scim(200, "GET", "/Users?startIndex=101&count=10", "").except(200, 40, idsAreRead),
	scim(200, "GET", "/Users/{user}", ""),
	scim(201, "POST", "/Users", person("created")).keeping("{created}"),
	scim(200, "PATCH", "/Users/{user}", patch(`{"op":"Replace","path":"title","value":"CTO"}`)),
	scim(200, "PUT", "/Users/{created}", person("replaced")),
	scim(200, "PATCH", "/Users/{user}", patch(`{"op":"Replace","path":"active","value":false}`)).called("SCIM PATCH /Users/{user} active false"),
	scim(200, "GET", "/Groups"+filter(`displayName eq "everybody"`)+"&excludedAttributes=members", "").called("SCIM GET /Groups?filter=displayName eq, without members"),
	scim(200, "GET", "/Groups"+filter(`id eq "{group}" and members eq "{user}"`)+"&excludedAttributes=members", "").called("SCIM GET /Groups?filter=id eq and members eq"),
	scim(200, "GET", "/Groups"+filter(`members eq "{user}"`)+"&excludedAttributes=members", "").called("SCIM GET /Groups?filter=members eq"),
	scim(200, "GET", "/Groups?count=10&excludedAttributes=members", ""),
	scim(200, "GET", "/Groups/{group}?excludedAttributes=members", ""),
	scim(200, "GET", "/Groups/{group}", "").except(400, 1_300, "it reads the members: each costs a tenth of a unit, and above 10,000 it is refused"),
	scim(204, "PATCH", "/Groups/{group}", patch(`{"op":"Add","path":"members","value":[{"value":"{created}"}]}`)).called("SCIM PATCH /Groups/{group} add a member"),
	scim(204, "PATCH", "/Groups/{group}", patch(`{"op":"Remove","path":"members","value":[{"value":"{created}"}]}`)).called("SCIM PATCH /Groups/{group} remove a member"),
	scim(204, "PATCH", "/Groups/{group}", patch(`{"op":"Replace","path":"displayName","value":"all"}`)).called("SCIM PATCH /Groups/{group} displayName"),
	scim(201, "POST", "/Groups", `{"displayName":"created"}`).keeping("{createdGroup}"),
	scim(204, "DELETE", "/Groups/{createdGroup}", ""),
	scim(204, "DELETE", "/Users/{leaver}", ""),
	scim(200, "POST", "/Bulk", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],"Operations":[{"method":"PATCH","path":"/Users/{user}","data":{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"Replace","path":"title","value":"CEO"}]}}]}`),

	rest(200, "GET", "/directory_users/{first}"),
	rest(200, "GET", "/directory_users/{first}?directory={dir}"),
	rest(404, "GET", "/directory_users/directory_user_01ARZ3NDEKTSV4RRFFQ69G5FAV").called("REST GET /directory_users/{unknown}"),
	rest(200, "GET", "/directory_users?directory={dir}&limit=100"),
	rest(200, "GET", "/directory_users?directory={dir}&limit=10&after={first}&order=asc"),
	rest(200, "GET", "/directory_users?group={group}&limit=10"),
	rest(200, "GET", "/directory_users?directory={dir}&email={name}"),
	rest(200, "GET", "/directory_users?directory={dir}&idp_id={ext}"),
	rest(200, "GET", "/directory_groups/{group}"),
	rest(200, "GET", "/directory_groups?directory={dir}"),
	rest(200, "GET", "/directory_groups?user={first}"),
	rest(200, "GET", "/directories?limit=100").except(200, 110, "the small table has 11 directories"),
	rest(200, "GET", "/directories?limit=10"),
	rest(200, "GET", "/directories?organization_id={org}&limit=10"),
	rest(200, "GET", "/directories?search=nothing").except(200, 1_100, "it reads a bounded number of directories, and goes on with a cursor"),
	rest(200, "GET", "/directories/{dir}"),
	rest(200, "PATCH", "/directories/{dir}", `{"name":"renamed"}`),
	rest(201, "POST", "/directories", `{"name":"new","organization_id":"{org}"}`).keeping("{new}"),
	rest(200, "POST", "/directories/{new}/pause"),
	rest(200, "POST", "/directories/{new}/resume"),
	rest(200, "GET", "/directories/{dir}/tokens"),
	rest(201, "POST", "/directories/{new}/tokens").keeping("{token}"),
	rest(200, "GET", "/directories/{dir}/jobs"),
	rest(200, "GET", "/directories/{dir}/requests").except(200, 5, "the request that was refused is in it"),
	rest(202, "DELETE", "/directories/{new}"),
	rest(200, "GET", "/organizations"),
	rest(200, "GET", "/organizations/{org}"),
	rest(200, "PUT", "/organizations/{org}", `{"name":"renamed"}`),
	rest(200, "PUT", "/organizations/{org}", `{"domain_data":[{"domain":"example.com","state":"verified"}]}`).called("REST PUT /organizations/{org} domains"),
	rest(201, "POST", "/organizations", `{"name":"new"}`).keeping("{newOrg}"),
	rest(200, "GET", "/events?directory={dir}"),
	rest(200, "GET", "/events?limit=10"),
	rest(200, "GET", "/audit_events?limit=10"),
	rest(200, "GET", "/audit_events?directory_id={dir}"),
	rest(200, "GET", "/api_keys"),
	rest(201, "POST", "/api_keys", `{"name":"new","scope":"read"}`),
}

// Every operation costs the same in a table with many directories and a large one
// as in a table with few and a small one. The exceptions say why. With
// DSYNC_BENCH=1 the table has 10,000 directories of 10 users, and one of 100,000
// users and a group of them.
func TestCostAtScale(t *testing.T) {
	small, large := shape{10, 200}, shape{60, 1_500}
	if os.Getenv("DSYNC_BENCH") == "1" {
		small, large = shape{10, 1_000}, shape{10_000, 100_000}
	}
	worlds := [2]*world{open(t, small), open(t, large)}
	t.Logf("| operation | %d directories, %d users | %d directories, %d users |", small.directories, small.users, large.directories, large.users)
	t.Log("|---|---|---|")
	for _, o := range operations {
		var costs [2]cost
		for i, w := range worlds {
			status := o.status
			if i == 1 && large.users > 10_000 && o.large != 0 {
				status = o.large
			}
			costs[i] = o.do(w, status)
		}
		show := func(c cost) string { return fmt.Sprintf("%d, %.4g, %.4g", c.trips, c.write, c.read) }
		note := ""
		if !costs[0].same(costs[1]) {
			note = " differs: " + o.why
			if o.why == "" || costs[1].read > o.most {
				t.Errorf("%s: %s, then %s", o.name, show(costs[0]), show(costs[1]))
			}
		}
		t.Logf("| %s | %s | %s |%s", o.name, show(costs[0]), show(costs[1]), note)
	}
	t.Log("round trips, write units, read units, as the engine counts them: a transaction has 4 units for each KB of a record there, where DynamoDB bills 2")
}

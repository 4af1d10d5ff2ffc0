package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"dsync/infra/topology"
	"dsync/internal/api"
	"dsync/internal/awslocal/awsconfig"
	"dsync/internal/doctor"
	"dsync/internal/dsynctest"
	"dsync/internal/eventlog"
	"dsync/internal/management"
	"dsync/internal/metric"
	"dsync/internal/provider"
	"dsync/internal/relay"
	"dsync/internal/table"
	"dsync/internal/table/idclaim"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
)

func TestMain(m *testing.M) { dsynctest.Main(m) }

// billing counts the units of the calls of a client. The engine counts those of all
// calls but transactions, for which it does not count what DynamoDB bills.
type billing struct {
	client dynamodb.HTTPClient

	mu            sync.Mutex
	reads, writes float64
}

func (b *billing) Do(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	var in map[string]any
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, err
	}
	in["ReturnConsumedCapacity"] = "TOTAL"
	if body, err = json.Marshal(in); err != nil {
		return nil, err
	}
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	out, err := b.client.Do(r)
	if err != nil {
		return nil, err
	}
	answer, err := io.ReadAll(out.Body)
	if err != nil {
		return nil, err
	}
	_ = out.Body.Close()
	out.Body = io.NopCloser(bytes.NewReader(answer))
	_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	b.mu.Lock()
	defer b.mu.Unlock()
	switch operation {
	case "TransactWriteItems":
		b.writes += transactionUnits(in)
	case "BatchGetItem":
		b.reads += consumed(answer) + notFound(in, answer)
	case "GetItem", "Query":
		b.reads += consumed(answer)
	default:
		b.writes += consumed(answer)
	}
	return out, nil
}

func (b *billing) take() (reads, writes float64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	reads, writes = b.reads, b.writes
	b.reads, b.writes = 0, 0
	return reads, writes
}

// consumed is the units that an answer names.
func consumed(answer []byte) (sum float64) {
	type capacity struct{ CapacityUnits float64 }
	var one struct{ ConsumedCapacity capacity }
	if json.Unmarshal(answer, &one) == nil {
		return one.ConsumedCapacity.CapacityUnits
	}
	var several struct{ ConsumedCapacity []capacity }
	_ = json.Unmarshal(answer, &several)
	for _, c := range several.ConsumedCapacity {
		sum += c.CapacityUnits
	}
	return sum
}

// notFound is the keys of a batch that no record has. DynamoDB charges a unit for
// each; the engine counts none.
func notFound(in map[string]any, answer []byte) float64 {
	n := 0
	for _, request := range in["RequestItems"].(map[string]any) {
		keys, _ := request.(map[string]any)["Keys"].([]any)
		n += len(keys)
	}
	var out struct {
		Responses       map[string][]any
		UnprocessedKeys map[string]struct{ Keys []any }
	}
	_ = json.Unmarshal(answer, &out)
	for _, found := range out.Responses {
		n -= len(found)
	}
	for _, rest := range out.UnprocessedKeys {
		n -= len(rest.Keys)
	}
	return float64(n)
}

// transactionUnits is what DynamoDB bills for a transaction: two units for each KB
// of a record, and one for a new place in the index. Records that are updated,
// deleted or checked are taken to have one KB at most.
func transactionUnits(in map[string]any) (units float64) {
	actions, _ := in["TransactItems"].([]any)
	for _, a := range actions {
		put, ok := a.(map[string]any)["Put"].(map[string]any)
		if !ok {
			units += 2
			continue
		}
		item, _ := put["Item"].(map[string]any)
		size := 0
		for name, value := range item {
			size += len(name) + valueSize(value)
		}
		units += 2 * math.Ceil(float64(size)/1024)
		condition, _ := put["ConditionExpression"].(string)
		if item["gsi1pk"] != nil && (condition == "" || strings.Contains(condition, "attribute_not_exists")) {
			units++
		}
	}
	return units
}

func valueSize(v any) (size int) {
	typed, _ := v.(map[string]any)
	for kind, v := range typed {
		switch v := v.(type) {
		case string:
			size += len(v)
			if kind == "B" {
				size -= len(v) / 4
			}
		case []any:
			for _, e := range v {
				size += 1 + valueSize(e)
			}
		case map[string]any:
			for name, e := range v {
				size += 1 + len(name) + valueSize(e)
			}
		default:
			size++
		}
	}
	return size
}

// tenant is a directory that Entra provisions and an application follows: real
// handlers on the real engine, by a clock that the test sets.
type tenant struct {
	testing.TB
	mu      sync.Mutex // of now
	now     time.Time
	billing *billing
	table   *table.Table
	dir     table.Directory
	secret  string
	key     string
	metrics lines
	bus     *bus

	users, groups http.Handler // of the running cycle
	requests      int
	people, teams []string
	created       int
}

// lines collects what the functions of several goroutines write.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// bus is EventBridge: it counts entries and tells of each.
type bus struct{ entries chan struct{} }

func (b *bus) Do(r *http.Request) (*http.Response, error) {
	var in struct{ Entries []any }
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		return nil, err
	}
	results := make([]map[string]string, len(in.Entries))
	for i := range results {
		results[i] = map[string]string{"EventId": fmt.Sprint(i)}
		b.entries <- struct{}{}
	}
	body, err := json.Marshal(map[string]any{"FailedEntryCount": 0, "Entries": results})
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/x-amz-json-1.1"}}, Body: io.NopCloser(bytes.NewReader(body))}, err
}

func newTenant(t testing.TB) *tenant {
	db, name := dsynctest.Table(t)
	options := db.Options()
	x := &tenant{TB: t, now: time.Now().UTC().Truncate(24 * time.Hour), billing: &billing{client: options.HTTPClient}, bus: &bus{make(chan struct{}, 1_000)}}
	options.HTTPClient = x.billing
	x.table = table.New(dynamodb.New(options), name)
	if err := idclaim.SetComplete(t.Context(), x.table); err != nil {
		t.Fatal(err)
	}
	x.dir, x.secret = dsynctest.Connect(t, x.table)
	var err error
	if _, x.key, err = management.Bootstrap(x.table, x.clock, rand.Reader).CreateAPIKey(t.Context(), management.NewAPIKey{Name: "app", Scope: management.Read}); err != nil {
		t.Fatal(err)
	}
	events := eventbridge.NewFromConfig(awsconfig.Config("us-east-1", "http://events.invalid"), func(o *eventbridge.Options) { o.HTTPClient = x.bus })
	r := relay.New(x.table, eventlog.New(x.table, time.Now), relay.NewBus(events, "bus"), nil, time.Now, slog.New(slog.DiscardHandler), x.writer(topology.RelaysEvents))
	dsynctest.Consume(t, db, name, dsynctest.Changes, lambda.NewHandler(r.Handle))
	return x
}

// clock is also that of the relay, which runs beside the requests.
func (x *tenant) clock() time.Time {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.now
}

func (x *tenant) setClock(t time.Time) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.now = t
}

// writer writes the metrics of the function with a role.
func (x *tenant) writer(role topology.Role) *metric.Writer {
	return metric.New(&x.metrics, topology.Dsync().ByRole(role).Name, x.clock)
}

// cycle begins a cycle in new processes.
func (x *tenant) cycle() {
	o := provider.Options{Table: x.table, Now: x.clock, Entropy: rand.Reader, Log: slog.New(slog.DiscardHandler), Limits: provider.DefaultLimits}
	o.Metrics = x.writer(topology.ServesUsers)
	x.users = o.Users()
	o.Metrics = x.writer(topology.ServesGroups)
	x.groups = o.Groups()
	x.find("userName", "nobody@example.com", "Users")
	x.find("displayName", "nothing", "Groups")
}

func (x *tenant) find(attribute, value, endpoint string) {
	x.Helper()
	x.scim(200, "GET", "/"+endpoint+"?filter="+url.QueryEscape(fmt.Sprintf("%s eq %q", attribute, value)), "")
}

// scim sends a request so long after the last one that the token is read again.
func (x *tenant) scim(status int, method, path, body string) map[string]any {
	x.Helper()
	handler := x.users
	if strings.HasPrefix(path, "/Groups") {
		handler = x.groups
	}
	return x.send(handler, status, method, "/scim/v2.0/"+x.dir.ExternalKey+path, x.secret, "application/scim+json", body)
}

func (x *tenant) send(handler http.Handler, status int, method, path, secret, contentType, body string) map[string]any {
	x.Helper()
	x.setClock(x.clock().Add(6 * time.Second))
	x.requests++
	r := httptest.NewRequestWithContext(x.Context(), method, "https://dsync.example"+path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+secret)
	r.Header.Set("Content-Type", contentType)
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	if w.Code != status {
		x.Fatalf("%s %s: %d %s", method, path, w.Code, w.Body)
	}
	var object map[string]any
	_ = json.Unmarshal(w.Body.Bytes(), &object)
	return object
}

func (x *tenant) create(endpoint, body string) string {
	x.Helper()
	id, _ := x.scim(201, "POST", "/"+endpoint, body)["id"].(string)
	return id
}

func (x *tenant) patch(path, operation string) {
	x.Helper()
	status := 200
	if strings.HasPrefix(path, "/Groups") {
		status = 204
	}
	x.scim(status, "PATCH", path, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[`+operation+`]}`)
}

// join creates a user of 2 KB.
func (x *tenant) join() string {
	x.created++
	name := fmt.Sprintf("user%d@example.com", x.created)
	id := x.create("Users", fmt.Sprintf(`{"userName":%q,"externalId":"0a21f0f2-8d2a-4f8e-bf98-%012d","active":true,"displayName":"Ada Lovelace",
		"name":{"formatted":"Ada Lovelace","givenName":"Ada","familyName":"Lovelace"},"title":"Engineer",
		"emails":[{"type":"work","primary":true,"value":%q}],"nickName":%q}`, name, x.created, name, strings.Repeat("x", 1300)))
	x.people = append(x.people, id)
	return id
}

// happened waits for the events of changes, and lets the application read a user
// for each.
func (x *tenant) happened(events int) {
	x.Helper()
	ctx, cancel := context.WithTimeout(x.Context(), time.Minute)
	defer cancel()
	for range events {
		select {
		case <-x.bus.entries:
		case <-ctx.Done():
			x.Fatal("an event did not arrive")
		}
		app := api.New(api.Options{Table: x.table, Now: x.clock, Entropy: rand.Reader, Log: slog.New(slog.DiscardHandler), SCIMBase: "/scim/v2.0/", Metrics: x.writer(topology.ServesREST)})
		x.send(app, 200, "GET", "/directory_users/"+x.people[0], x.key, "application/json", "")
	}
}

// live does the traffic, spread over its cycles, and returns what it cost.
func (x *tenant) live(t traffic) load {
	x.Helper()
	cycles := int(cyclesADay * t.days)
	done := traffic{}
	start := x.clock()
	x.requests = 0
	x.billing.take()
	events := 0
	for c := range cycles {
		x.setClock(start.Add(time.Duration(c) * 24 * time.Hour / cyclesADay))
		x.cycle()
		due := func(total float64) float64 { return math.Floor(total * float64(c+1) / float64(cycles)) }
		for ; done.changed < due(t.changed); done.changed++ {
			user := "/Users/" + x.people[int(done.changed)%len(x.people)]
			x.scim(200, "GET", user, "")
			x.patch(user, fmt.Sprintf(`{"op":"Replace","path":"title","value":"Engineer %v"}`, done.changed))
			x.happened(1)
			events++
		}
		for ; done.joined < due(t.joined); done.joined++ {
			x.find("userName", "joined@example.com", "Users")
			user := "/Users/" + x.join()
			x.patch(user, `{"op":"Add","path":"preferredLanguage","value":"en"}`)
			last := len(x.people) - 2 // somebody who is in no group
			leaves := "/Users/" + x.people[last]
			x.scim(200, "GET", leaves, "")
			x.patch(leaves, `{"op":"Replace","path":"active","value":false}`)
			x.scim(204, "DELETE", leaves, "")
			x.people = slices.Delete(x.people, last, last+1)
			x.happened(4)
			events += 4
		}
		for ; done.moved < due(t.moved); done.moved++ {
			n := int(done.moved)
			group := "/Groups/" + x.teams[n/2%len(x.teams)]
			x.scim(200, "GET", group+"?excludedAttributes=members", "")
			operation := []string{"Add", "Remove"}[n%2]
			x.patch(group, fmt.Sprintf(`{"op":%q,"path":"members","value":[{"value":%q}]}`, operation, x.people[n/2%20]))
			x.happened(1)
			events++
		}
	}
	reads, writes := x.billing.take()
	return load{requests: float64(x.requests), reads: reads, writes: writes, events: float64(events)}
}

// provision is the initial cycle.
func (x *tenant) provision(users, groups int) {
	x.Helper()
	x.cycle()
	for range users {
		x.join()
	}
	for g := range groups {
		x.teams = append(x.teams, x.create("Groups", fmt.Sprintf(`{"displayName":"team %d"}`, g)))
	}
	for range users + groups + 1 { // and the activation
		<-x.bus.entries
	}
}

// The traffic of Entra costs what the model says, or at most a quarter less: its
// units are limits of tests. In `go test` that is a day with the changes of some,
// with DSYNC_BENCH=1 a whole month of each size, which is then what the page names
// as counted.
func TestTraffic(t *testing.T) {
	type run struct {
		size
		traffic
		want *load
	}
	runs := []run{{size{"60 users", 60, 4, 0}, traffic{1, 10, 3, 8}, nil}}
	if os.Getenv("DSYNC_BENCH") == "1" {
		runs = nil
		for i, s := range sizes {
			runs = append(runs, run{s, monthly(s), &counted[i]})
		}
	}
	for _, r := range runs {
		t.Run(r.name, func(t *testing.T) {
			x := newTenant(t)
			x.provision(int(r.users), int(r.groups))
			// On the first day of a token, dsync also writes what informs about its setup
			// (docs/findings.md). The model has the days after it.
			x.setClock(x.clock().Add(doctor.SetupTime + time.Hour))
			got := x.live(r.traffic)
			r.joined, r.moved, r.changed = math.Floor(r.joined), math.Floor(r.moved), math.Floor(r.changed)
			model := r.traffic.load()
			t.Logf("%s, %v days: counted %+v, model %+v", r.name, r.days, got, model)
			for _, c := range []struct {
				what       string
				got, model float64
				least      float64 // share of the model
			}{
				{"requests", got.requests, model.requests, 1},
				{"events", got.events, model.events, 1},
				{"write units", got.writes, model.writes, 0.75},
				{"read units", got.reads, model.reads, 0.75},
			} {
				if c.got > c.model || c.got < c.least*c.model {
					t.Errorf("%s: %.1f are counted, the model has %.1f", c.what, c.got, c.model)
				}
			}
			if w := r.want; w != nil && (w.requests != got.requests || w.events != got.events || math.Abs(w.writes/got.writes-1) > 0.02 || math.Abs(w.reads/got.reads-1) > 0.02) {
				t.Errorf("units.go names %+v as counted", *w)
			}
			x.checkSeries()
		})
	}
}

// checkSeries checks that the functions wrote no metric that series does not count.
func (x *tenant) checkSeries() {
	x.Helper()
	found := map[string]bool{}
	for line := range strings.Lines(x.metrics.String()) {
		var fields struct {
			AWS struct {
				CloudWatchMetrics []struct {
					Dimensions [][]string
					Metrics    []struct{ Name string }
				}
			} `json:"_aws"`
		}
		var values map[string]any
		if err := json.Unmarshal([]byte(line), &fields); err != nil {
			x.Fatal(err)
		}
		if err := json.Unmarshal([]byte(line), &values); err != nil {
			x.Fatal(err)
		}
		for _, d := range fields.AWS.CloudWatchMetrics {
			for _, m := range d.Metrics {
				key := m.Name
				for _, name := range d.Dimensions[0] {
					key += fmt.Sprint(" ", values[name])
				}
				found[key] = true
				function, _ := values["FunctionName"].(string)
				if !slices.ContainsFunc(topology.Dsync().Functions, func(f topology.Function) bool {
					return f.Name == function && slices.Contains(writers[m.Name], f.Role)
				}) {
					x.Errorf("%s writes %s", function, m.Name)
				}
			}
		}
	}
	if len(found) < 15 || len(found) > series() {
		x.Errorf("%d series are written, %d are counted at most", len(found), series())
	}
}

// The metrics are bounded: however many routes, customers and failures there are,
// there are no more series than this.
func TestSeries(t *testing.T) {
	if n := series(); n > 75 {
		t.Errorf("%d series", n)
	}
	for _, m := range metric.All() {
		if len(writers[m.Name]) == 0 {
			t.Errorf("nobody writes %s", m.Name)
		}
	}
	for name := range writers {
		if !slices.ContainsFunc(metric.All(), func(m metric.Metric) bool { return m.Name == name }) {
			t.Errorf("there is no metric %s", name)
		}
	}
}

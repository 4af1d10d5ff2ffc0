package api_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"dsync/internal/api"
	"dsync/internal/dsynctest"
	"dsync/internal/eventlog"
	"dsync/internal/gateway"
	"dsync/internal/management"
	"dsync/internal/scim"
	"dsync/internal/scim/patch"
	"dsync/internal/scim/resource"
	"dsync/internal/session"
	"dsync/internal/table"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

func TestMain(m *testing.M) { dsynctest.Main(m) }

const host = "dsync.example"

// world is the API on a table of its own, as API Gateway calls it.
type world struct {
	options      api.Options
	functions    *session.Authenticator // of SCIM
	handler      gateway.Handler
	manage, read string // keys
	clock        *clock
	events       *journal
	log          *bytes.Buffer
	db           *dynamodb.Client
	table        string
}

// clock can be put forward.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time          { return time.Now().Add(time.Duration(c.ahead.Load())) }
func (c *clock) advance(d time.Duration) { c.ahead.Add(int64(d)) }

// journal notes how the log of events is asked.
type journal struct {
	mu    sync.Mutex
	asked eventlog.Query
	page  eventlog.Page
	err   error
}

func (j *journal) Read(_ context.Context, q eventlog.Query) (eventlog.Page, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.asked = q
	return j.page, j.err
}

func open(t testing.TB) *world {
	t.Helper()
	w := &world{clock: &clock{}, events: &journal{}, log: &bytes.Buffer{}}
	w.db, w.table = dsynctest.Table(t)
	w.restart()
	w.manage, w.read = w.key(t, "manage keys"), w.key(t, management.Read)
	for _, key := range []string{w.manage, w.read} {
		w.call(t, key, "GET", "/directories", "") // notes the day
	}
	return w
}

// restart begins with a new process: with what the table says, and no more.
func (w *world) restart() {
	log := slog.New(slog.NewJSONHandler(w.log, nil))
	w.options = api.Options{
		Table: table.New(w.db, w.table), Events: w.events, Now: w.clock.now, Entropy: rand.Reader, Log: log, SCIMBase: "/scim/v2.0/",
	}
	w.handler = gateway.NewHandler(api.New(w.options))
	w.functions = session.NewAuthenticator(w.options.Table, w.clock.now, rand.Reader)
}

// management is a session of the team.
func (w *world) management() *management.Session {
	return management.Bootstrap(w.options.Table, w.clock.now, rand.Reader)
}

// person opens a session of the console, and returns its id and secret.
func (w *world) person(t testing.TB, name, role string) (id, secret string) {
	t.Helper()
	people := management.NewConsole(w.options.Table, w.clock.now, rand.Reader)
	link, _, err := people.Link(t.Context(), name, role)
	if err != nil {
		t.Fatal(err)
	}
	secret, p, err := people.SignIn(t.Context(), link, management.Origin{SourceIP: "192.0.2.7", UserAgent: "Mozilla/5.0"})
	if err != nil {
		t.Fatal(err)
	}
	return p.SessionID, secret
}

func (w *world) key(t testing.TB, scope string) string {
	t.Helper()
	_, value, err := w.management().CreateAPIKey(t.Context(), management.NewAPIKey{Name: "test", Scope: scope})
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// said is what the API answered.
type said struct {
	status int
	header http.Header
	body   string
}

// call sends a request through the gateway's payloads.
func (w *world) call(t testing.TB, key, method, path, body string, header ...string) said {
	t.Helper()
	return w.within(t, t.Context(), key, method, path, body, header...)
}

func (w *world) within(t testing.TB, ctx context.Context, key, method, path, body string, header ...string) said {
	t.Helper()
	r := httptest.NewRequest(method, "https://"+host+path, nil)
	r.Host, r.RemoteAddr = host, "192.0.2.1"
	r.Header.Set("User-Agent", "test/1")
	if key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w.clock.advance(time.Second / 5) // so slowly that the work of no key exceeds its free share
	payload, err := gateway.Payload(r, []byte(body), "$default", "request-1", nil)
	if err != nil {
		t.Fatal(err)
	}
	out, err := w.handler.Invoke(ctx, payload)
	if err != nil {
		t.Fatal(err)
	}
	var e events.APIGatewayV2HTTPResponse
	if err := json.Unmarshal(out, &e); err != nil || e.IsBase64Encoded {
		t.Fatalf("%s, %v", out, err)
	}
	s := said{e.StatusCode, http.Header{}, e.Body}
	for name, value := range e.Headers {
		s.header.Set(name, value)
	}
	conform(t, method, r.URL.Path, s)
	return s
}

// must calls with the key that manages and reads the object that is answered.
func (w *world) must(t testing.TB, status int, method, path, body string) map[string]any {
	t.Helper()
	s := w.call(t, w.manage, method, path, body)
	if s.status != status {
		t.Fatalf("%s %s: %d %s", method, path, s.status, s.body)
	}
	return s.object(t)
}

func (s said) object(t testing.TB) map[string]any {
	t.Helper()
	if s.header.Get("Content-Type") != "application/json; charset=utf-8" {
		return nil
	}
	var o map[string]any
	if err := json.Unmarshal([]byte(s.body), &o); err != nil {
		t.Fatalf("%d %s: %v", s.status, s.body, err)
	}
	return o
}

func text(o map[string]any, name string) string {
	s, _ := o[name].(string)
	return s
}

// organization creates an organization and returns its id.
func (w *world) organization(t testing.TB, name string) string {
	t.Helper()
	return text(w.must(t, 201, "POST", "/organizations", fmt.Sprintf(`{"name":%q}`, name)), "id")
}

// connection is a directory with the session of its first token.
type connection struct {
	id, organization, key, secret string
	session                       *session.Session
}

// directory creates a directory that Entra has connected to.
func (w *world) directory(t testing.TB, organization, name string) connection {
	t.Helper()
	d := w.must(t, 201, "POST", "/directories", fmt.Sprintf(`{"name":%q,"organization_id":%q}`, name, organization))
	c := connection{id: text(d, "id"), organization: organization, key: text(d, "external_key"), secret: text(d["token"].(map[string]any), "token")}
	c.session = w.session(t, c)
	return c
}

func (w *world) session(t testing.TB, c connection) *session.Session {
	t.Helper()
	s, _, err := w.functions.Authenticate(t.Context(), c.key, c.secret, "request-scim")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (c connection) create(t testing.TB, kind session.Type, body string) string {
	t.Helper()
	object, err := scim.DecodeObject([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	kind = c.session.Type(kind)
	doc, members, err := resource.Parse(kind.ResourceType, object)
	if err != nil {
		t.Fatal(err)
	}
	r, err := c.session.Create(t.Context(), kind, doc, members)
	if err != nil {
		t.Fatal(err)
	}
	return r.Meta.ID
}

func (c connection) user(t testing.TB, name string) string {
	t.Helper()
	return c.create(t, session.Users, fmt.Sprintf(`{"userName":%q,"externalId":"x-%s","active":true,"name":{"givenName":"Ada","familyName":"Lovelace"},"emails":[{"type":"work","primary":true,"value":"%s@work.example"}]}`, name, name, name))
}

func (c connection) group(t testing.TB, name string, members ...string) string {
	t.Helper()
	list := []any{}
	for _, m := range members {
		list = append(list, map[string]any{"value": m})
	}
	b, _ := json.Marshal(map[string]any{"displayName": name, "externalId": "x-" + name, "members": list})
	return c.create(t, session.Groups, string(b))
}

func (c connection) patch(t testing.TB, kind session.Type, id, operation string) {
	t.Helper()
	operations, err := patch.Parse([]byte(`{"schemas":["` + scim.PatchOpURN + `"],"Operations":[` + operation + `]}`))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.session.Patch(t.Context(), c.session.Type(kind), id, operations, session.Condition{}); err != nil {
		t.Fatal(err)
	}
}

func (c connection) delete(t testing.TB, kind session.Type, id string) {
	t.Helper()
	if err := c.session.Delete(t.Context(), kind, id, session.Condition{}); err != nil {
		t.Fatal(err)
	}
}

// records is all that the table holds, one line a record, but for what a key has used
// of its limit: a large request that is refused counts, too.
func (w *world) records(t testing.TB) []string {
	t.Helper()
	var all []string
	var from map[string]types.AttributeValue
	for {
		out, err := w.db.Scan(t.Context(), &dynamodb.ScanInput{TableName: &w.table, ConsistentRead: aws.Bool(true), ExclusiveStartKey: from})
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range out.Items {
			if pk, ok := i["pk"].(*types.AttributeValueMemberS); ok && strings.HasPrefix(pk.Value, "Q#") {
				continue
			}
			delete(i, "watched")
			var line strings.Builder
			for _, name := range slices.Sorted(maps.Keys(i)) {
				b, err := json.Marshal(i[name])
				if err != nil {
					t.Fatal(err)
				}
				fmt.Fprintf(&line, "%s=%s ", name, b)
			}
			all = append(all, line.String())
		}
		if from = out.LastEvaluatedKey; from == nil {
			slices.Sort(all)
			return all
		}
	}
}

// unchanged fails the test if the table is not as it was before.
func (w *world) unchanged(t testing.TB, before []string) {
	t.Helper()
	after := w.records(t)
	if !slices.Equal(before, after) {
		t.Errorf("something was written: %d records, then %d", len(before), len(after))
		for _, r := range after {
			if !slices.Contains(before, r) {
				t.Logf("new: %.300s", r)
			}
		}
	}
}

// ids are the ids of a list, and its cursors.
func ids(t testing.TB, s said) (list []string, before, after string) {
	t.Helper()
	if s.status != 200 {
		t.Fatalf("%d %s", s.status, s.body)
	}
	o := s.object(t)
	if o["object"] != "list" {
		t.Fatalf("no list: %s", s.body)
	}
	for _, e := range o["data"].([]any) {
		list = append(list, text(e.(map[string]any), "id"))
	}
	metadata := o["list_metadata"].(map[string]any)
	if len(metadata) != 2 {
		t.Errorf("list_metadata is %v", metadata)
	}
	return list, text(metadata, "before"), text(metadata, "after")
}

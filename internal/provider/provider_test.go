package provider_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"dsync/internal/dsynctest"
	"dsync/internal/management"
	"dsync/internal/provider"
	"dsync/internal/scim"
	"dsync/internal/table"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

func TestMain(m *testing.M) { dsynctest.Main(m) }

// tenant is the three functions on a table of their own, and one directory.
type tenant struct {
	users, groups, discovery http.Handler
	options                  provider.Options
	key, secret              string
	log                      *bytes.Buffer
	api                      *dynamodb.Client
	table                    string
}

func open(t testing.TB) tenant {
	t.Helper()
	api, name := dsynctest.Table(t)
	if _, fuzzed := t.(*testing.F); !fuzzed && !strings.HasPrefix(t.Name(), "Fuzz") { // fresh deletes its own
		// The engine becomes slower with each record that it holds.
		t.Cleanup(func() {
			if _, err := api.DeleteTable(context.WithoutCancel(t.Context()), &dynamodb.DeleteTableInput{TableName: &name}); err != nil {
				t.Error(err)
			}
		})
	}
	v := tenant{log: &bytes.Buffer{}, api: api, table: name}
	log := slog.New(slog.NewJSONHandler(v.log, nil))
	v = v.serving(provider.Options{Table: table.New(api, name), Log: log})
	v.key, v.secret = v.connect(t)
	return v
}

// serving is the tenant behind new functions with these options. The table is
// that of the functions before, unless another one is given.
func (v tenant) serving(o provider.Options) tenant {
	if o.Table == nil {
		o.Table = v.options.Table
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	o.Entropy = rand.Reader
	v.options = o
	v.users, v.groups, v.discovery = o.Users(), o.Groups(), o.Discovery()
	return v
}

// management is a session of the team.
func (v tenant) management() *management.Session {
	return management.Bootstrap(v.options.Table, time.Now, rand.Reader)
}

func (v tenant) connect(t testing.TB) (key, secret string) {
	t.Helper()
	d, secret := dsynctest.Connect(t, v.options.Table)
	return d.ExternalKey, secret
}

// with is the tenant with another directory.
func (v tenant) with(t testing.TB, n management.NewDirectory) tenant {
	t.Helper()
	first, err := v.management().Organizations(t.Context(), nil, "", management.PageRequest{Limit: 1})
	if err != nil {
		t.Fatal(err)
	}
	n.OrganizationID = first.Items[0].ID
	d, _, secret, err := v.management().CreateDirectory(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	v.key, v.secret = d.ExternalKey, secret
	return v
}

// send sends a request to a path below the directory.
func (v tenant) send(h http.Handler, method, path, body string, header ...string) *httptest.ResponseRecorder {
	return v.within(context.Background(), h, method, path, body, header...)
}

// within is send under a context.
func (v tenant) within(ctx context.Context, h http.Handler, method, path, body string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(ctx, method, "https://dsync.example"+scim.BasePath+v.key+path, strings.NewReader(body))
	r.URL.Scheme, r.URL.Host = "https", "dsync.example"
	r.Header.Set("Authorization", "Bearer "+v.secret)
	if body != "" {
		r.Header.Set("Content-Type", "application/scim+json; charset=utf-8")
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func object(t testing.TB, w *httptest.ResponseRecorder) map[string]any {
	t.Helper()
	var o map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &o); err != nil {
		t.Fatalf("%d %s: %v", w.Code, w.Body, err)
	}
	return o
}

// count is how many records the table holds.
func (v tenant) count(t testing.TB) int {
	t.Helper()
	return len(v.records(t))
}

// Whatever is wrong with a request, the answer is a SCIM error with the right
// status, and nothing is written.
func TestRefusals(t *testing.T) {
	v := open(t)
	other := v
	other.key, other.secret = v.connect(t)
	created := v.send(v.users, "POST", "/Users", `{"userName":"taken"}`)
	user := "/Users/" + object(t, created)["id"].(string)
	group := "/Groups/" + object(t, v.send(v.groups, "POST", "/Groups", `{"displayName":"taken"}`))["id"].(string)
	foreign := "/Users/" + object(t, other.send(v.users, "POST", "/Users", `{"userName":"foreign"}`))["id"].(string)
	before := v.count(t)

	valid := `{"userName":"x"}`
	patch := func(operation string) string {
		return `{"schemas":["` + scim.PatchOpURN + `"],"Operations":[` + operation + `]}`
	}
	for name, c := range map[string]struct {
		h                  http.Handler
		method, path, body string
		header             []string
		status             int
		scimType           string
	}{
		"no token":                 {v.users, "POST", "/Users", valid, []string{"Authorization", ""}, 401, ""},
		"basic authentication":     {v.users, "POST", "/Users", valid, []string{"Authorization", "Basic " + v.secret}, 401, ""},
		"unknown token":            {v.users, "POST", "/Users", valid, []string{"Authorization", "Bearer nonsense"}, 401, ""},
		"token of another":         {v.users, "POST", "/Users", valid, []string{"Authorization", "Bearer " + other.secret}, 401, ""},
		"unknown path, no token":   {v.discovery, "GET", "/Nothing", "", []string{"Authorization", ""}, 401, ""},
		"unknown path":             {v.discovery, "GET", "/Nothing", "", nil, 404, ""},
		"path below a user":        {v.users, "GET", user + "/x", "", nil, 404, ""},
		"wrong method":             {v.users, "DELETE", "/Users", "", nil, 405, ""},
		"wrong method on one":      {v.users, "POST", user, valid, nil, 405, ""},
		"wrong method discovery":   {v.discovery, "POST", "/Schemas", "{}", nil, 405, ""},
		"unknown user":             {v.users, "GET", "/Users/directory_user_00000000000000000000000000", "", nil, 404, ""},
		"user of another":          {v.users, "GET", foreign, "", nil, 404, ""},
		"user of another, PATCH":   {v.users, "PATCH", foreign, patch(`{"op":"replace","path":"title","value":"x"}`), nil, 404, ""},
		"user of another, DELETE":  {v.users, "DELETE", foreign, "", nil, 404, ""},
		"id of another kind":       {v.users, "GET", "/Users" + strings.TrimPrefix(group, "/Groups"), "", nil, 404, ""},
		"broken JSON":              {v.users, "POST", "/Users", `{"userName":`, nil, 400, "invalidSyntax"},
		"an array":                 {v.users, "POST", "/Users", `[]`, nil, 400, "invalidSyntax"},
		"nothing":                  {v.users, "POST", "/Users", ``, nil, 400, "invalidSyntax"},
		"two values":               {v.users, "POST", "/Users", valid + valid, nil, 400, "invalidSyntax"},
		"2 MiB":                    {v.users, "POST", "/Users", `{"userName":"` + strings.Repeat("x", 2<<20) + `"}`, nil, 413, ""},
		"unknown media type":       {v.users, "POST", "/Users", valid, []string{"Content-Type", "text/xml"}, 415, ""},
		"no userName":              {v.users, "POST", "/Users", `{"displayName":"x"}`, nil, 400, "invalidValue"},
		"empty userName":           {v.users, "POST", "/Users", `{"userName":" "}`, nil, 400, "invalidValue"},
		"active is no boolean":     {v.users, "POST", "/Users", `{"userName":"x","active":"maybe"}`, nil, 400, "invalidValue"},
		"taken userName":           {v.users, "POST", "/Users", `{"userName":"TAKEN"}`, nil, 409, "uniqueness"},
		"taken displayName":        {v.groups, "POST", "/Groups", `{"displayName":"Taken"}`, nil, 409, "uniqueness"},
		"broken filter":            {v.users, "GET", "/Users?filter=userName+eq", "", nil, 400, "invalidFilter"},
		"unknown attribute":        {v.users, "GET", "/Users?filter=nothing+eq+%22x%22", "", nil, 400, "invalidFilter"},
		"broken query string":      {v.users, "GET", "/Users?filter=%zz", "", nil, 400, "invalidFilter"},
		"count is no number":       {v.users, "GET", "/Users?count=x", "", nil, 400, "invalidValue"},
		"unknown op":               {v.users, "PATCH", user, patch(`{"op":"move","path":"title","value":"x"}`), nil, 400, "invalidSyntax"},
		"unknown path in PATCH":    {v.users, "PATCH", user, patch(`{"op":"replace","path":"nothing","value":"x"}`), nil, 400, "invalidPath"},
		"second operation invalid": {v.users, "PATCH", user, patch(`{"op":"replace","path":"title","value":"x"},{"op":"replace","path":"userName","value":""}`), nil, 400, "invalidValue"},
		"read-only":                {v.users, "PATCH", user, patch(`{"op":"replace","path":"id","value":"x"}`), nil, 400, "mutability"},
		"no target":                {v.users, "PATCH", user, patch(`{"op":"replace","path":"emails[type eq \"nonexistent\"].value","value":"x"}`), nil, 400, "noTarget"},
		"no operations":            {v.users, "PATCH", user, patch(``), nil, 400, "invalidSyntax"},
		"stale version":            {v.users, "PATCH", user, patch(`{"op":"replace","path":"title","value":"x"}`), []string{"If-Match", `W/"9"`}, 412, ""},
		"PUT without userName":     {v.users, "PUT", user, `{"title":"x"}`, nil, 400, "invalidValue"},
		"PUT of an unknown user":   {v.users, "PUT", "/Users/x", valid, nil, 404, ""},
		"member without value":     {v.groups, "PATCH", group, patch(`{"op":"add","path":"members","value":[{"display":"x"}]}`), nil, 400, "invalidValue"},
		"members of no group":      {v.groups, "PATCH", "/Groups/x", patch(`{"op":"remove","path":"members"}`), nil, 404, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := v.send(c.h, c.method, c.path, c.body, c.header...)
			if w.Code != c.status || w.Header().Get("Content-Type") != scim.MediaType {
				t.Fatalf("%d %s: %s", w.Code, w.Header().Get("Content-Type"), w.Body)
			}
			o := object(t, w)
			scimType, _ := o["scimType"].(string)
			detail, _ := o["detail"].(string)
			if o["status"] != strconv.Itoa(c.status) || scimType != c.scimType || detail == "" {
				t.Errorf("%s", w.Body)
			}
			if got := w.Header().Get("WWW-Authenticate"); (got != "") != (c.status == 401) {
				t.Errorf("WWW-Authenticate %q", got)
			}
			if got := w.Header().Get("Allow"); (got != "") != (c.status == 405) {
				t.Errorf("Allow %q", got)
			}
		})
	}
	if after := v.count(t); after != before {
		t.Errorf("%d records became %d", before, after)
	}
	if w := v.send(v.users, "GET", user, ""); w.Code != 200 || object(t, w)["meta"].(map[string]any)["version"] != `W/"1"` {
		t.Errorf("the user changed: %s", w.Body)
	}
	v.key = "0000000000000000"
	if w := v.send(v.users, "GET", "/Users", ""); w.Code != 401 {
		t.Errorf("unknown directory: %d", w.Code)
	}
}

// Slashes may trail or double, as in Microsoft's Postman collection.
func TestSlashes(t *testing.T) {
	v := open(t)
	for _, path := range []string{"/Users/?filter=userName+eq+%22x%22", "//Users", "/Users?aadOptscim062020"} {
		if w := v.send(v.users, "GET", path, ""); w.Code != 200 || object(t, w)["totalResults"] != 0.0 {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
}

func TestPathsOutside(t *testing.T) {
	v := open(t)
	for _, path := range []string{"/", "/scim", "/scim/v2.0/", "/favicon.ico"} {
		r := httptest.NewRequest("GET", "https://dsync.example"+path, nil)
		w := httptest.NewRecorder()
		v.discovery.ServeHTTP(w, r)
		if w.Code != 404 || w.Header().Get("Content-Type") != scim.MediaType {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
}

// A body at the limit is read, one byte more is refused.
func TestBodyLimit(t *testing.T) {
	v := open(t)
	body := func(size int) string {
		frame := `{"userName":"x","ignored":""}`
		return strings.Replace(frame, `""`, `"`+strings.Repeat("x", size-len(frame))+`"`, 1)
	}
	if w := v.send(v.users, "POST", "/Users", body(scim.MaxBody)); w.Code != 201 {
		t.Errorf("at the limit: %d", w.Code)
	}
	if w := v.send(v.users, "POST", "/Users", body(scim.MaxBody+1)); w.Code != 413 {
		t.Errorf("above the limit: %d", w.Code)
	}
}

func TestConditionalGet(t *testing.T) {
	v := open(t)
	w := v.send(v.users, "POST", "/Users", `{"userName":"x"}`)
	tag, location := w.Header().Get("ETag"), w.Header().Get("Location")
	if meta := object(t, w)["meta"].(map[string]any); tag == "" || meta["version"] != tag || meta["location"] != location {
		t.Fatalf("%v %s", w.Header(), w.Body)
	}
	path := strings.TrimPrefix(location, "https://dsync.example"+scim.BasePath+v.key)
	if w := v.send(v.users, "GET", path, "", "If-None-Match", tag); w.Code != 304 || w.Body.Len() != 0 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := v.send(v.users, "GET", path, "", "If-None-Match", `W/"7"`); w.Code != 200 {
		t.Errorf("%d", w.Code)
	}
}

// Discovery answers whatever the query string says.
func TestDiscovery(t *testing.T) {
	v := open(t)
	for path, total := range map[string]any{
		"/ServiceProviderConfig": nil, "/ResourceTypes?filter=x": 2.0, "/Schemas?startIndex=9": 3.0,
		"/ResourceTypes/User": nil, "/Schemas/" + scim.EnterpriseURN: nil,
	} {
		w := v.send(v.discovery, "GET", path, "")
		if o := object(t, w); w.Code != 200 || o["totalResults"] != total || o["schemas"] == nil {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
		if strings.Contains(w.Body.String(), "null") {
			t.Errorf("%s holds a null: %s", path, w.Body)
		}
	}
}

// The log tells what happened and to which directory, and nothing about people
// or secrets.
func TestLogHasNoValues(t *testing.T) {
	v := open(t)
	v.send(v.users, "POST", "/Users", `{"userName":"ada@example.com","name":{"familyName":"Lovelace"}}`)
	v.send(v.users, "POST", "/Users", `{"userName":"ada@example.com"}`)
	v.send(v.users, "GET", `/Users?filter=userName+eq+"ada@example.com"`, "")
	v.send(v.users, "GET", `/Users?filter=userName+equals+"ada@example.com"`, "")
	v.send(v.users, "GET", "/Users", "", "Authorization", "Bearer "+v.secret+"x")
	log := v.log.String()
	if !strings.Contains(log, `"status":201`) || !strings.Contains(log, `"status":409`) || !strings.Contains(log, `"directory_id":"directory_`) {
		t.Errorf("log %s", log)
	}
	for _, secret := range []string{v.secret, v.key, "ada", "Lovelace"} {
		if strings.Contains(log, secret) {
			t.Errorf("the log holds %q", secret)
		}
	}
}

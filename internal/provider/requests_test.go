package provider_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"dsync/internal/management"
	"dsync/internal/metric"
	"dsync/internal/provider"
	"dsync/internal/ratelimit"
	"dsync/internal/scim"
	"dsync/internal/session"
	"dsync/internal/settings"
	"dsync/internal/table"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/google/go-cmp/cmp"

	"crypto/rand"
)

// directoryID is the id of the tenant's directory.
func (v tenant) directoryID(t testing.TB) string {
	t.Helper()
	_, trace, err := session.NewAuthenticator(v.options.Table, time.Now, rand.Reader).Authenticate(t.Context(), v.key, v.secret, "")
	if err != nil {
		t.Fatal(err)
	}
	return trace.DirectoryID()
}

// recorded is what is recorded of the directory's requests, oldest first.
func (v tenant) recorded(t testing.TB) []table.Request {
	t.Helper()
	s, err := table.Requests(v.directoryID(t)).Read(t.Context(), table.New(v.api, v.table), "", false, 1000)
	if err != nil {
		t.Fatal(err)
	}
	var all []table.Request
	for _, e := range s.Entries {
		all = append(all, e.Record)
	}
	return all
}

// configured is a new directory with these settings, served by a function of
// its own: one function records so many requests a minute.
func (v tenant) configured(t testing.TB, encoded string) tenant {
	t.Helper()
	var change settings.Change
	if err := json.Unmarshal([]byte(encoded), &change); err != nil {
		t.Fatal(err)
	}
	return v.with(t, management.NewDirectory{Name: "Entra", Settings: change}).serving(provider.Options{Log: slog.New(slog.NewJSONHandler(v.log, nil))})
}

// line writes a record in one line, but for what differs from time to time.
func line(r table.Request) string {
	s := fmt.Sprint(r.Method, " ", r.Route, " ", r.Status)
	if r.ScimType != "" {
		s += " " + r.ScimType
	}
	if r.Path != "" {
		s += " at " + r.Path
	}
	if r.Operation > 0 {
		s += fmt.Sprint(" in operation ", r.Operation)
	}
	if r.Bulk > 0 {
		s += fmt.Sprint(" of bulk operation ", r.Bulk)
	}
	for _, t := range r.Tolerated {
		s += fmt.Sprint(", ", t.Count, " ", t.What, " ", t.Path)
	}
	return s
}

// Every refused request leaves a record that says what was wrong and where,
// and so does every one of which something was tolerated, and the first without a
// valid token.
func TestRequestsAreRecorded(t *testing.T) {
	first := open(t)
	bulk := func(operations string) string {
		return `{"schemas":["` + scim.BulkRequestURN + `"],"Operations":[` + operations + `]}`
	}
	for _, row := range []struct {
		name, settings, method, path, body string
		header                             []string
		want                               []string
	}{
		{"a refused value", `{}`, "POST", "/Users", `{"userName":"x","emails":[{"value":5}]}`, nil, []string{"POST /Users 400 invalidValue at emails.value"}},
		{"a taken name", `{}`, "POST", "/Users", `{"userName":"ADA"}`, nil, []string{"POST /Users 409 uniqueness at userName"}},
		{"a taken name of a group", `{}`, "PATCH", "{group}", patchOf(`{"op":"replace","path":"displayName","value":"other"}`), nil, []string{"PATCH /Groups/{id} 409 uniqueness at displayName"}},
		{"no JSON", `{}`, "POST", "/Users", `{`, nil, []string{"POST /Users 400 invalidSyntax"}},
		{"a filter", `{}`, "GET", "/Users?filter=nope+eq+%22ada%22", "", nil, []string{"GET /Users 400 invalidFilter at nope"}},
		{"a parameter", `{}`, "GET", "/Users?count=ada", "", nil, []string{"GET /Users 400 invalidValue at count"}},
		{"an unknown path", `{}`, "PATCH", "{user}", patchOf(`{"op":"replace","path":"title","value":"x"},{"op":"add","path":"shoeSize","value":"x"}`), nil, []string{"PATCH /Users/{id} 400 invalidPath at shoeSize in operation 2"}},
		{"another version", `{}`, "DELETE", "{user}", "", []string{"If-Match", `W/"7"`}, []string{"DELETE /Users/{id} 412"}},
		{"nobody", `{}`, "GET", "/Users/ada@example.com", "", nil, []string{"GET /Users/{id} 404"}},
		{"no endpoint", `{}`, "GET", "/ada@example.com/x", "", nil, []string{"GET  404"}},
		{"another method", `{}`, "PUT", "/Users", "{}", nil, []string{"PUT /Users 405"}},
		{"a method that is none", `{}`, "ADA", "/Users", "", nil, []string{"OTHER /Users 405"}},
		{"another media type", `{}`, "POST", "/Users", "x", []string{"Content-Type", "text/ada"}, []string{"POST /Users 415"}},
		{"not supported", `{}`, "GET", "/Me", "", nil, []string{"GET /Me 501"}},
		{"a bulk request that is none", `{}`, "POST", "/Bulk", bulk(`{"method":"DELETE","path":"/Users/x"},{"method":"GET"}`), nil, []string{"POST /Bulk 400 invalidValue of bulk operation 2"}},
		{"operations of a bulk request", `{}`, "POST", "/Bulk", bulk(`{"method":"POST","path":"/Users","bulkId":"a","data":{"userName":"new"}},` +
			`{"method":"PATCH","path":"{user}","data":{"Operations":[{"op":"add","path":"shoeSize","value":1}]}},` +
			`{"method":"POST","path":"/Groups","bulkId":"b","data":{"displayName":"x","members":[{"value":"bulkId:a"},{"value":"nobody"}]}},` +
			`{"method":"DELETE","path":"/Users/bulkId:none"}`), nil, []string{
			"DELETE /Users/{id} 409 of bulk operation 4",
			"PATCH /Users/{id} 400 invalidPath at shoeSize in operation 1 of bulk operation 2",
			"POST /Groups 201 of bulk operation 3, 1 unknown member members",
		}},
		{"unknown members", `{}`, "PATCH", "{group}", membersPatch("Add", "nobody", "{user}", "nobody-else"), nil, []string{"PATCH /Groups/{id} 204, 2 unknown member members"}},
		{"unknown keys", `{}`, "PATCH", "{user}", patchOf(`{"op":"replace","value":{"title":"x","shoeSize":1,"Ada Lovelace":2}}`), nil,
			[]string{"PATCH /Users/{id} 200, 1 unknown path , 1 unknown path shoeSize"}},
		{"a nested group", `{}`, "PATCH", "{group}", membersPatch("Add", "{group}"), nil, []string{"PATCH /Groups/{id} 204, 1 nested group members"}},
		{"a nested group that is refused", `{"nested_groups":"refuse"}`, "PATCH", "{group}", membersPatch("Add", "{group}"), nil, []string{"PATCH /Groups/{id} 400 invalidValue at members"}},
		{"a lenient directory", `{"lenient_patch":true}`, "PATCH", "{user}", patchOf(`{"op":"add","path":"shoeSize","value":"x"},{"op":"replace","path":"active","value":"False"}`), nil,
			[]string{"PATCH /Users/{id} 200, 1 unknown path shoeSize"}},
		{"what is in order", `{}`, "PATCH", "{user}", patchOf(`{"op":"replace","path":"active","value":"False"}`), nil, nil},
		{"unknown attributes of a new user", `{}`, "POST", "/Users", `{"userName":"x","shoeSize":1}`, nil, nil},
		{"no token", `{}`, "GET", "/Users", "", []string{"Authorization", ""}, []string{"GET /Users 401"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			v := first.configured(t, row.settings)
			user, group := v.newUser(t, "ada"), v.newGroup(t, "g")
			v.newGroup(t, "other")
			words := strings.NewReplacer(`"{user}"`, `"`+lastSegment(user)+`"`, `"{group}"`, `"`+lastSegment(group)+`"`)
			paths := strings.NewReplacer("{user}", user, "{group}", group)
			h := v.discovery
			path := paths.Replace(row.path)
			w := v.send(h, row.method, path, paths.Replace(words.Replace(strings.ReplaceAll(row.body, `"path":"{user}"`, `"path":"`+user+`"`))), row.header...)
			all := v.recorded(t)
			var got []string
			for _, r := range all {
				got = append(got, line(r))
			}
			slices.Sort(got)
			if diff := cmp.Diff(row.want, got); diff != "" {
				t.Errorf("%d %s\n%s", w.Code, w.Body, diff)
			}
			for _, r := range all {
				if (r.TokenID == "") != (r.Status == 401) || (r.Reason == "") != (r.Status != 401) || r.At.IsZero() || r.TTL == 0 || r.DirectoryID == "" {
					t.Errorf("%+v", r)
				}
			}
		})
	}
}

// failing is an engine that cannot do a call, and quotes the request.
type failing struct {
	aws.HTTPClient
	call string
}

func (f failing) Do(r *http.Request) (*http.Response, error) {
	if !strings.HasSuffix(r.Header.Get("X-Amz-Target"), "."+f.call) {
		return f.HTTPClient.Do(r)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	message, err := json.Marshal(map[string]string{"__type": "com.amazon.coral.validate#ValidationException", "message": string(body)})
	return &http.Response{StatusCode: 400, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(message))}, err
}

// broken is the tenant with an engine that cannot do a call.
func (v tenant) broken(call string, log *slog.Logger) tenant {
	o := v.api.Options()
	o.HTTPClient = failing{o.HTTPClient, call}
	return v.serving(provider.Options{Table: table.New(dynamodb.New(o), v.table), Log: log})
}

// A failure of ours is recorded as one, and neither log nor record quotes the
// request, although the engine does. That a note cannot be written is no
// failure of the request.
func TestFailuresAreRecorded(t *testing.T) {
	v := open(t)
	v.newUser(t, "taken@example.com")
	log := slog.New(slog.NewJSONHandler(v.log, nil))
	b := v.broken("TransactWriteItems", log)
	b.ask(t, 500, "POST", "/Users", `{"userName":"eve@example.com"}`)
	b.ask(t, 200, "POST", "/Bulk", `{"Operations":[{"method":"POST","path":"/Users","bulkId":"a","data":{"userName":"eve@example.com"}}]}`)
	var got []string
	for _, r := range v.recorded(t) {
		got = append(got, line(r))
	}
	if want := []string{"POST /Users 500", "POST /Users 500 of bulk operation 1"}; !slices.Equal(got, want) {
		t.Errorf("recorded %q", got)
	}
	for i, call := range []string{"BatchWriteItem", "UpdateItem"} {
		o := v.broken(call, log).options
		o.Now = func() time.Time { return time.Now().Add(time.Duration(i+1) * time.Hour) } // another quarter of an hour, whose counts are due
		v.serving(o).ask(t, 409, "POST", "/Users", `{"userName":"TAKEN@example.com"}`)
	}
	said := v.log.String()
	if strings.Contains(said, "example.com") {
		t.Errorf("the log quotes the request: %s", said)
	}
	for _, want := range []string{"DynamoDB TransactWriteItems: ValidationException", "the request was not recorded", "not counted"} {
		if !strings.Contains(said, want) {
			t.Errorf("the log does not say %q: %s", want, said)
		}
	}
}

// A function that keeps serving writes the counts of the day.
func TestDayIsCounted(t *testing.T) {
	v := open(t)
	v.ask(t, 400, "POST", "/Users", `{}`)
	days, err := table.New(v.api, v.table).Days(t.Context(), v.directoryID(t), 1)
	if err != nil || len(days) != 1 || days[0].Requests != 1 || days[0].Refused != 1 || days[0].Writes != 0 || time.Since(days[0].Last) > time.Minute {
		t.Errorf("%+v, %v", days, err)
	}
}

// Each request is measured once, by its method and the class of its status. What no
// route serves is one sort, whatever it is called.
func TestMetrics(t *testing.T) {
	var out bytes.Buffer
	v := open(t).serving(provider.Options{
		Log: slog.New(slog.DiscardHandler), Metrics: metric.New(&out, "dsync-dev-users", time.Now),
		Limits: ratelimit.Limits{PerSecond: 1000, Burst: 1000},
	})
	user := v.newUser(t, "ada")
	for _, row := range []struct{ method, path, body, operation, status string }{
		{"GET", "/Users?filter=userName+eq+%22x%22", "", "GET", "2xx"},
		{"PATCH", user, `{}`, "PATCH", "4xx"},
		{"PUT", "/Users", `{}`, "unknown", "4xx"},
		{"ADA", "/Users", ``, "unknown", "4xx"},
		{"GET", "/ada@example.com/x", "", "unknown", "4xx"},
		{"POST", "/Bulk", `{"Operations":[{"method":"DELETE","path":"/Users/x"}]}`, "POST", "2xx"},
		{"GET", "/Me", ``, "GET", "5xx"},
	} {
		out.Reset()
		v.send(v.discovery, row.method, row.path, row.body)
		var got map[string]any
		if err := json.Unmarshal(out.Bytes(), &got); err != nil {
			t.Fatalf("%s %s: %q: %v", row.method, row.path, out.String(), err)
		}
		if got["Operation"] != row.operation || got["Status"] != row.status || got["Requests"] != 1.0 || got["directory_id"] != v.directoryID(t) {
			t.Errorf("%s %s: %s", row.method, row.path, out.String())
		}
		if ms, ok := got["Latency"].(float64); !ok || ms < 0 || strings.Contains(out.String(), "ada") {
			t.Errorf("%s %s: %s", row.method, row.path, out.String())
		}
	}
	out.Reset()
	v.send(v.discovery, "GET", "/Users", "", "Authorization", "")
	if !strings.Contains(out.String(), `"Operation":"GET"`) || strings.Contains(out.String(), "directory_id") {
		t.Errorf("without a token: %s", out.String())
	}
}

// A request that changes something is counted, and no other: an alarm goes off if
// changes are counted and no stream record is processed.
func TestChangesAreCounted(t *testing.T) {
	var out bytes.Buffer
	v := open(t).serving(provider.Options{Log: slog.New(slog.DiscardHandler), Metrics: metric.New(&out, "dsync-dev-users", time.Now), Limits: provider.DefaultLimits})
	user, group := v.newUser(t, "ada"), v.newGroup(t, "g")
	patch := func(op string) string {
		return `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[` + op + `]}`
	}
	rename := patch(`{"op":"replace","path":"displayName","value":"Ada"}`)
	join := patch(`{"op":"add","path":"members","value":[{"value":"` + strings.TrimPrefix(user, "/Users/") + `"}]}`)
	for _, row := range []struct {
		name, method, path, body string
		changes                  any // of ChangesWritten; nil for none
	}{
		{"change", "PATCH", user, rename, 1.0},
		{"the same change again", "PATCH", user, rename, nil},
		{"new member", "PATCH", group, join, 1.0},
		{"the same member again", "PATCH", group, join, nil},
		{"read", "GET", user, "", nil},
		{"refused", "PATCH", user, `{}`, nil},
		{"deletion", "DELETE", user, "", 1.0},
		{"deletion of nothing", "DELETE", user, "", nil},
	} {
		out.Reset()
		v.send(v.discovery, row.method, row.path, row.body)
		var got map[string]any
		if err := json.Unmarshal(out.Bytes(), &got); err != nil {
			t.Fatalf("%s: %q: %v", row.name, out.String(), err)
		}
		if got["ChangesWritten"] != row.changes {
			t.Errorf("%s: ChangesWritten is %v, want %v", row.name, got["ChangesWritten"], row.changes)
		}
	}
}

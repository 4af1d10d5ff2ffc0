package provider_test

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"dsync/internal/api"
	"dsync/internal/eventlog"
	"dsync/internal/management"
	"dsync/internal/metric"
	"dsync/internal/provider"
	"dsync/internal/scim"
)

// mark is in every value that is sent, so that any of them is known wherever
// it turns up.
const mark = "zq7x"

// paper is where lines are written, by many.
type paper struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (p *paper) Write(line []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.b.Write(line)
}

func (p *paper) lines() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Split(strings.TrimSpace(p.b.String()), "\n")
}

// marked is a scenario in which everything that is sent can be told.
type marked struct {
	tenant
	rest    http.Handler
	apiKeys []string
	ids     *strings.Replacer
}

// The whole system is used, rightly and wrongly. No line of its log, no metric
// and no record of a request has a token, a key, or a value of anybody.
func TestNothingPersonalIsLogged(t *testing.T) {
	lines := &paper{}
	log := slog.New(slog.NewJSONHandler(lines, &slog.HandlerOptions{Level: slog.LevelDebug}))
	counts := metric.New(lines, "dsync-dev-test", time.Now)
	m := marked{tenant: open(t)}
	m.tenant = m.configured(t, `{"deactivation_policy":"delete","attribute_mapping":{"`+mark+`":"title"}}`)
	m.tenant = m.serving(provider.Options{Log: log, Metrics: counts, Limits: provider.DefaultLimits})
	m.rest = api.New(api.Options{
		Table: m.options.Table, Events: eventlog.New(m.options.Table, time.Now), Now: time.Now, Entropy: rand.Reader, Log: log, SCIMBase: scim.BasePath,
	})
	for _, scope := range []string{management.Manage, management.Read} {
		_, key, err := m.management().CreateAPIKey(t.Context(), management.NewAPIKey{Name: mark, Scope: scope})
		if err != nil {
			t.Fatal(err)
		}
		m.apiKeys = append(m.apiKeys, key)
	}
	last := make(chan struct{}, 100)
	m.behind(t, log, counts, func(event json.RawMessage) error {
		if bytes.Contains(event, []byte("dsync.group.deleted")) {
			last <- struct{}{}
		}
		return nil
	})

	m.provision(t)
	m.blunder(t)
	m.manage(t)
	for _, call := range []string{"TransactWriteItems", "GetItem", "Query", "BatchWriteItem", "UpdateItem"} {
		broken := m.broken(call, log).serving(provider.Options{Log: log, Metrics: counts})
		broken.send(broken.users, "POST", "/Users", `{"userName":"`+mark+`-`+call+`@`+mark+`.example"}`)
		broken.send(broken.users, "POST", "/Users", `{"userName":["`+mark+`"]}`)
		broken.send(broken.users, "GET", "/Users?filter=emails%5Btype+eq+%22work%22%5D.value+eq+%22"+mark+"@x%22", "")
	}
	group, _ := m.made(t, "/Groups", `{"displayName":"Last `+mark+`"}`)
	m.ask(t, 204, "DELETE", group, "")
	select {
	case <-last:
	case <-time.After(patience):
		t.Error("the last event does not come")
	}

	secrets := append(m.apiKeys, m.secret, m.key, m.secret[len("dsync_scim_"):], mark)
	kinds := map[string]int{}
	_, notes := m.all(t)
	if len(notes) < 20 {
		t.Errorf("%d records of requests", len(notes))
	}
	for _, line := range slices.AppendSeq(lines.lines(), maps.Values(notes)) {
		var o map[string]any
		if err := json.Unmarshal([]byte(line), &o); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		msg, _ := o["msg"].(string)
		kinds[msg]++
		for _, secret := range secrets {
			if strings.Contains(strings.ToLower(line), strings.ToLower(secret)) {
				t.Errorf("%q is in %s", secret, line)
			}
		}
	}
	for kind, least := range map[string]int{"request": 150, "": 150, "job step": 1, "the request was not recorded": 1} {
		if kinds[kind] < least {
			t.Errorf("%d lines %q: the scenario is too small", kinds[kind], kind)
		}
	}
}

// provision does what Entra does.
func (m *marked) provision(t testing.TB) {
	t.Helper()
	user, _ := m.made(t, "/Users", `{"userName":"Ada.`+mark+`@example.com","externalId":"`+mark+`-1","displayName":"Ada `+mark+`",
		"name":{"givenName":"Ada`+mark+`","familyName":"`+mark+`"},"emails":[{"type":"work","value":"ada@`+mark+`.example","primary":true}],"title":"`+mark+`"}`)
	manager, _ := m.made(t, "/Users", `{"userName":"Bea.`+mark+`@example.com"}`)
	group, _ := m.made(t, "/Groups", `{"displayName":"Team `+mark+`","externalId":"`+mark+`-2","members":[{"value":"`+lastSegment(manager)+`","display":"Bea `+mark+`"}]}`)
	m.ids = strings.NewReplacer("{user}", lastSegment(user), "{manager}", lastSegment(manager), "{group}", lastSegment(group))
	for _, filter := range []string{`userName eq "ada.` + mark + `@example.com"`, `externalId eq "` + mark + `-1"`, `emails[type eq "work"].value eq "ada@` + mark + `.example"`, `title co "` + mark + `"`} {
		m.send(m.users, "GET", "/Users?filter="+strings.NewReplacer(" ", "+", `"`, "%22", "[", "%5B", "]", "%5D").Replace(filter), "")
	}
	for _, o := range []string{
		`{"op":"Replace","path":"name.familyName","value":"` + mark + `x"}`, `{"op":"Add","path":"manager","value":"` + mark + `"}`,
		`{"op":"Replace","path":"active","value":"False"}`, `{"op":"Replace","path":"active","value":"True"}`,
		`{"op":"Replace","path":"userName","value":"Eve.` + mark + `@example.com"}`,
		`{"op":"Replace","value":{"title":"` + mark + `","shoeSize":"` + mark + `","Ada ` + mark + `":"` + mark + `","` + mark + `@example.com":1}}`,
	} {
		m.ask(t, 200, "PATCH", user, patchOf(o))
	}
	m.ask(t, 204, "PATCH", group, membersPatch("Add", lastSegment(user), mark))
	m.ask(t, 204, "PATCH", group, membersPatch("Remove", lastSegment(user)))
	m.ask(t, 204, "PATCH", group, membersPatch("Add", lastSegment(user)))
	m.ask(t, 204, "DELETE", user, "")
}

// blunder sends what is wrong to every route.
func (m *marked) blunder(t testing.TB) {
	t.Helper()
	e := mark + "@example.com"
	bodies := []string{
		"", "{", `"` + mark + `"`, `{"` + e + `":` + mark, `{"userName":"` + strings.Repeat(mark, 200) + `"}`, `{"userName":["` + e + `","b"],"displayName":{"` + mark + `":1}}`,
		`{"userName":"x","displayName":"x","active":"` + mark + `","emails":[{"type":"` + mark + `","value":{"` + e + `":1}}],"members":[{"value":5,"display":"` + mark + `"}]}`,
		`{"userName":"BEA.` + mark + `@example.com","displayName":"TEAM ` + mark + `"}`, `{"schemas":["` + mark + `"],"filter":"` + e + ` eq \"` + mark + `\"","sortBy":"` + e + `"}`,
		patchOf(`{"op":"` + mark + `","path":"title","value":"` + mark + `"}`), patchOf(`{"op":"add","path":"` + e + `","value":"` + e + `"}`),
		patchOf(`{"op":"replace","path":"emails[value eq \"` + e + `\"].value","value":["` + e + `","b"]}`), patchOf(`{"op":"replace","path":"emails[type eq \"` + mark + `\"].` + `nope","value":"` + e + `"}`),
		patchOf(`{"op":"replace","path":"active","value":"` + mark + `"},{"op":"add","path":"shoeSize","value":"` + mark + `"}`), patchOf(`{"op":"add","path":"title"},{"op":"` + e + `"}`),
		patchOf(`{"op":"add","path":"members","value":[{"value":"` + e + `","display":["` + mark + `"]},5]}`), patchOf(`{"op":"replace","path":"displayName","value":5}`),
		`{"Operations":[{"method":"` + mark + `","path":"/` + mark + `"}]}`, `{"Operations":[{"method":"POST","path":"/Users","bulkId":"` + mark + `","data":{"userName":{"a":"` + e + `"}}},{"method":"DELETE","path":"/Users/` + mark + `"},{"method":"PUT","path":"/Groups/bulkId:` + mark + `","data":{}}]}`,
	}
	for i, body := range bodies {
		for _, path := range []string{
			"/Users", "/Groups", "/Users/{manager}", "/Groups/{group}", "/Users/" + mark, "/Users/.search", "/Groups/.search", "/.search", "/Bulk", "/Me", "/Schemas", "/" + mark + "/" + mark,
		} {
			for _, method := range []string{"POST", "PUT", "PATCH"} {
				if i%2 == 0 || method != "PUT" {
					m.send(m.discovery, method, m.ids.Replace(path), m.ids.Replace(body), []string{"If-Match", "X-Nothing"}[i/2%2], `W/"`+mark+`"`)
				}
			}
		}
	}
	for _, path := range []string{
		"/Users/" + mark, "/Groups/" + mark, "/ResourceTypes/" + mark, "/Schemas/" + mark, "/" + mark, "/" + mark + "/" + mark + "/x", "/Users?filter=" + e, "/Users?filter=" + mark + "+" + mark, "/Users?filter=userName+eq+%22" + mark,
		"/Users?filter=userName+" + mark + "+%22x%22", "/Users?filter=%22" + mark + "%22+eq+userName", "/Users?sortBy=" + e, "/Users?count=" + mark, "/Users?cursor=" + mark, "/Groups?filter=members+co+%22" + mark + "%22", "/Users?attributes=" + mark + "&" + mark + "=" + mark,
	} {
		m.send(m.discovery, "GET", path, "")
		m.send(m.discovery, strings.ToUpper(mark), path, mark, "Content-Type", "text/"+mark)
		m.send(m.discovery, "DELETE", path, "", "Authorization", "Bearer "+m.secret+mark)
		m.send(m.discovery, "GET", path, "", "Authorization", mark+" "+base64.StdEncoding.EncodeToString([]byte(mark)))
	}
	stranger := m.tenant
	stranger.key = mark
	stranger.send(stranger.discovery, "GET", "/Users", "")
}

// manage calls every route of the REST API, with and without what it needs.
func (m *marked) manage(t testing.TB) {
	t.Helper()
	call := func(method, path, body, key string) {
		r := httptest.NewRequest(method, "https://dsync.example"+path, strings.NewReader(body))
		r.Header.Set("Authorization", "Bearer "+key)
		r.Header.Set("Content-Type", "application/json")
		m.rest.ServeHTTP(httptest.NewRecorder(), r)
	}
	own := m.directoryID(t)
	for _, route := range api.Routes() {
		if route.Method == http.MethodDelete && strings.Contains(route.Pattern, "/directories/{id}") || strings.Contains(route.Pattern, "pause") {
			continue // the directory is needed
		}
		body := map[string]any{}
		for _, f := range route.Body {
			body[f.Name] = mark
		}
		b, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		query := "?search=" + mark + "&email=" + mark + "@x&idp_id=" + mark + "&directory=" + own
		for _, id := range []string{own, mark, mark + "@example.com", "directory_user_00000000000000000000000000"} {
			path := strings.NewReplacer("{id}", id, "{external_id}", mark, "{token}", mark, "{token_id}", mark, "{path+}", mark).Replace(route.Pattern)
			for _, key := range append(m.apiKeys, mark) {
				call(route.Method, path, string(b), key)
				call(route.Method, path+query, `{"`+mark+`":"`+mark, key)
			}
		}
	}
	call("GET", "/directory_users?directory="+own+"&email="+mark, "", m.apiKeys[0])
	call("PATCH", "/directories/"+own, `{"name":"`+mark+`","settings":{"attribute_mapping":{"`+mark+`":"displayName"},"raw_attributes":false}}`, m.apiKeys[0])
}

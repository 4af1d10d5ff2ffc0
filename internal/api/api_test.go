package api_test

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"dsync/internal/api"
	"dsync/internal/gateway"
	"dsync/internal/management"
	"dsync/internal/session"
	"dsync/internal/table"
)

// One line a request tells what happened, and nothing of whom.
func TestLog(t *testing.T) {
	w := open(t)
	const name, address = "Marcelina", "marcelina@work.example"
	org := text(w.must(t, 201, "POST", "/organizations", `{"name":"`+name+` Inc","metadata":{"owner":"`+address+`"}}`), "id")
	d := w.directory(t, org, name)
	user := d.user(t, strings.ToLower(name))
	token := text(w.must(t, 201, "POST", "/directories/"+d.id+"/tokens", ""), "token")
	key := text(w.must(t, 201, "POST", "/api_keys", `{"name":"`+name+`","scope":"read"}`), "value")
	w.log.Reset()
	for _, c := range []struct {
		key, method, path, body string
		status                  int
		route                   string
	}{
		{w.read, "GET", "/directory_users?directory=" + d.id + "&email=" + address, "", 200, "/directory_users"},
		{w.read, "GET", "/directories?search=" + name, "", 200, "/directories"},
		{w.read, "GET", "/directory_users/" + user, "", 200, "/directory_users/{id}"},
		{w.manage, "PUT", "/organizations/" + org, `{"name":"` + name + `","external_id":"` + address + `"}`, 200, "/organizations/{id}"},
		{w.read, "GET", "/organizations/external_id/" + address, "", 200, "/organizations/external_id/{external_id+}"},
		{w.manage, "POST", "/organizations", `{"name":"x","external_id":"` + address + `"}`, 409, "/organizations"},
		{w.read, "GET", "/" + name, "", 404, ""},
		{w.read, "POST", "/api_keys", `{"name":"` + name + `"}`, 403, "/api_keys"},
		{w.manage, "POST", "/api_keys", `{"name":"` + name + `"}`, 422, "/api_keys"},
		{key[:len(key)-1] + "!", "GET", "/directories", "", 401, ""},
	} {
		w.log.Reset()
		if s := w.call(t, c.key, c.method, c.path, c.body); s.status != c.status {
			t.Errorf("%s %s: %d %s", c.method, c.path, s.status, s.body)
		}
		line := w.log.String()
		var entry map[string]any
		if err := json.Unmarshal([]byte(line), &entry); err != nil || strings.Count(line, "\n") != 1 {
			t.Errorf("%q: %v", line, err)
		}
		if entry["msg"] != "request" || entry["method"] != c.method || text(entry, "route") != c.route || entry["status"] != float64(c.status) || entry["request_id"] != "request-1" || entry["ms"] == nil {
			t.Errorf("%s", line)
		}
		if known := strings.HasPrefix(text(entry, "api_key_id"), "api_key_"); known == (c.status == 401) {
			t.Errorf("%s", line)
		}
		for _, secret := range []string{name, strings.ToLower(name), address, w.read, w.manage, token, key[:20], d.secret} {
			if strings.Contains(line, secret) {
				t.Errorf("%q tells %q", line, secret)
			}
		}
	}
}

// A failure of ours tells the caller an id, and the log the rest.
func TestInternalError(t *testing.T) {
	w := open(t)
	nowhere := *w
	nowhere.table = "nowhere"
	nowhere.restart()
	w.log.Reset()
	s := nowhere.call(t, w.read, "GET", "/directories", "")
	if s.status != 500 || s.body != `{"message":"Internal error","request_id":"request-1"}`+"\n" || s.header.Get("X-Request-Id") != "request-1" {
		t.Errorf("%d %s", s.status, s.body)
	}
	if !strings.Contains(w.log.String(), `"level":"ERROR"`) || !strings.Contains(w.log.String(), "ResourceNotFoundException") {
		t.Errorf("%s", w.log)
	}

	// So does a panic: a handler without a log of events has nothing to call.
	w.handler = gateway.NewHandler(api.New(api.Options{
		Table: w.options.Table, Now: w.clock.now, Entropy: rand.Reader, Log: slog.New(slog.NewJSONHandler(w.log, nil)),
	}))
	if s := w.call(t, w.read, "GET", "/events", ""); s.status != 500 || s.body != `{"message":"Internal error","request_id":"request-1"}`+"\n" {
		t.Errorf("%d %s", s.status, s.body)
	}
}

// Each key may ask so often, whatever the others do.
func TestRateLimit(t *testing.T) {
	w := open(t)
	now := w.clock.now()
	w.handler = gateway.NewHandler(api.New(api.Options{
		Table: w.options.Table, Now: func() time.Time { return now }, Entropy: rand.Reader, Log: slog.New(slog.DiscardHandler),
	}))
	burst := func(key string) (allowed int) {
		for range 300 {
			s := w.call(t, key, "GET", "/nothing", "")
			switch {
			case s.status == 404:
				allowed++
			case s.status != 429 || s.body != `"Ratelimited"`+"\n" || s.header.Get("Retry-After") != "1":
				t.Fatalf("%d %s %v", s.status, s.body, s.header)
			}
		}
		return allowed
	}
	if n := burst(w.read); n != 200 {
		t.Errorf("%d at once", n)
	}
	if n := burst(w.manage); n != 200 {
		t.Errorf("%d at once with another key", n)
	}
	now = now.Add(time.Second / 2)
	if n := burst(w.read); n != 50 {
		t.Errorf("%d after half a second", n)
	}
	now = now.Add(time.Hour)
	if n := burst(w.read); n != 200 {
		t.Errorf("%d after an hour", n)
	}
}

// A search looks at so many names, and goes on behind its cursor.
func TestSearchIsBounded(t *testing.T) {
	w := open(t)
	needle := w.organization(t, "Needle")
	var wait sync.WaitGroup
	for part := range 8 {
		wait.Go(func() {
			for i := range 150 {
				name := fmt.Sprint("Hay ", part, i)
				if _, err := w.management().CreateOrganization(t.Context(), management.OrganizationUpdate{Name: &name}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wait.Wait()
	ctx, meter := table.WithMeter(t.Context())
	page, _, after := ids(t, w.within(t, ctx, w.read, "GET", "/organizations?search=needle", ""))
	if len(page) != 0 || after == "" || meter.RoundTrips > 25 {
		t.Errorf("%v, %q, %d round trips", page, after, meter.RoundTrips)
	}
	page, _, after = ids(t, w.call(t, w.read, "GET", "/organizations?search=needle&after="+after, ""))
	if len(page) != 1 || page[0] != needle || after != "" {
		t.Errorf("%v, %q", page, after)
	}
}

// A page of large users is shorter than was asked, and none is left out; so is
// one of a group that many have left.
func TestShortPages(t *testing.T) {
	w := open(t)
	d := w.directory(t, w.organization(t, "Acme"), "Entra")
	var numbers []string
	for i := range 8 {
		numbers = append(numbers, fmt.Sprintf(`{"type":"t%d","value":%q}`, i, strings.Repeat("x", 16_000)))
	}
	var users []string
	for i := range 40 {
		users = append(users, d.create(t, session.Users, fmt.Sprintf(`{"userName":"u%d","phoneNumbers":[%s]}`, i, strings.Join(numbers, ","))))
	}
	s := w.call(t, w.read, "GET", "/directory_users?order=asc&limit=100&directory="+d.id, "")
	page, _, after := ids(t, s)
	if len(s.body) > 5<<20 || len(page) < 10 || len(page) == 40 || after != page[len(page)-1] {
		t.Errorf("%d users in %d bytes, after %s", len(page), len(s.body), after)
	}
	for _, order := range []string{"asc", "desc"} {
		got := walk(t, w, "/directory_users?directory="+d.id+"&order="+order, 100, "after", "")
		if len(got) != 40 {
			t.Errorf("%s: %d of 40", order, len(got))
		}
		back := walk(t, w, "/directory_users?directory="+d.id+"&order="+order, 100, "before", got[39])
		if len(back) != 39 || back[0] != got[0] {
			t.Errorf("%s, back from the end: %d of 39", order, len(back))
		}
	}

	var list []string
	for i := range 130 {
		list = append(list, d.user(t, fmt.Sprint("m", i)))
	}
	group := d.group(t, "staff", append(list, users[0])...)
	var gone []string
	for _, u := range list {
		gone = append(gone, `{"value":"`+u+`"}`)
	}
	d.patch(t, session.Groups, group, `{"op":"remove","path":"members","value":[`+strings.Join(gone, ",")+`]}`)
	got := walk(t, w, "/directory_users?group="+group, 1, "after", "")
	if len(got) != 1 || got[0] != users[0] {
		t.Errorf("%v", got)
	}
}

package api_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"dsync/internal/api"
	"dsync/internal/gateway"
	"dsync/internal/metric"
)

// Absolute URLs come from the configuration, else from the domain name of API
// Gateway, and not from what a client sends.
func TestTenantURL(t *testing.T) {
	w := open(t)
	id := text(w.must(t, 201, "POST", "/organizations", `{"name":"Acme"}`), "id")
	directory := w.must(t, 201, "POST", "/directories", `{"organization_id":"`+id+`","name":"Entra"}`)
	path := "/directories/" + text(directory, "id")
	for publicURL, want := range map[string]string{"": "https://" + host, "https://scim.example.com": "https://scim.example.com"} {
		front, err := gateway.ParseFront(publicURL, "")
		if err != nil {
			t.Fatal(err)
		}
		w.handler = front.NewHandler(api.New(w.options))
		s := w.call(t, w.read, "GET", path, "", "X-Forwarded-Host", "evil.example", "X-Forwarded-Proto", "gopher", "Forwarded", "host=evil.example")
		if got := text(s.object(t), "tenant_url"); !strings.HasPrefix(got, want+"/scim/v2.0/") {
			t.Errorf("public URL %q: %s", publicURL, got)
		}
	}
}

// Responses with secrets are not kept by caches, like all others but the public
// document.
func TestResponsesAreProtected(t *testing.T) {
	w := open(t)
	id := text(w.must(t, 201, "POST", "/organizations", `{"name":"Acme"}`), "id")
	directory := w.must(t, 201, "POST", "/directories", `{"organization_id":"`+id+`","name":"Entra"}`)
	for _, row := range []struct {
		method, path, body string
		status             int
	}{
		{"POST", "/directories", `{"organization_id":"` + id + `","name":"Other"}`, 201},
		{"POST", "/directories/" + text(directory, "id") + "/tokens", `{}`, 201},
		{"POST", "/api_keys", `{"name":"x","scope":"read"}`, 201},
		{"GET", "/directories", "", 200},
		{"GET", "/nowhere", "", 404},
	} {
		s := w.call(t, w.manage, row.method, row.path, row.body)
		if s.status != row.status {
			t.Errorf("%s %s: %d %s", row.method, row.path, s.status, s.body)
		}
		for name, want := range map[string]string{
			"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Strict-Transport-Security": "max-age=31536000",
		} {
			if got := s.header.Get(name); got != want {
				t.Errorf("%s %s: %s is %q", row.method, row.path, name, got)
			}
		}
	}
}

// An error has some KB at most, whatever a request names.
func TestErrorsAreBounded(t *testing.T) {
	w := open(t)
	long := strings.Repeat("x", 7_000)
	members := func(n int, length int) string {
		o := map[string]int{}
		for i := range n {
			o[fmt.Sprintf("%06d%s", i, strings.Repeat("\u0001", length))] = i
		}
		text, err := json.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	for _, row := range []struct {
		name, method, path, body string
		status, fields           int
	}{
		{"20 unknown members, and the name", "POST", "/organizations", members(19, 1), 422, 20},
		{"21 unknown members, and the name", "POST", "/organizations", members(20, 1), 422, 21},
		{"20,000 unknown members", "POST", "/organizations", members(20_000, 1), 422, 21},
		{"a long member", "POST", "/organizations", members(1, 100_000), 422, 2},
		{"long unknown parameters", "GET", "/directories?" + long + "=1&y" + long + "=1", "", 422, 2},
		{"a long id", "GET", "/directories/" + long, "", 404, 0},
		{"a long path", "GET", "/" + long, "", 404, 0},
		{"a long method", long, "/directories", "", 405, 0},
	} {
		w.log.Reset()
		s := w.call(t, w.manage, row.method, row.path, row.body)
		errors, _ := s.object(t)["errors"].([]any)
		if s.status != row.status || len(errors) != row.fields || len(s.body) > 50_000 {
			t.Errorf("%s: %d, %d bytes, %d fields", row.name, s.status, len(s.body), len(errors))
		}
		for line := range strings.Lines(w.log.String()) {
			if len(line) > 4096 {
				t.Errorf("%s: a line of %d bytes", row.name, len(line))
			}
		}
	}
	if !strings.Contains(w.log.String(), `"method":"OTHER"`) {
		t.Errorf("a long method is logged as %.200s", w.log)
	}
}

// Requests without a valid key, and those above a limit, are counted.
func TestRefusalsAreCounted(t *testing.T) {
	w := open(t)
	var out bytes.Buffer
	o := w.options
	o.Metrics = metric.New(&out, "dsync-dev-api", time.Now)
	at := w.clock.now()
	o.Now = func() time.Time { return at }
	w.handler = gateway.NewHandler(api.New(o))
	for range 3 {
		w.call(t, "forged", "GET", "/directories", "")
	}
	limited := 0
	for range 300 {
		if w.call(t, w.read, "GET", "/nowhere", "").status == http.StatusTooManyRequests {
			limited++
		}
	}
	if n := strings.Count(out.String(), `"Unauthorized":1`); n != 3 {
		t.Errorf("%d unauthorized", n)
	}
	if n := strings.Count(out.String(), `"RateLimited":1`); n != limited || n == 0 {
		t.Errorf("%d rate limited, want %d", n, limited)
	}
}

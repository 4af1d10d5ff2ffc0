package api_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"dsync/internal/api"
	"dsync/internal/dsynctest"
	"dsync/internal/gateway"
	"dsync/internal/table"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// A request that the engine does not answer is answered in the form of WorkOS half a
// second before the function's time is over, at the latest.
func TestOutOfTime(t *testing.T) {
	w, g, now := open(t), &dsynctest.Gate{}, time.Now()
	o := w.db.Options()
	o.HTTPClient = g
	w.options.Table, w.options.Now = table.New(dynamodb.New(o), w.table), func() time.Time { return now }
	cold := *w
	cold.handler = gateway.NewHandler(api.New(w.options))
	w.handler = gateway.NewHandler(api.New(w.options))
	if s := w.call(t, w.manage, "GET", "/directories", ""); s.status != 200 { // the key is known
		t.Fatal(s.body)
	}
	g.Silent.Store(true)
	for name, row := range map[string]struct {
		of           *world
		method, path string
		body         string
	}{
		"a key that is not known": {&cold, "GET", "/directories", ""},
		"a list":                  {w, "GET", "/directories", ""},
		"a user":                  {w, "GET", "/directory_users/directory_user_01ARZ3NDEKTSV4RRFFQ69G5FAV", ""},
		"a new organization":      {w, "POST", "/organizations", `{"name":"x"}`},
	} {
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			s := row.of.within(t, ctx, w.manage, row.method, row.path, row.body)
			if took := time.Since(start); took > 10*time.Second-gateway.ResponseTime {
				t.Errorf("%s: after %v", name, took)
			}
			if s.status != 429 || s.body != `"Ratelimited"`+"\n" || s.header.Get("Retry-After") != "1" {
				t.Errorf("%s: %d %v %s", name, s.status, s.header, s.body)
			}
		})
	}
}

// A key has one limit over all processes, once it has exceeded its free share of
// one of them.
func TestRateLimitOverProcesses(t *testing.T) {
	w := open(t)
	now := w.clock.now()
	w.options.Now = func() time.Time { return now }
	var processes []*world
	for range 4 {
		p := *w
		p.handler = gateway.NewHandler(api.New(w.options))
		processes = append(processes, &p)
	}
	const free, burst, lease = 100, 200, 25
	for range free + 1 { // too much for one process
		if s := processes[0].call(t, w.read, "GET", "/nothing", ""); s.status != 404 {
			t.Fatalf("%d %s", s.status, s.body)
		}
	}
	now = now.Add(6 * time.Second) // the others read the key again
	served := 0
	for range 120 {
		for _, p := range processes {
			switch s := p.call(t, w.read, "GET", "/nothing", ""); {
			case s.status == 404:
				served++
			case s.status != 429 || s.header.Get("Retry-After") != "1":
				t.Fatalf("%d %v %s", s.status, s.header, s.body)
			}
		}
	}
	if served > burst+lease || served < burst-lease {
		t.Errorf("%d of 480 requests were served, want about %d", served, burst)
	}
	if s := processes[0].call(t, w.manage, "GET", "/nothing", ""); s.status != 404 {
		t.Errorf("another key: %d", s.status)
	}
}

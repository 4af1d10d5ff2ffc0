package api_test

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"dsync/internal/api"
	"dsync/internal/dsynctest"
)

// filled is a JSON object with as many of the members as fit a request body.
func filled(begin string, member func(i int) string, end string) string {
	return dsynctest.Filled(api.MaxBody, begin, member, end)
}

// With DSYNC_BENCH set, the test prints what the worst requests of each kind cost in
// CPU time, the payloads of Lambda included.
func TestWorstRequests(t *testing.T) {
	if os.Getenv("DSYNC_BENCH") == "" {
		t.Skip("measures")
	}
	w := open(t)
	organization := w.organization(t, "o")
	d := w.directory(t, organization, "d")
	directory := "/directories/" + d.id
	unknown := func(i int) string { return fmt.Sprintf(`"k%05d":0`, i) }
	same := func(s string) func(int) string { return func(int) string { return s } }
	accents := strings.Repeat("Ǘ", 8<<10)
	for _, row := range []struct{ kind, method, path, body string }{
		{"POST: unknown members", "POST", "/organizations", filled(`{"name":"x",`, unknown, `}`)},
		{"POST: metadata", "POST", "/organizations", filled(`{"name":"x","metadata":{`, func(i int) string { return fmt.Sprintf(`"k%05d":"x"`, i) }, `}}`)},
		{"POST: domains", "POST", "/organizations", filled(`{"name":"x","domain_data":[`, func(i int) string { return fmt.Sprintf(`{"domain":"%d.example","state":"verified"}`, i) }, `]}`)},
		{"POST: domains of wrong members", "POST", "/organizations", filled(`{"name":"x","domain_data":[`, func(i int) string { return fmt.Sprintf(`{"x":%d}`, i) }, `]}`)},
		{"POST: domains of large text", "POST", "/organizations", filled(`{"name":"x","domain_data":[`, same(`{"domain":"`+accents+`","state":"verified"}`), `]}`)},
		{"POST: large text", "POST", "/organizations", filled(`{"name":"`, same(accents), `"}`)},
		{"POST: deep nesting", "POST", "/organizations", filled(`{"name":"x","metadata":[`, same(strings.Repeat("[", 9_000)+strings.Repeat("]", 9_000)), `]}`)},
		{"PATCH: custom schemas", "PATCH", directory, filled(`{"extensions":[`, func(i int) string {
			return fmt.Sprintf(`{"id":"urn:example:%d","attributes":[{"name":"a","type":"string"}]}`, i)
		}, `]}`)},
		{"PATCH: one custom schema", "PATCH", directory, filled(`{"extensions":[{"id":"urn:example:1","attributes":[`, func(i int) string { return fmt.Sprintf(`{"name":"a%d"}`, i) }, `]}]}`)},
		{"PATCH: attribute map", "PATCH", directory, filled(`{"settings":{"attribute_mapping":{`, func(i int) string { return fmt.Sprintf(`"k%d":"title"`, i) }, `}}}`)},
		{"GET: parameters", "GET", "/directory_users?directory=" + d.id + strings.Repeat("&limit=100", 900), ""},
		{"GET: a search of directories", "GET", "/directories?search=" + strings.Repeat("%C7%97", 1500), ""},
		{"GET: a long path", "GET", "/organizations/" + strings.Repeat("x/", 5000), ""},
	} {
		w.clock.advance(time.Minute) // so that no key is too fast
		runtime.GC()
		before := dsynctest.CPU(t)
		s := w.call(t, w.manage, row.method, row.path, row.body)
		fmt.Printf("| REST %-40s | %d | %4d ms | %7d B |\n", row.kind, s.status, (dsynctest.CPU(t) - before).Milliseconds(), len(s.body))
		if s.status >= 500 {
			t.Errorf("%s: %s", row.kind, s.body)
		}
	}
}

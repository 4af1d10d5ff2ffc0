package browser

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"dsync/infra/local/client"
	"dsync/infra/local/system"
	"dsync/internal/console"
	"dsync/internal/dynamo"
	"dsync/internal/eventlog"
	scimpath "dsync/internal/scim"
	"dsync/internal/table"
)

// desk is the console in this process, with a session: what its pages read can be
// counted.
type desk struct {
	handler http.Handler
	cookies []*http.Cookie
}

func openDesk(t *testing.T, s *system.System) *desk {
	t.Helper()
	tab := table.New(s.DynamoDB(), s.TableName())
	d := &desk{handler: console.New(console.Options{
		Table: tab, Events: eventlog.New(tab, time.Now), Now: time.Now, Entropy: rand.Reader, Log: slog.New(slog.DiscardHandler), SCIMBase: scimpath.BasePath,
	})}
	link, err := s.SignInLink(t.Context(), "Ada Lovelace", "admin")
	if err != nil {
		t.Fatal(err)
	}
	_, secret, _ := strings.Cut(link, "link=")
	r := httptest.NewRequest(http.MethodPost, "http://localhost/console/sign-in", strings.NewReader(url.Values{"link": {secret}}.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", "http://localhost")
	recorder := httptest.NewRecorder()
	d.handler.ServeHTTP(recorder, r)
	if d.cookies = recorder.Result().Cookies(); recorder.Code != http.StatusSeeOther {
		t.Fatalf("signing in: %d", recorder.Code)
	}
	return d
}

func (d *desk) get(ctx context.Context, path string) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, "http://localhost"+path, nil)
	for _, c := range d.cookies {
		r.AddCookie(c)
	}
	recorder := httptest.NewRecorder()
	d.handler.ServeHTTP(recorder, r)
	return recorder
}

func compressed(t *testing.T, parts ...[]byte) (n int) {
	t.Helper()
	for _, p := range parts {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		if _, err := w.Write(p); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		n += b.Len()
	}
	return n
}

var (
	assetPath = regexp.MustCompile(`(?:href|src)="(/console/static/[^"]+)"`)
	pollPath  = regexp.MustCompile(`hx-get="([^"]+)"`)
)

// What each page costs: the requests to DynamoDB and their units, for full pages;
// the time is printed only. A live tab at rest reads one unit in each poll. The
// first page has 60 KB at most, with all that belongs to it.
func TestCosts(t *testing.T) {
	s := start(t)
	api := client.Client{URL: s.APIURL, Key: s.APIKey}
	var c client.Connection
	for i := range 24 { // with that of the system one page
		var err error
		if c, err = api.Connect(t.Context(), fmt.Sprint("Customer ", i), ""); err != nil {
			t.Fatal(err)
		}
	}
	w := world{System: s, organization: c.OrganizationID, directory: c.DirectoryID}
	for i := range 30 {
		user, err := json.Marshal(map[string]any{"userName": fmt.Sprintf("user%d@acme.example", i), "displayName": fmt.Sprint("User ", i), "title": "Engineer", "emails": []any{map[string]any{"type": "work", "primary": true, "value": fmt.Sprintf("user%d@acme.example", i)}}})
		if err != nil {
			t.Fatal(err)
		}
		create(t, c, "/Users", string(user))
		create(t, c, "/Groups", fmt.Sprintf(`{"displayName":"Group %d"}`, i))
	}
	w.user, w.group = w.newest(t, "users"), w.newest(t, "groups")
	d := openDesk(t, s)
	base := "/console/directories/" + w.directory
	for deadline := time.Now().Add(patience); !strings.Contains(d.get(t.Context(), base).Body.String(), "Group 29"); {
		if time.Now().After(deadline) {
			t.Fatal("the last change is not logged")
		}
	}
	for _, page := range []struct{ name, path string }{
		{"Home, 25 directories", "/console"}, {"Organizations, 25", "/console/organizations"}, {"Organization", "/console/organizations/" + w.organization},
		{"Directory, 25 changes", base}, {"Users, 25", base + "/users"}, {"Search for a user", base + "/users?search=user7@acme.example"}, {"User", base + "/users/" + w.user},
		{"Groups, 25", base + "/groups"}, {"Group", base + "/groups/" + w.group}, {"Settings", base + "/settings"}, {"Changes of all, 25", "/console/changes"},
	} {
		d := openDesk(t, s) // each session has a limit of its own
		ctx, meter := dynamo.WithMeter(t.Context())
		answer := d.get(ctx, page.path)
		if answer.Code != http.StatusOK {
			t.Fatalf("%s: %d", page.name, answer.Code)
		}
		var times []time.Duration
		for range 20 {
			begin := time.Now()
			d.get(t.Context(), page.path)
			times = append(times, time.Since(begin))
		}
		slices.Sort(times)
		var cold []time.Duration // in a process that remembers nothing
		for range 10 {
			d := openDesk(t, s)
			begin := time.Now()
			d.get(t.Context(), page.path)
			cold = append(cold, time.Since(begin))
		}
		slices.Sort(cold)
		html := answer.Body.Bytes()
		t.Logf("| %s | %d | %.1f | %.1f | %d | %d | %.1f |", page.name, meter.RoundTrips, meter.ReadUnits, meter.WriteUnits, cold[len(cold)/2].Milliseconds(), times[len(times)/2].Milliseconds(), float64(compressed(t, html))/1024)
		if page.path == "/console" {
			size := compressed(t, html)
			for _, asset := range assetPath.FindAllSubmatch(html, -1) {
				size += compressed(t, d.get(t.Context(), string(asset[1])).Body.Bytes())
			}
			t.Logf("the first page with all that belongs to it: %.1f KB compressed", float64(size)/1024)
			if size > 60<<10 {
				t.Errorf("the first page has %d bytes", size)
			}
		}
		if poll := pollPath.FindSubmatch(html); poll != nil {
			path := strings.ReplaceAll(string(poll[1]), "&amp;", "&")
			d.get(t.Context(), path) // what the first poll may have to settle
			ctx, meter := dynamo.WithMeter(t.Context())
			if answer := d.get(ctx, path); answer.Code != http.StatusNoContent {
				t.Errorf("%s, a poll at rest: %d", page.name, answer.Code)
			}
			t.Logf("| %s, a poll at rest | %d | %.1f | %.1f | | | |", page.name, meter.RoundTrips, meter.ReadUnits, meter.WriteUnits)
			if meter.WriteUnits > 0 || page.path == base && meter.ReadUnits > 1 || meter.ReadUnits > 9 {
				t.Errorf("%s: a poll at rest reads %.1f units and writes %.1f", page.name, meter.ReadUnits, meter.WriteUnits)
			}
		}
	}
}

func create(t *testing.T, c client.Connection, path, body string) {
	t.Helper()
	if status := scim(t, http.MethodPost, c.TenantURL+path, c.Token, body); status != http.StatusCreated {
		t.Fatalf("POST %s: %d", path, status)
	}
}

// From the answer to a SCIM request until the change is on the page. MEASURE=1 runs
// it: it takes a minute, and asserts nothing.
func TestLatency(t *testing.T) {
	if os.Getenv("MEASURE") == "" {
		t.Skip("MEASURE=1 measures")
	}
	chromium(t)
	s := start(t)
	c, err := client.Client{URL: s.APIURL, Key: s.APIKey}.Connect(t.Context(), "Acme", "")
	if err != nil {
		t.Fatal(err)
	}
	b := open(t)
	b.signIn(s, "Ada Lovelace", "viewer")
	for name, path := range map[string]string{"a directory": "/console/directories/" + c.DirectoryID, "all directories": "/console/changes"} {
		b.visit(s, path)
		var all []time.Duration
		for i := range 20 {
			user := fmt.Sprintf("%.3s%d", name, i)
			create(t, c, "/Users", fmt.Sprintf(`{"userName":%q,"displayName":"User %[1]s"}`, user))
			answered := time.Now()
			b.see("User " + user + " was created")
			all = append(all, time.Since(answered))
			time.Sleep(time.Duration(i*137%1000) * time.Millisecond) // so that polls and changes are not in step
		}
		slices.Sort(all)
		t.Logf("%s: p50 %v, p95 %v, the slowest %v", name, all[9].Round(time.Millisecond), all[18].Round(time.Millisecond), all[19].Round(time.Millisecond))
	}
}

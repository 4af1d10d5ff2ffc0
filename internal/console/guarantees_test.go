package console_test

import (
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// Of several who use one link at the same time, one gets in.
func TestLinkRace(t *testing.T) {
	w := newWorld(t)
	secret := w.link("admin")
	const people = 8
	statuses := make([]int, people)
	start := make(chan struct{})
	var wait sync.WaitGroup
	for i := range people {
		wait.Go(func() {
			<-start
			r := httptest.NewRequestWithContext(t.Context(), "POST", host+"/console/sign-in", strings.NewReader(url.Values{"link": {secret}}.Encode()))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			recorder := httptest.NewRecorder()
			w.handler.ServeHTTP(recorder, r)
			statuses[i] = recorder.Code
		})
	}
	close(start)
	wait.Wait()
	in := 0
	for _, status := range statuses {
		if status == http.StatusSeeOther {
			in++
		}
	}
	if in != 1 {
		t.Errorf("%d got in: %v", in, statuses)
	}
}

// A session lasts eight hours, not a second longer.
func TestSessionLifetime(t *testing.T) {
	w := newWorld(t)
	c := w.signIn("viewer")
	if c.MaxAge != 8*60*60 {
		t.Errorf("the browser keeps the cookie for %d s", c.MaxAge)
	}
	for _, step := range []struct {
		after  time.Duration
		status int
	}{{8*time.Hour - time.Second, http.StatusOK}, {time.Second, http.StatusUnauthorized}} {
		w.now = w.now.Add(step.after)
		if r := w.send("GET", "/console", "", nil, c); r.StatusCode != step.status {
			t.Errorf("after %v more: %d", step.after, r.StatusCode)
		}
	}
}

// The table has no secret of a link or of a session.
func TestSecretsAreHashed(t *testing.T) {
	w := newWorld(t)
	link := w.link("admin")
	r := w.send("POST", "/console/sign-in", host, url.Values{"link": {link}})
	c := r.Cookies()[0]
	unused := w.link("admin")
	for key, record := range w.records() {
		for name, secret := range map[string]string{"a used link": link, "a link": unused, "a session": c.Value} {
			if len(secret) < 40 {
				t.Fatalf("%s is %q", name, secret)
			}
			if strings.Contains(record, secret) || strings.Contains(record, secret[len(secret)-40:]) {
				t.Errorf("%s has the secret of %s", key, name)
			}
		}
	}
}

// A session that asks too much has to wait, and others have not.
func TestRateLimit(t *testing.T) {
	w := newWorld(t)
	busy, other := w.signIn("viewer"), w.signIn("viewer")
	last := 0
	for range 101 {
		last = w.send("GET", "/console/nothing", "", nil, busy).StatusCode
	}
	if last != http.StatusTooManyRequests {
		t.Errorf("the 101st request at once: %d", last)
	}
	if r := w.send("GET", "/console", "", nil, other); r.StatusCode != http.StatusOK {
		t.Errorf("another session: %d", r.StatusCode)
	}
}

// Whoever has no session learns nothing of which pages there are.
func TestUnknownPaths(t *testing.T) {
	w := newWorld(t)
	for _, path := range []string{"/console/nothing", "/console/organizations/x/nothing", "/nothing"} {
		if r := w.send("GET", path, "", nil); r.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s: %d", path, r.StatusCode)
		}
	}
}

// Who must sign in for a page comes to that page, and to no page of another site.
func TestPlace(t *testing.T) {
	w := newWorld(t)
	navigate := func(path string) *http.Cookie {
		t.Helper()
		r := httptest.NewRequestWithContext(t.Context(), "GET", host+path, nil)
		r.Header.Set("Sec-Fetch-Mode", "navigate")
		recorder := httptest.NewRecorder()
		w.handler.ServeHTTP(recorder, r)
		if recorder.Code != http.StatusUnauthorized {
			t.Errorf("%s: %d", path, recorder.Code)
		}
		for _, c := range recorder.Result().Cookies() {
			return c
		}
		return nil
	}
	leads := func(c *http.Cookie) string {
		t.Helper()
		r := w.send("POST", "/console/sign-in", host, url.Values{"link": {w.link("viewer")}}, c)
		if b, _ := io.ReadAll(r.Body); r.StatusCode != http.StatusSeeOther {
			t.Fatalf("signing in: %d %s", r.StatusCode, b)
		}
		return r.Header.Get("Location")
	}
	path := "/console/directories/" + w.directory + "/requests?outcome=refused"
	c := navigate(path)
	if c == nil || !c.HttpOnly || !c.Secure || !strings.HasPrefix(c.Name, "__Host-") {
		t.Fatalf("the cookie of the place is %v", c)
	}
	if got := leads(c); got != path {
		t.Errorf("it leads to %s", got)
	}
	for _, place := range []string{"//evil.example/console", "https://evil.example/console/x", "/consoles", "/console/../x", `/console/\evil`, "/console/" + strings.Repeat("x", 2000), "\x00", ""} {
		forged := *c
		forged.Value = base64.RawURLEncoding.EncodeToString([]byte(place))
		if got := leads(&forged); got != "/console" {
			t.Errorf("%q leads to %s", place, got)
		}
	}
	if c := navigate("/console/" + strings.Repeat("x", 2000)); c != nil {
		t.Errorf("a long path is kept: %v", c)
	}
	if r := w.send("GET", path, "", nil); len(r.Cookies()) != 0 {
		t.Errorf("a program gets %v", r.Cookies())
	}
}

// A long name is cut, and says so.
func TestLongNames(t *testing.T) {
	w := newWorld(t)
	admin := w.signIn("admin")
	w.send("POST", "/console/organizations", host, url.Values{"name": {strings.Repeat("W", 256)}}, admin)
	page := w.page("/console/organizations", admin)
	if strings.Contains(page, strings.Repeat("W", 201)) || !strings.Contains(page, strings.Repeat("W", 200)+"…") {
		t.Errorf("%s", page)
	}
}

package web_test

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"dsync/internal/fault"
	"dsync/internal/web"
)

// handler does what a test wants.
type handler struct {
	*web.Exchange
	serve func(*web.Exchange) error
}

func (h handler) Serve() error { return h.serve(h.Exchange) }

func (h handler) Fail(err error) {
	p := h.Problem(err)
	h.Write(p.Status, []byte(p.Title+": "+p.Text))
}

func (h handler) LogAttrs() []slog.Attr { return []slog.Attr{slog.String("of", "test")} }

var pages = fstest.MapFS{
	"shared/layout.html": {Data: []byte(`{{define "layout"}}<head>{{template "head"}}</head>{{template "content" .}}{{end}}`)},
	"hello.html":         {Data: []byte(`{{define "content"}}Hello {{text .}}{{end}}`)},
}

// site serves serve at /setup/x, and what it logs.
func site(serve func(*web.Exchange) error) (http.Handler, *bytes.Buffer) {
	var log bytes.Buffer
	s := web.New(web.Options{Base: "/setup", Pages: pages, Log: slog.New(slog.NewJSONHandler(&log, nil))})
	s.Handle("/setup/x", func(x *web.Exchange) web.Handler { return handler{x, serve} })
	s.Handle(web.StaticPattern("/setup"), func(x *web.Exchange) web.Handler {
		return handler{x, (*web.Exchange).Static}
	})
	return s, &log
}

func ask(s http.Handler, method, url string, header ...string) *http.Response {
	r := httptest.NewRequest(method, url, strings.NewReader("a=1"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w.Result()
}

func body(t *testing.T, r *http.Response) string {
	t.Helper()
	var b bytes.Buffer
	if _, err := b.ReadFrom(r.Body); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// A panic and an unknown error tell the caller nothing, and the log the request; a
// fault tells what it says. Each answer has the headers.
func TestFailures(t *testing.T) {
	for name, c := range map[string]struct {
		serve  func(*web.Exchange) error
		status int
		text   string
	}{
		"a panic":          {func(*web.Exchange) error { panic("secret") }, 500, "Something went wrong"},
		"an unknown error": {func(*web.Exchange) error { return errors.New("secret") }, 500, "Something went wrong"},
		"a fault":          {func(*web.Exchange) error { return fault.New(fault.Forbidden, "", "Not you.") }, 403, "Not you."},
		"a missing thing":  {func(*web.Exchange) error { return fault.Missing("Link", "secret") }, 404, "Link not found"},
	} {
		s, log := site(c.serve)
		r := ask(s, "GET", "https://a.example/setup/x")
		if text := body(t, r); r.StatusCode != c.status || !strings.Contains(text, c.text) || strings.Contains(text, "secret") {
			t.Errorf("%s: %d %s", name, r.StatusCode, text)
		}
		if line := log.String(); !strings.Contains(line, `"of":"test"`) || !strings.Contains(line, `"route":"/setup/x"`) {
			t.Errorf("%s: the log is %s", name, line)
		}
		for header, want := range map[string]string{"Content-Security-Policy": "frame-ancestors 'none'", "Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff"} {
			if got := r.Header.Get(header); !strings.Contains(got, want) {
				t.Errorf("%s: %s is %q", name, header, got)
			}
		}
	}
}

// A form of another site does not reach the handler.
func TestOtherSites(t *testing.T) {
	reached := false
	s, _ := site(func(x *web.Exchange) error {
		reached = true
		return x.Redirect("/setup/y")
	})
	for _, origin := range []string{"https://evil.example", "null", "https://a.example.evil.example"} {
		if r := ask(s, "POST", "https://a.example/setup/x", "Origin", origin); r.StatusCode != http.StatusForbidden || reached {
			t.Errorf("%s: %d", origin, r.StatusCode)
		}
	}
	if r := ask(s, "POST", "https://a.example/setup/x", "Origin", "https://a.example"); r.StatusCode != http.StatusSeeOther || !reached {
		t.Errorf("its own page: %d", r.StatusCode)
	}
}

// A site reads its own cookies alone: those of another site of the host have other
// names.
func TestCookies(t *testing.T) {
	var got string
	s, _ := site(func(x *web.Exchange) error {
		got = x.Cookie("session")
		x.SetCookie("session", "new", time.Hour)
		x.Write(http.StatusOK, nil)
		return nil
	})
	for url, name := range map[string]string{"https://a.example/setup/x": "__Host-dsync-setup-session", "http://localhost/setup/x": "dsync-setup-session"} {
		r := ask(s, "GET", url, "Cookie", "session=1; dsync-session=2; __Host-dsync-console-session=3; dsync-console-session=4; "+name+"=right")
		c := r.Cookies()[0]
		if got != "right" || c.Name != name || !c.HttpOnly || c.Secure != strings.HasPrefix(url, "https:") || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" {
			t.Errorf("%s: %q, %v", url, got, c)
		}
	}
}

// A page has the paths of the site's files, and shows what somebody wrote.
func TestPage(t *testing.T) {
	s, _ := site(func(x *web.Exchange) error {
		return x.Execute("hello", "layout", http.StatusOK, "<b>\u202e"+strings.Repeat("x", 300))
	})
	text := body(t, ask(s, "GET", "https://a.example/setup/x"))
	for _, want := range []string{`href="/setup/static/`, ` integrity="sha256-`, "Hello &lt;b&gt;⟨U&#43;202E⟩x", "…"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not there: %s", want, text)
		}
	}
	_, rest, _ := strings.Cut(text, `<link rel="stylesheet" href="`)
	path, _, _ := strings.Cut(rest, `"`)
	for encoding, compressed := range map[string]bool{"gzip, br": true, "": false} {
		r := ask(s, "GET", "https://a.example"+path, "Accept-Encoding", encoding)
		if r.StatusCode != http.StatusOK || (r.Header.Get("Content-Encoding") == "gzip") != compressed || !strings.Contains(r.Header.Get("Cache-Control"), "immutable") || !strings.HasPrefix(r.Header.Get("Content-Type"), "text/css") {
			t.Errorf("%s with %q: %d %v", path, encoding, r.StatusCode, r.Header)
		}
	}
	if r := ask(s, "GET", "https://a.example/setup/static/0000/style.css"); r.StatusCode != http.StatusNotFound {
		t.Errorf("a file of another version: %d", r.StatusCode)
	}
}

package loopback_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"dsync/internal/awslocal/loopback"
)

func TestProtect(t *testing.T) {
	h := loopback.Protect(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }))
	for name, c := range map[string]struct {
		host, header, value string
		status              int
	}{
		"a program":                  {"127.0.0.1:4566", "", "", http.StatusTeapot},
		"a program on IPv6":          {"[::1]:4566", "", "", http.StatusTeapot},
		"a page of another site":     {"127.0.0.1:4566", "Sec-Fetch-Site", "cross-site", http.StatusForbidden},
		"a page in an old browser":   {"127.0.0.1:4566", "Origin", "https://evil.example", http.StatusForbidden},
		"a page after DNS rebinding": {"evil.example:4566", "", "", http.StatusForbidden},
		"a similar host name":        {"127.0.0.1.evil.example", "", "", http.StatusForbidden},
	} {
		r := httptest.NewRequest(http.MethodPost, "/", nil)
		r.Host = c.host
		if c.header != "" {
			r.Header.Set(c.header, c.value)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != c.status {
			t.Errorf("%s: status %d, want %d", name, w.Code, c.status)
		}
	}
}

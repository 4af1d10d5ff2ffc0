// Package loopback protects the local services, which listen on the loopback
// address and accept any credentials, from web pages.
package loopback

import (
	"net/http"
	"net/url"
)

// Protect returns h, which rejects requests from a web page with status 403:
// those that a browser marks as coming from another origin, and those for
// another host name. A page can give its host name the loopback address after it
// was loaded (DNS rebinding).
func Protect(h http.Handler) http.Handler {
	sameOrigin := http.NewCrossOriginProtection().Handler(h)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch (&url.URL{Host: r.Host}).Hostname() {
		case "127.0.0.1", "::1", "localhost":
			sameOrigin.ServeHTTP(w, r)
		default:
			http.Error(w, "The Host header must be 127.0.0.1 or localhost.", http.StatusForbidden)
		}
	})
}

package console

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	placeCookie   = "place"
	placeLifetime = time.Hour
	maxPlace      = 1024 // bytes of a path with its query
)

// keepPlace remembers the page for which somebody must sign in, so that signing in
// leads to it. What is no navigation of a browser has no place.
func (r *request) keepPlace() {
	place := r.Request.URL.RequestURI()
	if r.Request.Method != http.MethodGet || r.Request.Header.Get("Sec-Fetch-Mode") != "navigate" || !isPlace(place) {
		return
	}
	r.SetCookie(placeCookie, base64.RawURLEncoding.EncodeToString([]byte(place)), placeLifetime)
}

// takePlace returns the page for which the person had to sign in, else the first
// page.
func (r *request) takePlace() string {
	kept := r.Cookie(placeCookie)
	if kept == "" {
		return Base
	}
	r.SetCookie(placeCookie, "", 0)
	place, err := base64.RawURLEncoding.DecodeString(kept)
	if err != nil || !isPlace(string(place)) {
		return Base
	}
	return string(place)
}

// isPlace reports whether a path with its query is a page of the console.
func isPlace(place string) bool {
	u, err := url.Parse(place)
	return err == nil && len(place) <= maxPlace && u.Scheme == "" && u.Host == "" && (u.Path == Base || strings.HasPrefix(u.Path, Base+"/")) && !strings.Contains(u.Path, "..") && !strings.ContainsRune(u.Path, '\\')
}

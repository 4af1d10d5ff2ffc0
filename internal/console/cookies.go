package console

import (
	"net/http"
	"time"
)

const sessionCookie = "session"

// cookieName is the name of a cookie. The prefix __Host- keeps other hosts of the
// domain from setting it; browsers take it over https only.
func (r *request) cookieName(name string) string {
	if r.secure() {
		return "__Host-dsync-" + name
	}
	return "dsync-" + name
}

// cookie is the secret of the session, "" for none.
func (r *request) cookie() string {
	c, err := r.http.Cookie(r.cookieName(sessionCookie))
	if err != nil {
		return ""
	}
	return c.Value
}

// setCookie sets a cookie, or removes it with a lifetime of 0.
func (r *request) setCookie(name, value string, lifetime time.Duration) {
	age := int(lifetime.Seconds())
	if age == 0 {
		age = -1
	}
	http.SetCookie(r.w, &http.Cookie{
		Name: r.cookieName(name), Value: value, Path: "/", MaxAge: age,
		HttpOnly: true, Secure: r.secure(), SameSite: http.SameSiteLaxMode,
	})
}

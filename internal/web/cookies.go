package web

import (
	"net/http"
	"time"
)

// cookieName is the name of a cookie of the site. The prefix __Host- keeps other hosts
// of the domain from setting it; browsers take it over https only.
func (x *Exchange) cookieName(name string) string {
	name = x.site.cookiePrefix() + name
	if x.Secure() {
		return "__Host-" + name
	}
	return name
}

// Cookie is the value of a cookie of the site, "" for none.
func (x *Exchange) Cookie(name string) string {
	c, err := x.Request.Cookie(x.cookieName(name))
	if err != nil {
		return ""
	}
	return c.Value
}

// SetCookie sets a cookie of the site, or removes it with a lifetime of 0.
func (x *Exchange) SetCookie(name, value string, lifetime time.Duration) {
	age := int(lifetime.Seconds())
	if age == 0 {
		age = -1
	}
	http.SetCookie(x.w, &http.Cookie{
		Name: x.cookieName(name), Value: value, Path: "/", MaxAge: age,
		HttpOnly: true, Secure: x.Secure(), SameSite: http.SameSiteLaxMode,
	})
}

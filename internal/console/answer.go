package console

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"errors"
	"net/http"
	"slices"
	"time"

	"dsync/internal/fault"
	"dsync/internal/gateway"
	"dsync/internal/management"
)

// section is an entry of the navigation.
type section struct{ Name, Path, Icon string }

var (
	homePage      = section{"Home", Base, "home"}
	organizations = section{"Organizations", Base + "/organizations", "building"}
	changesPage   = section{"Changes", Base + "/changes", "pulse"}
	apiKeys       = section{"API keys", Base + "/api-keys", "key"}
	auditLog      = section{"Audit log", Base + "/audit", "list"}
	sessions      = section{"Sessions", Base + "/sessions", "people"}

	// sections are the navigation, in its order.
	sections = []section{homePage, organizations, changesPage, apiKeys, auditLog, sessions}
	// restricted are the sections of the scope management.Keys.
	restricted = []section{apiKeys, sessions}
)

// sections are the navigation of the person.
func (r *request) sections() []section {
	return slices.DeleteFunc(slices.Clone(sections), func(s section) bool {
		return slices.Contains(restricted, s) && (r.session == nil || !r.session.May(management.Keys))
	})
}

// crumb is a step of the way to a page.
type crumb struct{ Name, Path string }

// under is the way to a page of a section.
func (s section) under(more ...crumb) []crumb { return append([]crumb{{s.Name, s.Path}}, more...) }

// organizationCrumbs are the way to what is in an organization.
func organizationCrumbs(o management.Organization, more ...crumb) []crumb {
	return organizations.under(append([]crumb{{o.Name, organizationPath(o.ID)}}, more...)...)
}

// directoryCrumbs are the way to what is in a directory.
func directoryCrumbs(d management.Directory, more ...crumb) []crumb {
	return organizations.under(append([]crumb{{d.Name, directoryPath(d.ID)}}, more...)...)
}

// view is what a handler shows.
type view struct {
	Template string // templates/<Template>.html
	Title    string
	Section  section
	Crumbs   []crumb // to the page, without it
	Status   int     // 0 is 200
	Data     any
}

// page is what the templates get.
type page struct {
	view
	Sections []section
	Person   management.Person // zero if nobody has signed in
	Toast    string
	Now      time.Time
	session  *management.Session
}

// May reports whether the person may do what needs the scope.
func (p page) May(scope string) bool { return p.session != nil && p.session.May(scope) }

// render writes a page.
func (r *request) render(v view) error {
	p := page{view: v, Sections: r.sections(), Toast: r.takeToast(), Now: r.console.now(), session: r.session}
	if r.session != nil {
		p.Person = r.session.Person()
	}
	return r.execute(v.Template, "layout", cmp.Or(v.Status, http.StatusOK), p)
}

// part writes a part of a page, which htmx asked for.
func (r *request) part(template, name string, data any) error {
	return r.execute(template, name, http.StatusOK, data)
}

func (r *request) execute(template, name string, status int, data any) error {
	var b bytes.Buffer
	if err := templates[template].ExecuteTemplate(&b, name, data); err != nil {
		return err
	}
	r.w.Header().Set("Content-Type", "text/html; charset=utf-8")
	r.write(status, b.Bytes())
	return nil
}

func (r *request) write(status int, body []byte) {
	r.status = status
	r.w.WriteHeader(status)
	_, _ = r.w.Write(body)
}

// redirect leads to a path of the console.
func (r *request) redirect(path string) error {
	r.w.Header().Set("Location", path)
	r.write(http.StatusSeeOther, nil)
	return nil
}

// done leads from an action to a page, on which a toast says what was done.
func (r *request) done(path, toast string) error {
	r.setCookie(toastCookie, base64.RawURLEncoding.EncodeToString([]byte(toast)), toastLifetime)
	return r.redirect(path)
}

const (
	toastCookie   = "toast"
	toastLifetime = 30 * time.Second
	maxToast      = 200 // bytes
)

// takeToast returns the toast of the action that led here, "" for none.
func (r *request) takeToast() string {
	c, err := r.http.Cookie(r.cookieName(toastCookie))
	if err != nil {
		return ""
	}
	r.setCookie(toastCookie, "", 0)
	toast, err := base64.RawURLEncoding.DecodeString(c.Value)
	if err != nil || len(toast) > maxToast {
		return ""
	}
	return string(toast)
}

// fail shows an error. Unless it is a fault, nothing of it is shown.
func (r *request) fail(err error) {
	var e *fault.Error
	status := http.StatusInternalServerError
	text := problem{Title: "Something went wrong", Text: "The request failed, and nothing was changed. Try again; if it happens again, the log of the function has the reason."}
	if errors.As(err, &e) && statuses[e.Kind] != 0 {
		status, text = statuses[e.Kind], describe(e)
	}
	text.RequestID = gateway.RequestID(r.http.Context())
	if r.live() {
		r.write(status, []byte(text.Title+"\n"))
		return
	}
	v := view{Template: "problem", Title: text.Title, Status: status, Data: text}
	if e != nil && e.Kind == fault.Unauthorized {
		v.Template, v.Title, v.Data = "signed-out", "Sign in", nil
		r.keepPlace()
	}
	if err := r.render(v); err != nil {
		r.console.log.ErrorContext(r.http.Context(), "the page of an error failed", "error", err)
		r.write(http.StatusInternalServerError, nil)
	}
}

// problem is an error as people read it.
type problem struct{ Title, Text, RequestID string }

func describe(e *fault.Error) problem {
	switch e.Kind {
	case fault.NotFound:
		return problem{Title: cmp.Or(e.Entity, "Page") + " not found", Text: "It does not exist, or it was deleted."}
	case fault.Forbidden:
		return problem{Title: "Not allowed", Text: e.Detail}
	case fault.RateLimited:
		return problem{Title: "Too many requests", Text: "Wait some seconds, then load the page again."}
	case fault.Busy:
		return problem{Title: "Try again", Text: "Others are changing the same thing right now. Nothing was changed."}
	}
	text := e.Detail
	for _, f := range e.Fields {
		text = f.Code
	}
	return problem{Title: "The request was refused", Text: text}
}

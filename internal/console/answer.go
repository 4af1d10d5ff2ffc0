package console

import (
	"cmp"
	"net/http"
	"slices"
	"time"

	"dsync/internal/management"
	"dsync/internal/web"
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

// under is the way to a page of a section.
func (s section) under(more ...web.Crumb) []web.Crumb {
	return append([]web.Crumb{{Name: s.Name, Path: s.Path}}, more...)
}

// organizationCrumbs are the way to what is in an organization.
func organizationCrumbs(o management.Organization, more ...web.Crumb) []web.Crumb {
	return organizations.under(append([]web.Crumb{{Name: o.Name, Path: organizationPath(o.ID)}}, more...)...)
}

// directoryCrumbs are the way to what is in a directory.
func directoryCrumbs(d management.Directory, more ...web.Crumb) []web.Crumb {
	return organizations.under(append([]web.Crumb{{Name: d.Name, Path: directoryPath(d.ID)}}, more...)...)
}

// view is what a handler shows.
type view struct {
	Template string // templates/<Template>.html
	Title    string
	Section  section
	Crumbs   []web.Crumb // to the page, without it
	Status   int         // 0 is 200
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
	p := page{view: v, Sections: r.sections(), Toast: r.TakeToast(), Now: r.console.now(), session: r.session}
	if r.session != nil {
		p.Person = r.session.Person()
	}
	return r.Execute(v.Template, "layout", cmp.Or(v.Status, http.StatusOK), p)
}

// Fail shows an error. Unless it is a fault, nothing of it is shown.
func (r *request) Fail(err error) {
	p := r.Problem(err)
	if r.Live() {
		r.Write(p.Status, []byte(p.Title+"\n"))
		return
	}
	v := view{Template: "problem", Title: p.Title, Status: p.Status, Data: p}
	if p.Status == http.StatusUnauthorized {
		v.Template, v.Title, v.Data = "signed-out", "Sign in", r.gate("")
		r.keepPlace()
	}
	if err := r.render(v); err != nil {
		r.console.log.ErrorContext(r.Request.Context(), "the page of an error failed", "error", err)
		r.Write(http.StatusInternalServerError, nil)
	}
}

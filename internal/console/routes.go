package console

import (
	"slices"

	"dsync/internal/fault"
	"dsync/internal/web"
)

// Route is a page or an action.
type Route struct {
	Pattern string // of http.ServeMux
	Scope   string // that the role must have, or Public
	serve   func(*request) error
	poll    bool // a live page asks it again and again
}

// Public is the scope of routes that need no session.
const Public = "public"

// Base is the path of the console.
const Base = "/console"

// Routes are all routes.
func Routes() []Route { return slices.Clone(routes) }

var routes = slices.Concat([]Route{{Pattern: web.StaticPattern(Base), Scope: Public, serve: static}}, signInRoutes, homeRoutes, organizationRoutes, directoryRoutes, tokenRoutes, setupLinkRoutes, settingsRoutes, deletionRoutes, peopleRoutes, changeRoutes, requestRoutes, keyRoutes, auditRoutes, sessionRoutes, styleguideRoutes)

// nothing is where no route leads. It must not tell paths from each other, so it
// needs a session, too.
func nothing(*request) error { return fault.Missing("Page", "") }

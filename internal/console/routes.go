package console

import (
	"net/http"
	"slices"

	"dsync/internal/fault"
)

// Route is a page or an action.
type Route struct {
	Pattern string // of http.ServeMux
	Scope   string // that the role must have, or Public
	serve   func(*request) error
}

// Public is the scope of routes that need no session.
const Public = "public"

// Base is the path of the console.
const Base = "/console"

// Routes are all routes.
func Routes() []Route { return slices.Clone(routes) }

var routes = slices.Concat(staticRoutes, signInRoutes, homeRoutes, organizationRoutes, directoryRoutes, tokenRoutes, settingsRoutes, deletionRoutes, peopleRoutes, changeRoutes, requestRoutes, keyRoutes, auditRoutes, sessionRoutes, styleguideRoutes)

// nothing is where no route leads. It must not tell paths from each other, so it
// needs a session, too.
func nothing(*request) error { return fault.Missing("Page", "") }

// statuses are the statuses of errors.
var statuses = map[fault.Kind]int{
	fault.Invalid:      http.StatusUnprocessableEntity,
	fault.Unauthorized: http.StatusUnauthorized,
	fault.Forbidden:    http.StatusForbidden,
	fault.NotFound:     http.StatusNotFound,
	fault.Conflict:     http.StatusConflict,
	fault.TooLarge:     http.StatusRequestEntityTooLarge,
	fault.RateLimited:  http.StatusTooManyRequests,
	fault.Busy:         http.StatusServiceUnavailable,
}

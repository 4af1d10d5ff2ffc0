package api

import (
	"net/http"

	"dsync/internal/id"
	"dsync/internal/management"
	"dsync/internal/scim"
)

var consoleSessionRoutes = []Route{
	{
		Method: http.MethodGet, Pattern: "/console_sessions", Scope: management.Keys, Parameters: pageParameters(id.ConsoleSession),
		Status: http.StatusOK, Object: "console_session", List: true, Summary: "List the sessions of people in the console. Sessions that have ended are listed for 7 days.",
		serve: func(r *request) (response, error) {
			return many(consoleSession)(r.session.ConsoleSessions(r.context(), r.query.page()))
		},
	},
	{
		Method: http.MethodDelete, Pattern: "/console_sessions/{id}", Scope: management.Keys,
		Status: http.StatusNoContent, Summary: "End a session of the console at once.",
		serve: func(r *request) (response, error) {
			return done, r.session.RevokeConsoleSession(r.context(), r.parameters["id"])
		},
	},
}

// consoleSession is the wire format of a session of the console.
func consoleSession(s management.ConsoleSession) map[string]any {
	return map[string]any{
		"object":     "console_session",
		"id":         s.ID,
		"person":     s.Person,
		"role":       s.Role,
		"state":      s.State,
		"source_ip":  nullable(s.SourceIP),
		"user_agent": nullable(s.UserAgent),
		"expires_at": scim.Timestamp(s.Expires),
		"created_at": scim.Timestamp(s.Created),
	}
}

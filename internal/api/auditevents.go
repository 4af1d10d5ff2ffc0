package api

import (
	"encoding/json"
	"net/http"

	"dsync/internal/id"
	"dsync/internal/management"
	"dsync/internal/scim"
)

var auditRoutes = []Route{{
	Method: http.MethodGet, Pattern: "/audit_events", Scope: management.Read,
	Parameters: pageParameters(id.AuditEvent,
		Parameter{Name: "organization_id", Kind: ID, Of: id.Organization, Description: "Return changes of this organization and of what belongs to it."},
		Parameter{Name: "directory_id", Kind: ID, Of: id.Directory, Description: "Return changes of this directory and of its tokens."},
		Parameter{Name: "action", Kind: Choice, Choices: management.AuditActions, Description: "Return changes with this action."}),
	Status: http.StatusOK, Object: "audit_event", List: true, Summary: "List the changes that were made through this API in the last 400 days, and who made them.",
	serve: func(r *request) (response, error) {
		filter := management.AuditFilter{OrganizationID: r.query.text("organization_id"), DirectoryID: r.query.text("directory_id"), Action: r.query.text("action")}
		return many(auditEvent)(r.session.AuditEvents(r.context(), filter, r.query.page()))
	},
}}

// auditEvent is the wire format of an audit event.
func auditEvent(e management.AuditEvent) map[string]any {
	changes := json.RawMessage("{}")
	if e.Changes.Members != "" {
		changes = json.RawMessage(e.Changes.Members)
	}
	omitted := make([]any, len(e.Changes.Omitted))
	for i, name := range e.Changes.Omitted {
		omitted[i] = name
	}
	return map[string]any{
		"object": "audit_event",
		"id":     e.ID,
		"action": e.Action,
		"actor": map[string]any{
			"api_key_id": nullable(e.Actor.KeyID), "api_key_name": nullable(e.Actor.KeyName),
			"console_session_id": nullable(e.Actor.SessionID), "person": nullable(e.Actor.Person),
			"setup_link_id": nullable(e.Actor.SetupLinkID),
		},
		"target":          map[string]any{"type": e.Target.Type, "id": e.Target.ID},
		"organization_id": nullable(e.OrganizationID),
		"directory_id":    nullable(e.DirectoryID),
		"changes":         changes,
		"omitted_changes": omitted,
		"source_ip":       nullable(e.Actor.SourceIP),
		"user_agent":      nullable(e.Actor.UserAgent),
		"request_id":      nullable(e.Actor.RequestID),
		"created_at":      scim.Timestamp(e.At),
	}
}

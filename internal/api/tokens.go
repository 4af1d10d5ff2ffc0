package api

import (
	"maps"
	"net/http"
	"time"

	"dsync/internal/id"
	"dsync/internal/management"
	"dsync/internal/scim"
)

var tokenRoutes = []Route{
	{
		Method: http.MethodGet, Pattern: "/directories/{id}/tokens", Scope: management.Read, Parameters: pageParameters(id.Token),
		Status: http.StatusOK, Object: "directory_token", List: true, Summary: "List the tokens of a directory. Revoked and expired tokens are listed for 7 days.",
		serve: func(r *request) (response, error) {
			return many(token)(r.session.Tokens(r.context(), r.parameters["id"], r.query.page()))
		},
	},
	{
		Method: http.MethodPost, Pattern: "/directories/{id}/tokens", Scope: management.Manage,
		Body:   []Field{{Name: "expires_at", Type: Instant, Nullable: true, Description: "Time at which the token expires; null for never."}},
		Status: http.StatusCreated, Object: "directory_token", Summary: "Create a token. The response contains the secret; it cannot be read again. A directory can have two active tokens, so that one can replace the other.",
		serve: func(r *request) (response, error) {
			t, secret, err := r.session.CreateToken(r.context(), r.parameters["id"], r.body.time("expires_at"))
			return made(shownOnce(token(t), "token", secret), err)
		},
	},
	{
		Method: http.MethodDelete, Pattern: "/directories/{id}/tokens/{token_id}", Scope: management.Manage,
		Status: http.StatusNoContent, Summary: "Revoke a token. It stops working within 10 seconds.",
		serve: func(r *request) (response, error) {
			return done, r.session.RevokeToken(r.context(), r.parameters["id"], r.parameters["token_id"])
		},
	},
}

// token is the wire format of a token (workos.md section 1.7), with its state and
// times.
func token(t management.Token) map[string]any {
	return map[string]any{
		"object":          "directory_token",
		"id":              t.ID,
		"directory_id":    t.DirectoryID,
		"organization_id": t.OrganizationID,
		"token_suffix":    t.Suffix,
		"state":           t.State,
		"last_used_at":    nullable(t.LastUsed),
		"expires_at":      instant(t.Expires),
		"created_at":      scim.Timestamp(t.Created),
	}
}

// shownOnce is an object with its secret, which only the creation returns.
func shownOnce(body map[string]any, name, secret string) map[string]any {
	body = maps.Clone(body)
	body[name] = secret
	return body
}

func instant(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return scim.Timestamp(t)
}

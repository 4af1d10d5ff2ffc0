package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"dsync/internal/directory"
	"dsync/internal/id"
	"dsync/internal/scim"
)

var keyFields = []Field{
	{Name: "name", Type: String, Required: true, About: "What it is for, in 1 to 256 characters."},
	{Name: "scope", Type: String, Required: true, Choices: directory.Scopes, About: "manage includes read."},
	{Name: "expires_at", Type: Instant, Nullable: true, About: "When it stops working; null for never."},
}

var keyRoutes = []Route{
	{
		Method: http.MethodGet, Pattern: "/api_keys", Scope: directory.Manage, Parameters: portion(id.APIKey),
		Status: http.StatusOK, Answer: "api_key", List: true, About: "List the API keys; those that were revoked or have expired, for a week.",
		serve: func(r *request) (answer, error) {
			return many(key)(r.operator.APIKeys(r.Context(), r.query.portion()))
		},
	},
	{
		Method: http.MethodPost, Pattern: "/api_keys", Scope: directory.Manage, Body: keyFields,
		Status: http.StatusCreated, Answer: "api_key", About: "Create an API key, whose value is shown here and never again.",
		serve: func(r *request) (answer, error) {
			body, err := createKey(r.Context(), r.Directories, r.body)
			return made(body, err)
		},
	},
	{
		Method: http.MethodDelete, Pattern: "/api_keys/{id}", Scope: directory.Manage,
		Status: http.StatusNoContent, About: "Revoke an API key. It stops working within 10 seconds.",
		serve: func(r *request) (answer, error) {
			return done, r.operator.RevokeAPIKey(r.Context(), r.path["id"])
		},
	},
}

// KeyMaker makes API keys for whoever may invoke it: the first one comes from
// nowhere else. Its input is the body of POST /api_keys, its output the answer.
func KeyMaker(d *directory.Service) func(context.Context, json.RawMessage) (map[string]any, error) {
	return func(ctx context.Context, input json.RawMessage) (map[string]any, error) {
		body, err := parse(input, keyFields)
		var refused *failure
		if errors.As(err, &refused) {
			b, _ := json.Marshal(refused.body)
			return nil, errors.New(string(b))
		}
		return createKey(ctx, d, body)
	}
}

func createKey(ctx context.Context, d *directory.Service, body object) (map[string]any, error) {
	k, value, err := d.CreateAPIKey(ctx, directory.NewAPIKey{Name: body.value("name"), Scope: body.value("scope"), Expires: body.time("expires_at")})
	return shownOnce(key(k), "value", value), err
}

// key is the wire format of an API key.
func key(k directory.APIKey) map[string]any {
	return map[string]any{
		"object":       "api_key",
		"id":           k.ID,
		"name":         k.Name,
		"scope":        k.Scope,
		"suffix":       k.Suffix,
		"state":        k.State,
		"last_used_at": nullable(k.LastUsed),
		"expires_at":   instant(k.Expires),
		"created_at":   scim.Timestamp(k.Created),
	}
}

package api

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"dsync/internal/fault"
	"dsync/internal/id"
	"dsync/internal/management"
	"dsync/internal/scim"

	"github.com/aws/aws-lambda-go/lambdacontext"
)

var keyFields = []Field{
	{Name: "name", Type: String, Required: true, Description: "Purpose of the key, 1 to 256 characters."},
	{Name: "scope", Type: String, Required: true, Choices: management.Scopes, Description: "Scopes of the key, separated by a space: read; manage, which includes read; keys, which manages API keys. A key cannot exceed the key that creates it."},
	{Name: "organization_id", Type: String, Nullable: true, Description: "Organization to which the key is bound: it reaches nothing else. null for none, or for the organization of the key that creates it."},
	{Name: "expires_at", Type: Instant, Nullable: true, Description: "Time at which the key expires; null for never."},
}

var keyRoutes = []Route{
	{
		Method: http.MethodGet, Pattern: "/api_keys", Scope: management.Keys, Parameters: pageParameters(id.APIKey),
		Status: http.StatusOK, Object: "api_key", List: true, Summary: "List the API keys. Revoked and expired keys are listed for 7 days.",
		serve: func(r *request) (response, error) {
			return many(key)(r.session.APIKeys(r.context(), r.query.page()))
		},
	},
	{
		Method: http.MethodPost, Pattern: "/api_keys", Scope: management.Keys, Body: keyFields,
		Status: http.StatusCreated, Object: "api_key", Summary: "Create an API key. The response contains the value; it cannot be read again.",
		serve: func(r *request) (response, error) {
			body, err := createKey(r.context(), r.session, r.body)
			return made(body, err)
		},
	},
	{
		Method: http.MethodDelete, Pattern: "/api_keys/{id}", Scope: management.Keys,
		Status: http.StatusNoContent, Summary: "Revoke an API key. It stops working within 10 seconds.",
		serve: func(r *request) (response, error) {
			return done, r.session.RevokeAPIKey(r.context(), r.parameters["id"])
		},
	},
}

// KeyMaker returns a function that creates API keys without one: it creates the
// first key. Its input is the body of POST /api_keys, its output the response.
func KeyMaker(o Options) func(context.Context, json.RawMessage) (map[string]any, error) {
	return func(ctx context.Context, input json.RawMessage) (map[string]any, error) {
		body, err := parse(input, keyFields)
		if err != nil {
			b, _ := json.Marshal(errorResponse(err, nil, "").body)
			return nil, errors.New(string(b))
		}
		var from management.Origin
		if invocation, ok := lambdacontext.FromContext(ctx); ok {
			from.RequestID = invocation.AwsRequestID
		}
		created, err := createKey(ctx, management.BootstrapFrom(o.Table, o.Now, o.Entropy, from), body)
		var invalid *fault.Error
		if errors.As(err, &invalid) {
			return nil, errors.New(cmp.Or(codes(invalid.Fields), invalid.Error()))
		}
		return created, err
	}
}

// codes joins the codes of fields.
func codes(fields []fault.Field) string {
	all := make([]string, len(fields))
	for i, f := range fields {
		all[i] = f.Code
	}
	return strings.Join(all, " ")
}

func createKey(ctx context.Context, s *management.Session, body object) (map[string]any, error) {
	k, value, err := s.CreateAPIKey(ctx, management.NewAPIKey{
		Name: body.value("name"), Scope: body.value("scope"), OrganizationID: body.value("organization_id"), Expires: body.time("expires_at"),
	})
	return shownOnce(key(k), "value", value), err
}

// key is the wire format of an API key.
func key(k management.APIKey) map[string]any {
	return map[string]any{
		"object":          "api_key",
		"id":              k.ID,
		"name":            k.Name,
		"scope":           k.Scope,
		"organization_id": nullable(k.OrganizationID),
		"created_by":      nullable(k.CreatedBy),
		"suffix":          k.Suffix,
		"state":           k.State,
		"last_used_at":    nullable(k.LastUsed),
		"expires_at":      instant(k.Expires),
		"created_at":      scim.Timestamp(k.Created),
	}
}

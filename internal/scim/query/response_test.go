package query_test

import (
	"encoding/json"
	"testing"

	"dsync/internal/scim/query"
	"dsync/internal/scim/scimtest"
)

// Entra's Test Connection fails on `"Resources": null` (entra.md Q18).
func TestListResponse(t *testing.T) {
	for _, row := range []struct {
		name string
		got  map[string]any
		want string
	}{
		{"entra Q18: nothing", query.ListResponse(nil, 0, 1), `{"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"totalResults":0,"Resources":[],"startIndex":1,"itemsPerPage":0}`},
		{"rfc: a page", query.ListResponse([]map[string]any{{"id": "a"}}, 11, 6), `{"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"totalResults":11,"Resources":[{"id":"a"}],"startIndex":6,"itemsPerPage":1}`},
		{"rfc: a page by cursor", query.CursorResponse([]map[string]any{{"id": "a"}}, 11, "n"), `{"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"totalResults":11,"Resources":[{"id":"a"}],"nextCursor":"n","itemsPerPage":1}`},
		{"rfc: the last page by cursor", query.CursorResponse([]map[string]any{{"id": "a"}}, 0, ""), `{"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"totalResults":0,"Resources":[{"id":"a"}],"itemsPerPage":1}`},
		{"rfc: a page by cursor of unknown many", query.CursorResponse(nil, -1, "n"), `{"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"Resources":[],"nextCursor":"n","itemsPerPage":0}`},
	} {
		t.Run(row.name, func(t *testing.T) {
			b, err := json.Marshal(row.got)
			if err != nil {
				t.Fatal(err)
			}
			scimtest.Same(t, scimtest.Object(t, string(b)), scimtest.Object(t, row.want))
		})
	}
}

package scim

import (
	"encoding/json"
	"testing"
)

// Entra's Test Connection fails on `"Resources": null` (entra.md Q18).
func TestListResponse(t *testing.T) {
	for _, row := range []struct {
		name string
		got  map[string]any
		want string
	}{
		{"entra Q18: nothing", ListResponse(nil, 0, 1), `{"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"totalResults":0,"Resources":[],"startIndex":1,"itemsPerPage":0}`},
		{"rfc: a page", ListResponse([]map[string]any{{"id": "a"}}, 11, 6), `{"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"totalResults":11,"Resources":[{"id":"a"}],"startIndex":6,"itemsPerPage":1}`},
		{"rfc: a page by cursor", CursorResponse([]map[string]any{{"id": "a"}}, 11, "n"), `{"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"totalResults":11,"Resources":[{"id":"a"}],"nextCursor":"n","itemsPerPage":1}`},
		{"rfc: the last page by cursor", CursorResponse([]map[string]any{{"id": "a"}}, 0, ""), `{"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"totalResults":0,"Resources":[{"id":"a"}],"itemsPerPage":1}`},
		{"rfc: a page by cursor of unknown many", CursorResponse(nil, -1, "n"), `{"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"Resources":[],"nextCursor":"n","itemsPerPage":0}`},
	} {
		t.Run(row.name, func(t *testing.T) {
			b, err := json.Marshal(row.got)
			if err != nil {
				t.Fatal(err)
			}
			same(t, resource(t, string(b)), resource(t, row.want))
		})
	}
}

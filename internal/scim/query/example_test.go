package query_test

import (
	"encoding/json"
	"fmt"

	"dsync/internal/scim"
	"dsync/internal/scim/query"
	"dsync/internal/scim/resource"
)

// A list response has a Resources list even when it is empty, because Entra's
// Test Connection fails on null.
func ExampleListResponse() {
	q, err := query.Parse(scim.Users, "attributes=userName&startIndex=1")
	if err != nil {
		fmt.Println(err)
		return
	}
	user := resource.Render(scim.Users, map[string]any{"userName": "ada@example.com", "title": "Analyst"}, resource.Meta{ID: "directory_user_1", Version: 1})
	for _, page := range [][]map[string]any{{q.Projection.Apply(user)}, nil} {
		b, err := json.Marshal(query.ListResponse(page, len(page), q.StartIndex))
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(string(b))
	}
	// Output:
	// {"Resources":[{"id":"directory_user_1","schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"ada@example.com"}],"itemsPerPage":1,"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"startIndex":1,"totalResults":1}
	// {"Resources":[],"itemsPerPage":0,"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"startIndex":1,"totalResults":0}
}

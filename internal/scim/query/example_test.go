package query_test

import (
	"encoding/json"
	"fmt"

	"dsync/internal/scim"
	"dsync/internal/scim/query"
)

// A query that finds nothing has an empty list, never null (entra.md Q18).
func ExampleListResponse() {
	q, err := query.Parse(scim.Users, "filter=userName+eq+%22nobody%22&startIndex=1&count=10")
	if err != nil {
		fmt.Println(err)
		return
	}
	text, err := json.Marshal(query.ListResponse(nil, 0, q.StartIndex))
	fmt.Println(string(text), err)
	// Output:
	// {"Resources":[],"itemsPerPage":0,"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"startIndex":1,"totalResults":0} <nil>
}

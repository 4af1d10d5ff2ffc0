package patch_test

import (
	"fmt"

	"dsync/internal/scim"
	"dsync/internal/scim/patch"
)

// Entra disables a user in one of two dialects (entra.md section 3). Both have
// the same result.
func ExampleResolve() {
	for _, body := range []string{
		`{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"Replace","path":"active","value":"False"}]}`,
		`{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","value":{"active":false,"name.givenName":"Ada"}}]}`,
	} {
		operations, err := patch.Parse([]byte(body))
		if err != nil {
			fmt.Println(err)
			return
		}
		user := map[string]any{"userName": "ada@example.com", "active": true}
		patched, _, err := patch.Resolve(scim.Users, operations).Apply(user)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(patched["active"], patched["name"])
	}
	// Output:
	// false <nil>
	// false map[givenName:Ada]
}

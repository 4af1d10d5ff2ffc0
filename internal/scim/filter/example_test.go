package filter_test

import (
	"fmt"

	"dsync/internal/scim"
	"dsync/internal/scim/filter"
)

// Entra finds a user by an equality filter. Strings compare in any letter case
// where the schema says so.
func ExampleParse() {
	f, err := filter.Parse(scim.Users, `userName eq "ADA@example.com" and active eq true`)
	if err != nil {
		fmt.Println(err)
		return
	}
	ada := map[string]any{"userName": "ada@example.com", "active": true}
	eve := map[string]any{"userName": "eve@example.com", "active": true}
	fmt.Println(filter.Match(f, ada, nil), filter.Match(f, eve, nil))
	// The equalities that every match fulfils decide which key is read.
	for _, e := range filter.Equalities(f) {
		fmt.Println(e.Target, e.Value)
	}
	// Output:
	// true false
	// userName ADA@example.com
}

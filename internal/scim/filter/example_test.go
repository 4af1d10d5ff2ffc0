package filter_test

import (
	"fmt"

	"dsync/internal/scim"
	"dsync/internal/scim/filter"
)

// Names match in any letter case, and so do values unless the schema says
// otherwise.
func ExampleMatch() {
	user, err := scim.DecodeObject([]byte(`{
		"userName": "ada@example.com",
		"active":   true,
		"emails":   [{"type": "work", "value": "Ada@example.com"}]
	}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, text := range []string{
		`userName eq "ADA@example.com"`,
		`emails[type eq "work"].value eq "ada@example.com" and active eq "True"`,
		`not (userName co "@example.com")`,
		`userName like "ada"`,
	} {
		f, err := filter.Parse(scim.Users, text)
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Println(f, "→", filter.Match(f, user, nil))
	}
	// Output:
	// userName eq "ADA@example.com" → true
	// emails[type eq "work"].value eq "ada@example.com" and active eq true → true
	// not (userName co "@example.com") → false
	// invalid: invalidFilter: at position 10: unknown operator "like"
}

// The equalities of a filter tell which records can be read by key.
func ExampleEqualities() {
	f, err := filter.Parse(scim.Groups, `id eq "directory_group_1" and members eq "directory_user_2"`)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, e := range filter.Equalities(f) {
		fmt.Println(e.Target, "=", e.Value)
	}
	// Output:
	// id = directory_group_1
	// members.value = directory_user_2
}

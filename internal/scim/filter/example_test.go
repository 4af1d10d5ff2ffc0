package filter_test

import (
	"fmt"
	"slices"

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

// The cover of a filter tells which records are read by key.
func ExampleCover() {
	f, err := filter.Parse(scim.Users, `(externalId eq "a" or userName eq "b") and active eq true`)
	if err != nil {
		fmt.Println(err)
		return
	}
	keys := []string{"userName", "externalId"}
	for _, e := range filter.Cover(f, func(t filter.Target) int { return slices.Index(keys, t.String()) }) {
		fmt.Println(e.Target, "=", e.Value)
	}
	// Output:
	// externalId = a
	// userName = b
}

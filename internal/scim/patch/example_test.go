package patch_test

import (
	"fmt"

	"dsync/internal/scim"
	"dsync/internal/scim/patch"
	"dsync/internal/scim/resource"
)

// Entra sends a PATCH in one of two dialects: the default one, and the one of
// the flag aadOptscim062020. Both have the same effect.
func ExampleResolved_Apply() {
	user, err := scim.DecodeObject([]byte(`{"userName": "ada@example.com", "active": true, "title": "Analyst"}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, body := range []string{
		`{"Operations": [
			{"op": "Replace", "path": "active", "value": "False"},
			{"op": "Add", "path": "name.familyName", "value": "Lovelace"}]}`,
		`{"Operations": [
			{"op": "replace", "value": {"active": false, "name.familyName": "Lovelace"}}]}`,
	} {
		operations, err := patch.Parse([]byte(body))
		if err != nil {
			fmt.Println(err)
			return
		}
		changed, _, err := patch.Resolve(scim.Users, operations).Apply(user)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(resource.Encode(changed))
	}
	// Output:
	// {"active":false,"name":{"familyName":"Lovelace"},"title":"Analyst","userName":"ada@example.com"}
	// {"active":false,"name":{"familyName":"Lovelace"},"title":"Analyst","userName":"ada@example.com"}
}

// The default dialect removes members with a value, the other one with a
// filter. Neither needs the group.
func ExampleResolved_MembersOnly() {
	for _, body := range []string{
		`{"Operations": [{"op": "Remove", "path": "members", "value": [{"$ref": null, "value": "directory_user_1"}]}]}`,
		`{"Operations": [{"op": "remove", "path": "members[value eq \"directory_user_1\"]"}]}`,
	} {
		operations, err := patch.Parse([]byte(body))
		if err != nil {
			fmt.Println(err)
			return
		}
		members, only, err := patch.Resolve(scim.Groups, operations).MembersOnly()
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(only, members.Removed())
	}
	// Output:
	// true [directory_user_1]
	// true [directory_user_1]
}

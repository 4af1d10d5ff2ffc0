// Package scimtest has what the tests of package scim and its sub-packages
// share: example resources and types, and checks of what must always hold.
package scimtest

import (
	"testing"
	"time"

	"dsync/internal/scim"
	"dsync/internal/scim/patch"
	"dsync/internal/scim/resource"
)

// The user and the group that most tables start from, as JSON.
const (
	Babs = `{
		"userName": "bjensen@example.com", "externalId": "ext-1", "active": true, "displayName": "Babs Jensen", "title": "Guide",
		"name": {"givenName": "Barbara", "familyName": "Jensen"},
		"emails": [
			{"type": "work", "value": "bjensen@example.com", "primary": true},
			{"type": "home", "value": "babs@example.org", "display": "at home"}],
		"roles": [{"primary": true, "type": "WindowsAzureActiveDirectoryRole", "value": "Admin", "display": "Admin"}],
		"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"department": "Tours", "manager": {"value": "m-1"}}
	}`
	Guides = `{"displayName": "Guides", "externalId": "g-1"}`
)

// The e-mail addresses of Babs, as JSON.
const (
	WorkMail = `{"type":"work","value":"bjensen@example.com","primary":true}`
	HomeMail = `{"type":"home","value":"babs@example.org","display":"at home"}`
)

// Rendered is Babs as clients see her.
func Rendered(t testing.TB) map[string]any {
	at := time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC)
	return resource.Render(scim.Users, Object(t, Babs), resource.Meta{ID: "u-1", Created: at, LastModified: at.Add(time.Hour), Version: 3, Location: "https://x/Users/u-1"})
}

// Object reads a JSON object. The test fails if it is none.
func Object(t testing.TB, s string) map[string]any {
	t.Helper()
	r, err := scim.DecodeObject([]byte(s))
	if err != nil {
		t.Fatalf("%s: %v", s, err)
	}
	return r
}

// Operations reads the operations of a PATCH from a JSON list.
func Operations(t testing.TB, s string) []patch.Operation {
	t.Helper()
	list, err := patch.Parse(PatchBody(s))
	if err != nil {
		t.Fatalf("%s: %v", s, err)
	}
	return list
}

// PatchBody is the PATCH request with the operations of a JSON list.
func PatchBody(operations string) []byte {
	return []byte(`{"schemas":["` + scim.PatchOpURN + `"],"Operations":` + operations + `}`)
}

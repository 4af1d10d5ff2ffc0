package scim

import (
	"encoding/json"
	"errors"
	"testing"

	"dsync/internal/fault"

	"github.com/google/go-cmp/cmp"
)

// The user and the group that most tables start from.
const (
	babs = `{
		"userName": "bjensen@example.com", "externalId": "ext-1", "active": true, "displayName": "Babs Jensen", "title": "Guide",
		"name": {"givenName": "Barbara", "familyName": "Jensen"},
		"emails": [
			{"type": "work", "value": "bjensen@example.com", "primary": true},
			{"type": "home", "value": "babs@example.org", "display": "at home"}],
		"roles": [{"primary": true, "type": "WindowsAzureActiveDirectoryRole", "value": "Admin", "display": "Admin"}],
		"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"department": "Tours", "manager": {"value": "m-1"}}
	}`
	guides = `{"displayName": "Guides", "externalId": "g-1"}`
)

// resource reads a JSON object that a test is sure of.
func resource(t testing.TB, s string) map[string]any {
	t.Helper()
	r, err := DecodeObject([]byte(s))
	if err != nil {
		t.Fatalf("%s: %v", s, err)
	}
	return r
}

// operations reads operations written as a JSON list.
func operations(t testing.TB, s string) []Operation {
	t.Helper()
	list, err := ParsePatch(patchBody(s))
	if err != nil {
		t.Fatalf("%s: %v", s, err)
	}
	return list
}

func patchBody(operations string) []byte {
	return []byte(`{"schemas":["` + PatchOpURN + `"],"Operations":` + operations + `}`)
}

// statuses are the HTTP statuses that package provider sends the errors of this
// package with.
var statuses = map[fault.Kind]int{fault.Invalid: 400, fault.TooLarge: 413}

// problem writes an error as "status scimType", and no error as "".
func problem(t testing.TB, err error) string {
	t.Helper()
	if err == nil {
		return ""
	}
	var e *fault.Error
	if !errors.As(err, &e) {
		t.Fatalf("%v (%[1]T) is not a *fault.Error", err)
	}
	b, _ := json.Marshal(statuses[e.Kind])
	if e.Code == "" {
		return string(b)
	}
	return string(b) + " " + string(e.Code)
}

// same compares two resources in their stored form.
func same(t testing.TB, got, want map[string]any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("resource (-want +got):\n%s", diff)
	}
}

// change writes a change of members as plain data.
func change(m *Members) map[string]any {
	c := map[string]any{}
	if m == nil {
		return c
	}
	if m.Reset {
		c["reset"] = true
	}
	for _, added := range m.Added() {
		list, _ := c["add"].([]any)
		c["add"] = append(list, added.ID+"/"+added.Display)
	}
	for _, id := range m.Removed() {
		list, _ := c["remove"].([]any)
		c["remove"] = append(list, id)
	}
	return c
}

package scimtest

import (
	"fmt"
	"strings"
	"testing"

	"dsync/internal/scim"
	"dsync/internal/scim/resource"
	"dsync/internal/scim/value"
)

// The URNs of extensions that tests declare.
const (
	CustomURN = "urn:ietf:params:scim:schemas:extension:CustomExtensionName:2.0:User"
	SizesURN  = "urn:ietf:params:scim:schemas:extension:Sizes:2.0:User"
)

// Extension reads the declaration of an extension.
func Extension(t testing.TB, s string) *scim.Schema {
	t.Helper()
	schema, err := scim.ParseExtension([]byte(s))
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// Sizes is an extension with a value of each kind.
func Sizes(t testing.TB) *scim.Schema {
	return Extension(t, `{"id":"`+SizesURN+`","name":"Sizes","attributes":[
		{"name":"rank","type":"integer"},{"name":"size","type":"decimal"},{"name":"big","type":"boolean"},{"name":"since","type":"dateTime"},
		{"name":"page","type":"reference"},{"name":"label"},{"name":"code","caseExact":true},{"name":"marks","type":"integer","multiValued":true},{"name":"tags","multiValued":true},
		{"name":"badge","type":"complex","subAttributes":[{"name":"value"},{"name":"level","type":"integer"}]},
		{"name":"steps","type":"complex","multiValued":true,"subAttributes":[{"name":"value","type":"integer"},{"name":"at","type":"dateTime"},{"name":"type","canonicalValues":["up"]},{"name":"primary","type":"boolean"}]}]}`)
}

// Sized is a user with every kind of value, as clients see it.
func Sized(t testing.TB) map[string]any {
	rt := scim.Users.Extend(Sizes(t))
	r, _, err := resource.Parse(rt, Object(t, `{"userName":"u","`+SizesURN+`":{"rank":42,"size":1.5,"big":true,"since":"2026-01-15T12:00:00Z","page":"https://x","label":"l","code":"C","marks":[3,4],"tags":["a","b"],
		"badge":{"value":"b","level":5},"steps":[{"value":1,"primary":true},{"value":2,"type":"up","at":"2026-01-15T12:00:00Z"}]}}`))
	if err != nil {
		t.Fatal(err)
	}
	return resource.Render(rt, r, resource.Meta{ID: "u-2", Version: 1})
}

// Lenient is the type with Lenient set.
func Lenient(rt *scim.ResourceType) *scim.ResourceType {
	l := *rt
	l.Lenient = true
	return &l
}

// Large is a user of n bytes when encoded.
func Large(n int) map[string]any {
	r := map[string]any{"userName": "u"}
	n -= len(`{"userName":"u"}`)
	for _, name := range []string{"displayName", "locale", "nickName", "preferredLanguage", "profileUrl", "timezone", "userType", "title"} {
		n -= len(`,"":""`) + len(name)
		size := min(n, value.MaxText)
		r[name] = strings.Repeat("x", size)
		n -= size
	}
	return r
}

// Entitled is a user with n entitlements.
func Entitled(n int) map[string]any {
	list := make([]any, n)
	for i := range list {
		list[i] = map[string]any{"value": fmt.Sprint(i)}
	}
	return map[string]any{"userName": "u", "entitlements": list}
}

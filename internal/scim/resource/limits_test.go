package resource_test

import (
	"strings"
	"testing"

	"dsync/internal/scim"
	"dsync/internal/scim/resource"
	"dsync/internal/scim/scimtest"
	"dsync/internal/scim/value"
)

func TestLimits(t *testing.T) {
	post := func(rt *scim.ResourceType, r map[string]any) error { _, _, err := resource.Parse(rt, r); return err }
	text := func(n int) string { return strings.Repeat("x", n) }
	// Characters of one, three and four bytes, and one that is escaped in keys.
	for name, character := range map[string]string{"ASCII": "x", "Japanese": "名", "emoji": "😀", "escaped": "%"} {
		text := func(n int) string { return strings.Repeat(character, n) }
		scimtest.RunLimits(t, []scimtest.Limit{
			{Name: "MaxKeyValue of userName/" + name, Limit: resource.MaxKeyValue, Problem: "400 invalidValue", Try: func(n int) error { return post(scim.Users, map[string]any{"userName": text(n)}) }},
			{Name: "MaxKeyValue of displayName/" + name, Limit: resource.MaxKeyValue, Problem: "400 invalidValue", Try: func(n int) error { return post(scim.Groups, map[string]any{"displayName": text(n)}) }},
			{Name: "MaxKeyValue of externalId/" + name, Limit: resource.MaxKeyValue, Problem: "400 invalidValue", Try: func(n int) error { return post(scim.Users, map[string]any{"userName": "u", "externalId": text(n)}) }},
			{Name: "MaxDisplay/" + name, Limit: resource.MaxDisplay, Problem: "400 invalidValue", Try: func(n int) error {
				return post(scim.Groups, map[string]any{"displayName": "G", "members": []any{map[string]any{"value": "a", "display": text(n)}}})
			}},
		})
	}
	scimtest.RunLimits(t, []scimtest.Limit{
		{Name: "MaxValue", Limit: value.MaxText, Problem: "400 invalidValue", Try: func(n int) error { return post(scim.Users, map[string]any{"userName": "u", "title": text(n)}) }},
		{Name: "MaxElements", Limit: value.MaxElements, Problem: "400 invalidValue", Try: func(n int) error { return post(scim.Users, scimtest.Entitled(n)) }},
		{Name: "MaxResource", Limit: resource.MaxEncoded, Problem: "413", Try: func(n int) error {
			return post(scim.Users, scimtest.Large(n))
		}},
	})
}

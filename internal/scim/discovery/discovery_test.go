package discovery_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"dsync/internal/scim"
	"dsync/internal/scim/discovery"
	"dsync/internal/scim/filter"
	"dsync/internal/scim/scimtest"
)

const base = "https://example.com/scim/v2.0/key"

func TestServiceProviderConfig(t *testing.T) {
	b, err := json.Marshal(discovery.ServiceProviderConfig(base))
	if err != nil {
		t.Fatal(err)
	}
	c := scimtest.Object(t, string(b))
	for name, want := range map[string]bool{"patch": true, "filter": true, "etag": true, "bulk": true, "sort": true, "changePassword": false} {
		if got := c[name].(map[string]any)["supported"]; got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
	for name, want := range map[string]string{ // RFC 9865 section 4, RFC 7643 section 5
		"pagination": `{"cursor":true,"index":true,"defaultPaginationMethod":"index","defaultPageSize":100,"maxPageSize":200,"cursorTimeout":600}`,
		"bulk":       `{"supported":true,"maxOperations":100,"maxPayloadSize":1048576}`,
		"filter":     `{"supported":true,"maxResults":200}`,
	} {
		scimtest.Same(t, c[name].(map[string]any), scimtest.Object(t, want))
	}
	if strings.Contains(string(b), `""`) || strings.Contains(string(b), "null") {
		t.Errorf("an empty value in %s", b)
	}
}

func TestSchemas(t *testing.T) {
	var names []string
	for _, s := range discovery.SchemasOf(scim.ResourceTypes...) {
		names = append(names, s.ID)
		b, err := json.Marshal(discovery.Schema(s, base))
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(b), "null") || strings.Contains(string(b), `:""`) {
			t.Errorf("%s: an empty value in %s", s.ID, b)
		}
		r := scimtest.Object(t, string(b))
		if r["id"] != s.ID || r["meta"].(map[string]any)["resourceType"] != "Schema" || r["meta"].(map[string]any)["location"] != base+"/Schemas/"+s.ID {
			t.Errorf("%s: %s", s.ID, b)
		}
		for _, hidden := range []string{`"password"`, `"photos"`, `"x509Certificates"`} { // entra.md Q34
			if strings.Contains(string(b), hidden) {
				t.Errorf("%s publishes %s", s.ID, hidden)
			}
		}
		for _, a := range s.Attributes {
			// The validator writes what it can write, and expects it back.
			if ref := a.StoredSub("$ref"); ref != nil && !ref.ReadOnly() {
				t.Errorf("%s.$ref can be written", a.Name)
			}
		}
		for _, a := range s.Attributes {
			scimtest.CheckAttribute(t, s.ID, a)
			if kind := a.Sub("type"); kind != nil && a.Name != "entitlements" && len(kind.CanonicalValues) == 0 { // entra.md Q33
				t.Errorf("%s.type has no canonical values", a.Name)
			}
		}
	}
	for _, a := range []*scim.Attribute{scim.FindAttribute(scim.Groups.Schema.Attributes, "members"), scim.FindAttribute(scim.Users.Schema.Attributes, "groups")} {
		if ref := a.StoredSub("$ref"); ref == nil || ref.Type != scim.Reference || len(ref.ReferenceTypes) != 1 {
			t.Errorf("%s.$ref is %v", a.Name, ref)
		}
	}
	if !slices.Equal(names, []string{scim.UserURN, scim.EnterpriseURN, scim.GroupURN}) {
		t.Errorf("got %v", names)
	}
}

func TestResourceTypes(t *testing.T) {
	b, err := json.Marshal(discovery.ResourceType(scim.Users, base))
	if err != nil {
		t.Fatal(err)
	}
	scimtest.Same(t, scimtest.Object(t, string(b)), scimtest.Object(t, `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:ResourceType"],"id":"User","name":"User","endpoint":"/Users","description":"User Account",
		"schema":"urn:ietf:params:scim:schemas:core:2.0:User","schemaExtensions":[{"schema":"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User","required":false}],
		"meta":{"resourceType":"ResourceType","location":"https://example.com/scim/v2.0/key/ResourceTypes/User"}}`))
	if _, ok := discovery.ResourceType(scim.Groups, base)["schemaExtensions"]; ok {
		t.Error("groups have no extension")
	}
	if discovery.FindSchema(discovery.SchemasOf(scim.Users), strings.ToUpper(scim.EnterpriseURN)) != scim.Users.Extensions[0] || discovery.FindSchema(discovery.SchemasOf(scim.Users), "urn:x") != nil {
		t.Error("FindSchema")
	}
}

// Extensions belong to one directory, and are published after the built-in
// schemas.
func TestExtend(t *testing.T) {
	custom := scimtest.Extension(t, `{"id":"`+scimtest.CustomURN+`","attributes":[{"name":"tag"}]}`)
	first, second := scim.Users.Extend(custom), scim.Users.Extend(scimtest.Sizes(t))
	var got []string
	for _, s := range discovery.SchemasOf(first, scim.Groups, first) {
		got = append(got, s.ID)
	}
	if !slices.Equal(got, []string{scim.UserURN, scim.EnterpriseURN, scimtest.CustomURN, scim.GroupURN}) {
		t.Errorf("got %v", got)
	}
	if len(scim.Users.Extensions) != 1 || len(scim.Users.Extend().Extensions) != 1 || second.Extensions[1].ID != scimtest.SizesURN || first.Extensions[1].ID != scimtest.CustomURN {
		t.Error("extensions of one type are seen by another")
	}
	if discovery.FindSchema(discovery.SchemasOf(first), strings.ToUpper(scimtest.CustomURN)) != custom || discovery.FindSchema(discovery.SchemasOf(scim.Users), scimtest.CustomURN) != nil {
		t.Error("FindSchema")
	}
	if _, err := filter.ParsePath(scim.Users, scimtest.CustomURN+":tag"); scimtest.Problem(t, err) != "400 invalidPath" {
		t.Error("Extend changes the built-in type")
	}
}

package scim

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

const base = "https://example.com/scim/v2.0/key"

func TestServiceProviderConfig(t *testing.T) {
	b, err := json.Marshal(ServiceProviderConfig(base))
	if err != nil {
		t.Fatal(err)
	}
	c := resource(t, string(b))
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
		same(t, c[name].(map[string]any), resource(t, want))
	}
	if strings.Contains(string(b), `""`) || strings.Contains(string(b), "null") {
		t.Errorf("an empty value in %s", b)
	}
}

func TestSchemas(t *testing.T) {
	var names []string
	for _, s := range SchemasOf(ResourceTypes...) {
		names = append(names, s.ID)
		b, err := json.Marshal(s.Discovery(base))
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(b), "null") || strings.Contains(string(b), `:""`) {
			t.Errorf("%s: an empty value in %s", s.ID, b)
		}
		r := resource(t, string(b))
		if r["id"] != s.ID || r["meta"].(map[string]any)["resourceType"] != "Schema" || r["meta"].(map[string]any)["location"] != base+"/Schemas/"+s.ID {
			t.Errorf("%s: %s", s.ID, b)
		}
		for _, hidden := range []string{`"password"`, `"$ref"`} { // entra.md Q34
			if strings.Contains(string(b), hidden) {
				t.Errorf("%s publishes %s", s.ID, hidden)
			}
		}
		for _, a := range s.Attributes {
			checkAttribute(t, s.ID, a)
			if kind := a.Sub("type"); kind != nil && a.Name != "entitlements" && len(kind.CanonicalValues) == 0 { // entra.md Q33
				t.Errorf("%s.type has no canonical values", a.Name)
			}
		}
	}
	if !slices.Equal(names, []string{UserURN, EnterpriseURN, GroupURN}) {
		t.Errorf("got %v", names)
	}
}

// checkAttribute holds an attribute against RFC 7643 section 7.
func checkAttribute(t *testing.T, where string, a *Attribute) {
	where += "." + a.Name
	for _, field := range []struct {
		name, value string
		of          []string
	}{
		{"type", a.Type, []string{String, Boolean, Decimal, Integer, DateTime, Reference, Complex}},
		{"mutability", a.Mutability, []string{"readOnly", "readWrite", "immutable", "writeOnly"}},
		{"returned", a.Returned, []string{"always", "never", "default", "request"}},
		{"uniqueness", a.Uniqueness, []string{"none", "server", "global"}},
	} {
		if !slices.Contains(field.of, field.value) {
			t.Errorf("%s: %s is %q", where, field.name, field.value)
		}
	}
	if a.Description == "" || (a.Type == Complex) != (len(a.SubAttributes) > 0) || (a.Type == Reference) != (len(a.ReferenceTypes) > 0) {
		t.Errorf("%s is incomplete", where)
	}
	for _, sub := range a.SubAttributes {
		checkAttribute(t, where, sub)
	}
}

func TestResourceTypes(t *testing.T) {
	b, err := json.Marshal(Users.Discovery(base))
	if err != nil {
		t.Fatal(err)
	}
	same(t, resource(t, string(b)), resource(t, `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:ResourceType"],"id":"User","name":"User","endpoint":"/Users","description":"User Account",
		"schema":"urn:ietf:params:scim:schemas:core:2.0:User","schemaExtensions":[{"schema":"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User","required":false}],
		"meta":{"resourceType":"ResourceType","location":"https://example.com/scim/v2.0/key/ResourceTypes/User"}}`))
	if _, ok := Groups.Discovery(base)["schemaExtensions"]; ok {
		t.Error("groups have no extension")
	}
	if FindSchema(SchemasOf(Users), strings.ToUpper(EnterpriseURN)) != Users.Extensions[0] || FindSchema(SchemasOf(Users), "urn:x") != nil {
		t.Error("FindSchema")
	}
}

package scim

import "strings"

// The URNs of the discovery resources (RFC 7643 sections 5, 6 and 7).
const (
	serviceProviderConfigURN = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"
	resourceTypeURN          = "urn:ietf:params:scim:schemas:core:2.0:ResourceType"
	schemaURN                = "urn:ietf:params:scim:schemas:core:2.0:Schema"
)

// ServiceProviderConfig says what this provider can do (RFC 7643 section 5).
// base is the URL of the SCIM endpoint, without a slash at the end.
func ServiceProviderConfig(base string) map[string]any {
	return map[string]any{
		"schemas":        []string{serviceProviderConfigURN},
		"patch":          map[string]any{"supported": true},
		"bulk":           map[string]any{"supported": true, "maxOperations": MaxBulkOperations, "maxPayloadSize": MaxBody},
		"filter":         map[string]any{"supported": true, "maxResults": MaxCount},
		"changePassword": map[string]any{"supported": false},
		"sort":           map[string]any{"supported": true},
		"etag":           map[string]any{"supported": true},
		"pagination": map[string]any{ // RFC 9865 section 4
			"cursor":                  true,
			"index":                   true,
			"defaultPaginationMethod": "index",
			"defaultPageSize":         DefaultCount,
			"maxPageSize":             MaxCount,
			"cursorTimeout":           int(CursorLife.Seconds()),
		},
		"authenticationSchemes": []any{map[string]any{
			"type":        "oauthbearertoken",
			"name":        "Bearer token",
			"description": "The Secret Token of the directory in the Authorization header",
			"specUri":     "https://www.rfc-editor.org/rfc/rfc6750",
			"primary":     true,
		}},
		"meta": map[string]any{"resourceType": "ServiceProviderConfig", "location": base + "/ServiceProviderConfig"},
	}
}

// Discovery is a resource type as /ResourceTypes shows it.
func (rt *ResourceType) Discovery(base string) map[string]any {
	r := map[string]any{
		"schemas":     []string{resourceTypeURN},
		"id":          rt.Name,
		"name":        rt.Name,
		"endpoint":    rt.Endpoint,
		"description": rt.Description,
		"schema":      rt.Schema.ID,
		"meta":        map[string]any{"resourceType": "ResourceType", "location": base + "/ResourceTypes/" + rt.Name},
	}
	if len(rt.Extensions) > 0 {
		extensions := make([]any, len(rt.Extensions))
		for i, e := range rt.Extensions {
			extensions[i] = map[string]any{"schema": e.ID, "required": false}
		}
		r["schemaExtensions"] = extensions
	}
	return r
}

// Discovery is a schema as /Schemas shows it.
func (s *Schema) Discovery(base string) map[string]any {
	return map[string]any{
		"schemas":     []string{schemaURN},
		"id":          s.ID,
		"name":        s.Name,
		"description": s.Description,
		"attributes":  s.Attributes,
		"meta":        map[string]any{"resourceType": "Schema", "location": base + "/Schemas/" + s.ID},
	}
}

// SchemasOf are the schemas of the resource types, each once, with those that
// a directory has declared.
func SchemasOf(types ...*ResourceType) []*Schema {
	var all []*Schema
	for _, rt := range types {
		for _, s := range append([]*Schema{rt.Schema}, rt.Extensions...) {
			if FindSchema(all, s.ID) == nil {
				all = append(all, s)
			}
		}
	}
	return all
}

// FindSchema returns the schema with that URN in any letter case, or nil.
func FindSchema(schemas []*Schema, urn string) *Schema {
	for _, s := range schemas {
		if strings.EqualFold(s.ID, urn) {
			return s
		}
	}
	return nil
}

package discovery

import (
	"strings"

	"dsync/internal/scim"
	"dsync/internal/scim/bulk"
	"dsync/internal/scim/query"
)

// The URNs of the discovery resources (RFC 7643 sections 5, 6 and 7).
const (
	serviceProviderConfigURN = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"
	resourceTypeURN          = "urn:ietf:params:scim:schemas:core:2.0:ResourceType"
	schemaURN                = "urn:ietf:params:scim:schemas:core:2.0:Schema"
)

// ServiceProviderConfig is the resource at /ServiceProviderConfig (RFC 7643
// section 5). base is the URL of the SCIM endpoint without a trailing slash.
func ServiceProviderConfig(base string) map[string]any {
	return map[string]any{
		"schemas":        []string{serviceProviderConfigURN},
		"patch":          map[string]any{"supported": true},
		"bulk":           map[string]any{"supported": true, "maxOperations": bulk.MaxOperations, "maxPayloadSize": scim.MaxBody},
		"filter":         map[string]any{"supported": true, "maxResults": query.MaxCount},
		"changePassword": map[string]any{"supported": false},
		"sort":           map[string]any{"supported": true},
		"etag":           map[string]any{"supported": true},
		"pagination": map[string]any{ // RFC 9865 section 4
			"cursor":                  true,
			"index":                   true,
			"defaultPaginationMethod": "index",
			"defaultPageSize":         query.DefaultCount,
			"maxPageSize":             query.MaxCount,
			"cursorTimeout":           int(query.CursorLife.Seconds()),
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

// ResourceType is a resource of /ResourceTypes (RFC 7643 section 6).
func ResourceType(rt *scim.ResourceType, base string) map[string]any {
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

// Schema is a resource of /Schemas (RFC 7643 section 7).
func Schema(s *scim.Schema, base string) map[string]any {
	return map[string]any{
		"schemas":     []string{schemaURN},
		"id":          s.ID,
		"name":        s.Name,
		"description": s.Description,
		"attributes":  s.Attributes,
		"meta":        map[string]any{"resourceType": "Schema", "location": base + "/Schemas/" + s.ID},
	}
}

// SchemasOf lists the schemas of the resource types, each once, including the
// extensions that a directory declares.
func SchemasOf(types ...*scim.ResourceType) []*scim.Schema {
	var all []*scim.Schema
	for _, rt := range types {
		for _, s := range append([]*scim.Schema{rt.Schema}, rt.Extensions...) {
			if FindSchema(all, s.ID) == nil {
				all = append(all, s)
			}
		}
	}
	return all
}

// FindSchema returns the schema with that URN in any letter case, or nil.
func FindSchema(schemas []*scim.Schema, urn string) *scim.Schema {
	for _, s := range schemas {
		if strings.EqualFold(s.ID, urn) {
			return s
		}
	}
	return nil
}

package resource

import (
	"fmt"
	"maps"
	"time"

	"dsync/internal/scim"
)

// Encode is the stored form of a resource: JSON with sorted keys, so that
// equal resources are equal strings.
func Encode(r map[string]any) string { return string(scim.EncodeJSON(r)) }

// Decode is the inverse of Encode.
func Decode(s string) (map[string]any, error) {
	var r map[string]any
	if err := scim.DecodeJSON([]byte(s), &r); err != nil {
		return nil, fmt.Errorf("scim: stored resource: %w", err)
	}
	return r, nil
}

// Meta is the metadata of a resource.
type Meta struct {
	ID           string
	Created      time.Time
	LastModified time.Time
	Version      int64
	Location     string
}

// ETag is the version as an entity tag. It is weak: equal versions mean equal
// content, not equal bytes (RFC 7644 section 3.14).
func (m Meta) ETag() string { return fmt.Sprintf(`W/"%d"`, m.Version) }

// Render is the resource as clients see it, with id, schemas and meta.
func Render(rt *scim.ResourceType, r map[string]any, m Meta) map[string]any {
	full := maps.Clone(r)
	schemas := []any{rt.Schema.ID}
	for _, e := range rt.Extensions {
		if _, ok := r[e.ID]; ok {
			schemas = append(schemas, e.ID)
		}
	}
	full["schemas"] = schemas
	full["id"] = m.ID
	full["meta"] = map[string]any{
		"resourceType": rt.Name,
		"created":      scim.Timestamp(m.Created),
		"lastModified": scim.Timestamp(m.LastModified),
		"location":     m.Location,
		"version":      m.ETag(),
	}
	return full
}

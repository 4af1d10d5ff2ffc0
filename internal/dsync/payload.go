package dsync

import (
	"maps"
	"reflect"
	"strings"

	"dsync/internal/scim"
)

// User returns the directory_user of a user (workos.md section 1.3), without
// its groups, as events contain it.
func User(r Resource) map[string]any {
	doc := r.Projection.Visible(r.Document)
	email := r.Projection.email(doc)
	return map[string]any{
		"object":                "directory_user",
		"id":                    r.ID,
		"directory_id":          r.DirectoryID,
		"organization_id":       r.OrganizationID,
		"idp_id":                first(text(doc, "externalId"), text(doc, "userName")),
		"email":                 nullable(email),
		"email_domain_verified": r.Projection.Verifies(email),
		"first_name":            nullable(text(doc, "name", "givenName")),
		"last_name":             nullable(text(doc, "name", "familyName")),
		"name":                  nullable(fullName(doc)),
		"state":                 userState(doc),
		"raw_attributes":        r.Projection.raw(doc),
		"custom_attributes":     r.Projection.customAttributes(doc),
		"created_at":            scim.Timestamp(r.Created),
		"updated_at":            scim.Timestamp(r.Updated),
	}
}

// Group returns the directory_group of a group (workos.md section 1.4).
func Group(r Resource) map[string]any {
	return map[string]any{
		"object":          "directory_group",
		"id":              r.ID,
		"directory_id":    r.DirectoryID,
		"organization_id": r.OrganizationID,
		"idp_id":          first(text(r.Document, "externalId"), text(r.Document, "displayName")),
		"name":            text(r.Document, "displayName"),
		"raw_attributes":  r.Projection.raw(r.Document),
		"created_at":      scim.Timestamp(r.Created),
		"updated_at":      scim.Timestamp(r.Updated),
	}
}

// text returns the string at a path in a resource, or "".
func text(object map[string]any, path ...string) string {
	for _, name := range path[:len(path)-1] {
		object, _ = object[name].(map[string]any)
	}
	s, _ := object[path[len(path)-1]].(string)
	return s
}

func first(values ...string) string {
	for _, s := range values {
		if s != "" {
			return s
		}
	}
	return ""
}

func nullable(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// elements returns the objects of a multi-valued attribute.
func elements(doc map[string]any, name string) []map[string]any {
	list, _ := doc[name].([]any)
	objects := make([]map[string]any, 0, len(list))
	for _, e := range list {
		if object, ok := e.(map[string]any); ok {
			objects = append(objects, object)
		}
	}
	return objects
}

func fullName(doc map[string]any) string {
	parts := strings.TrimSpace(text(doc, "name", "givenName") + " " + text(doc, "name", "familyName"))
	return first(text(doc, "name", "formatted"), text(doc, "displayName"), parts)
}

// The states of a user (workos.md section 1.5).
const (
	active   = "active"
	inactive = "inactive"
)

// Active reports whether a user with that document is active: unless the provider
// has sent active = false.
func Active(doc map[string]any) bool { return doc["active"] != false }

func userState(doc map[string]any) string {
	if Active(doc) {
		return active
	}
	return inactive
}

// raw returns the SCIM resource, or an empty object if the directory hides it.
func (p Projection) raw(doc map[string]any) map[string]any {
	if p.NoRawAttributes {
		return map[string]any{}
	}
	return doc
}

// previousAttributes returns the previous values of the attributes that
// changed: a shallow diff of the root properties, of custom_attributes and of
// raw_attributes, null for an attribute that was not there. An empty result says
// that consumers see no change.
func previousAttributes(old, updated map[string]any) map[string]any {
	oldRoot, updatedRoot := maps.Clone(old), maps.Clone(updated)
	for _, name := range []string{"created_at", "updated_at", "raw_attributes", "custom_attributes"} {
		delete(oldRoot, name)
		delete(updatedRoot, name)
	}
	previous := shallowDiff(oldRoot, updatedRoot)
	for _, name := range []string{"custom_attributes", "raw_attributes"} {
		oldPart, _ := old[name].(map[string]any)
		updatedPart, _ := updated[name].(map[string]any)
		if diff := shallowDiff(oldPart, updatedPart); len(diff) > 0 {
			previous[name] = diff
		}
	}
	return previous
}

// shallowDiff returns the old values of the properties that differ, nil for a
// new one.
func shallowDiff(old, updated map[string]any) map[string]any {
	diff := map[string]any{}
	for name, v := range old {
		if !reflect.DeepEqual(v, updated[name]) {
			diff[name] = v
		}
	}
	for name, v := range updated {
		if _, ok := old[name]; !ok && v != nil {
			diff[name] = nil
		}
	}
	return diff
}

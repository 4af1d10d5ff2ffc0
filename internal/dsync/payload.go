package dsync

import (
	"maps"
	"reflect"
	"strings"

	"dsync/internal/scim"
)

// User is the directory_user of a user (workos.md section 1.3), as events
// carry it: without groups.
func User(r Resource) map[string]any {
	return map[string]any{
		"object":            "directory_user",
		"id":                r.ID,
		"directory_id":      r.DirectoryID,
		"organization_id":   r.OrganizationID,
		"idp_id":            first(text(r.Document, "externalId"), text(r.Document, "userName")),
		"email":             nullable(r.View.email(r.Document)),
		"first_name":        nullable(text(r.Document, "name", "givenName")),
		"last_name":         nullable(text(r.Document, "name", "familyName")),
		"name":              nullable(fullName(r.Document)),
		"state":             state(r.Document),
		"raw_attributes":    r.View.raw(r.Document),
		"custom_attributes": r.View.customAttributes(r.Document),
		"created_at":        scim.Timestamp(r.Created),
		"updated_at":        scim.Timestamp(r.Updated),
	}
}

// Group is the directory_group of a group (workos.md section 1.4).
func Group(r Resource) map[string]any {
	return map[string]any{
		"object":          "directory_group",
		"id":              r.ID,
		"directory_id":    r.DirectoryID,
		"organization_id": r.OrganizationID,
		"idp_id":          first(text(r.Document, "externalId"), text(r.Document, "displayName")),
		"name":            text(r.Document, "displayName"),
		"raw_attributes":  r.View.raw(r.Document),
		"created_at":      scim.Timestamp(r.Created),
		"updated_at":      scim.Timestamp(r.Updated),
	}
}

// text is the string at a path in a resource, or "".
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

// elements are the objects of a multi-valued attribute.
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

// email picks a user's address: the primary one, else the first for work, else
// the first for home (workos.md section 4.2), else the userName if it looks
// like one, because cloud users without a mailbox have no `mail` in Entra.
func (v View) email(doc map[string]any) string {
	all := elements(doc, "emails")
	for _, fits := range []func(map[string]any) bool{
		func(e map[string]any) bool { return e["primary"] == true },
		func(e map[string]any) bool { return strings.EqualFold(text(e, "type"), "work") },
		func(e map[string]any) bool { return strings.EqualFold(text(e, "type"), "home") },
	} {
		for _, e := range all {
			if value := text(e, "value"); value != "" && fits(e) {
				return value
			}
		}
	}
	if v.NoEmailFallback {
		return ""
	}
	name := text(doc, "userName")
	if local, domain, ok := strings.Cut(name, "@"); ok && local != "" && strings.Contains(domain, ".") && !strings.ContainsAny(domain, "@ ") {
		return name
	}
	return ""
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

// state is active unless the provider said otherwise.
func state(doc map[string]any) string {
	if doc["active"] == false {
		return inactive
	}
	return active
}

// raw is the SCIM resource, if the directory shows it.
func (v View) raw(doc map[string]any) map[string]any {
	if v.NoRawAttributes {
		return map[string]any{}
	}
	return doc
}

// previousAttributes is the shallow diff of root properties and of
// custom_attributes: what changed, as it was, and null for what was not there.
// raw_attributes say the same once more, so they are compared, attribute by
// attribute, only when nothing else changed. It reports whether a consumer can
// see any change.
func previousAttributes(old, new map[string]any) (previous map[string]any, changed bool) {
	was, is := maps.Clone(old), maps.Clone(new)
	for _, name := range []string{"created_at", "updated_at", "raw_attributes", "custom_attributes"} {
		delete(was, name)
		delete(is, name)
	}
	previous = shallow(was, is)
	for _, name := range []string{"custom_attributes", "raw_attributes"} {
		a, _ := old[name].(map[string]any)
		b, _ := new[name].(map[string]any)
		if name == "raw_attributes" && len(previous) > 0 {
			break
		}
		if part := shallow(a, b); len(part) > 0 {
			previous[name] = part
		}
	}
	return previous, len(previous) > 0
}

func shallow(old, new map[string]any) map[string]any {
	diff := map[string]any{}
	for name, v := range old {
		if !reflect.DeepEqual(v, new[name]) {
			diff[name] = v
		}
	}
	for name, v := range new {
		if _, ok := old[name]; !ok && v != nil {
			diff[name] = nil
		}
	}
	return diff
}

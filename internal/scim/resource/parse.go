package resource

import (
	"maps"
	"slices"

	"dsync/internal/scim"
	"dsync/internal/scim/value"
)

// Parse reads the resource of a POST or PUT: the attributes that clients can
// write, converted to their types, under the names of the schema. It ignores
// read-only and unknown attributes, nulls and unknown URNs (RFC 7644 section
// 3.3, entra.md section 2.2). The elements of a keyed attribute are returned as
// Members, nil if the attribute is absent.
func Parse(rt *scim.ResourceType, object map[string]any) (map[string]any, *Members, error) {
	if schemas, ok := scim.Lookup(object, "schemas"); ok {
		if err := scim.CheckSchemas(schemas); err != nil {
			return nil, nil, err
		}
	}
	r := make(map[string]any, len(object))
	var members *Members
	for _, key := range slices.Sorted(maps.Keys(object)) {
		if extension := rt.FindSchema(key); extension != nil && extension != rt.Schema {
			if err := parseExtension(r, extension, object[key]); err != nil {
				return nil, nil, err
			}
			continue
		}
		extension, a := rt.FindAttribute(key)
		if a == nil || a.ReadOnly() {
			continue
		}
		if rt.IsKeyed(a) {
			members = &Members{}
			if err := members.ReplaceAll(object[key]); err != nil {
				return nil, nil, scim.Within(a.Name, err)
			}
			continue
		}
		v, err := value.Coerce(a, object[key])
		if err != nil {
			return nil, nil, scim.Within(scim.AttributePath{Extension: extension, Attribute: a}.String(), err)
		}
		if v != nil {
			Attributes(r, extension)[a.Name] = v
		}
	}
	return r, members, Finish(rt, r)
}

// parseExtension reads the attributes of an extension into r.
func parseExtension(r map[string]any, extension *scim.Schema, v any) error {
	if value.Unassigned(v) {
		return nil
	}
	object, ok := v.(map[string]any)
	if !ok {
		return scim.BadRequest(scim.InvalidValue, "%s must be an object", extension.ID).About(extension.ID)
	}
	for _, name := range slices.Sorted(maps.Keys(object)) {
		a := scim.FindAttribute(extension.Attributes, name)
		if a == nil || a.ReadOnly() {
			continue
		}
		c, err := value.Coerce(a, object[name])
		if err != nil {
			return scim.Within(scim.AttributePath{Extension: extension, Attribute: a}.String(), err)
		}
		if c != nil {
			Attributes(r, extension)[a.Name] = c
		}
	}
	return nil
}

// Attributes is the object in r that has the attributes of an extension; it is
// created if absent. For the core schema (nil) it is r.
func Attributes(r map[string]any, extension *scim.Schema) map[string]any {
	if extension == nil {
		return r
	}
	object, ok := r[extension.ID].(map[string]any)
	if !ok {
		object = map[string]any{}
		r[extension.ID] = object
	}
	return object
}

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
	p := &parser{rt: rt, r: make(map[string]any, len(object))}
	if err := p.attributes("", object); err != nil {
		return nil, nil, err
	}
	return p.r, p.members, Finish(rt, p.r)
}

// parser is the state of a resource that is being read.
type parser struct {
	rt      *scim.ResourceType
	r       map[string]any
	members *Members
}

// attributes reads the members of an object, whose names are below a URN, ""
// for none. Of several spellings of a name the last in byte order counts, as in
// a PATCH.
func (p *parser) attributes(urn string, object map[string]any) error {
	for _, key := range slices.Sorted(maps.Keys(object)) {
		name := key
		if urn != "" {
			name = urn + ":" + key
		} else if s := p.rt.FindSchema(key); s != nil {
			if err := p.schema(s, object[key]); err != nil {
				return err
			}
			continue
		}
		path, ok := p.rt.Resolve(name)
		if !ok || path.Attribute == nil || path.Sub != nil || path.ReadOnly() {
			continue
		}
		if err := p.attribute(path, object[key]); err != nil {
			return scim.Within(path.String(), err)
		}
	}
	return nil
}

// schema reads the attributes that stand under the URN of their schema.
func (p *parser) schema(s *scim.Schema, v any) error {
	v = value.Only(v)
	if value.Unassigned(v) {
		return nil
	}
	object, ok := v.(map[string]any)
	if !ok {
		return scim.BadRequest(scim.InvalidValue, "%s must be an object", s.ID).About(s.ID)
	}
	return p.attributes(s.ID, object)
}

// attribute reads the value of an attribute. An unassigned value leaves no value
// of an earlier spelling.
func (p *parser) attribute(path scim.AttributePath, v any) error {
	if p.rt.IsKeyed(path.Attribute) {
		p.members = &Members{}
		return p.members.ReplaceAll(v)
	}
	c, err := value.Coerce(path.Attribute, v)
	if err != nil {
		return err
	}
	if c != nil {
		Attributes(p.r, path.Extension)[path.Attribute.Name] = c
	} else if holder, ok := p.holder(path.Extension); ok {
		delete(holder, path.Attribute.Name)
	}
	return nil
}

// holder is the object in the resource that has the attributes of a schema.
func (p *parser) holder(extension *scim.Schema) (map[string]any, bool) {
	if extension == nil {
		return p.r, true
	}
	object, ok := p.r[extension.ID].(map[string]any)
	return object, ok
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

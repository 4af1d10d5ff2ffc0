package query

import (
	"slices"
	"strings"

	"dsync/internal/scim"
)

// Projection selects the attributes of a response (RFC 7644 section 3.9), by
// the attributes that the client lists and by the `returned` characteristic of
// the schemas (RFC 7643 section 7).
type Projection struct {
	rt      *scim.ResourceType   // nil: all attributes are returned by default
	only    []scim.AttributePath // empty: the attributes that are returned by default
	without []scim.AttributePath
}

// projection reads the attributes to return and to exclude. Unknown attributes
// are ignored.
func projection(rt *scim.ResourceType, attributes, excluded []string) Projection {
	p := Projection{rt: rt, only: attributePaths(rt, attributes), without: attributePaths(rt, excluded)}
	if len(attributes) > 0 && len(p.only) == 0 {
		p.only = attributePaths(rt, []string{"id"}) // only unknown attributes: the minimal set
	}
	return p
}

// attributePaths resolves names and ignores unknown ones.
func attributePaths(rt *scim.ResourceType, names []string) []scim.AttributePath {
	var list []scim.AttributePath
	for _, name := range names {
		if t, ok := rt.Resolve(name); ok {
			list = append(list, t)
		}
	}
	return list
}

// Named reports whether the client listed attributes to return.
func (p Projection) Named() bool { return len(p.only) > 0 }

// Wants reports whether the response has the attribute of the core schema.
func (p Projection) Wants(name string) bool {
	wanted, _, _, _ := p.choose(p.attribute("", name), "", name)
	return wanted
}

// Apply returns the selected attributes of a rendered resource. It always
// returns id and schemas, and does not change full.
func (p Projection) Apply(full map[string]any) map[string]any {
	r := make(map[string]any, len(full))
	for name, v := range full {
		extension, ok := v.(map[string]any)
		if !ok || !strings.HasPrefix(name, "urn:") {
			p.project(r, "", name, v)
			continue
		}
		object := make(map[string]any, len(extension))
		for attribute, v := range extension {
			p.project(object, name, attribute, v)
		}
		if len(object) > 0 {
			r[name] = object
		}
	}
	return r
}

// project copies the selected part of an attribute into r. extension is the URN
// of its extension, "" for the core schema.
func (p Projection) project(r map[string]any, extension, name string, v any) {
	a := p.attribute(extension, name)
	wanted, whole, parts, without := p.choose(a, extension, name)
	if !wanted {
		return
	}
	if a.Type == scim.Complex && !(whole && len(without) == 0 && plain(a)) {
		v = subAttributes(v, func(name string) bool {
			sub := a.StoredSub(name)
			if sub == nil {
				sub = undescribed
			}
			return sub.Returned == "always" || sub.Returned != "never" && !slices.Contains(without, name) &&
				(slices.Contains(parts, name) || whole && sub.Returned == "default")
		})
	}
	if v != nil {
		r[name] = v
	}
}

// choose reports whether an attribute is selected, whether as a whole or only
// the sub-attributes in parts, and which sub-attributes are excluded.
func (p Projection) choose(a *scim.Attribute, extension, name string) (wanted, whole bool, parts, without []string) {
	switch a.Returned {
	case "always":
		return true, true, nil, nil
	case "never":
		return false, false, nil, nil
	}
	excluded, without := named(p.without, extension, name)
	asked, parts := named(p.only, extension, name)
	whole = asked || len(p.only) == 0 && a.Returned == "default"
	return !excluded && (whole || len(parts) > 0), whole, parts, without
}

// undescribed stands for an attribute that no schema has.
var undescribed = &scim.Attribute{Type: scim.String, Returned: "default"}

// attribute finds the attribute by its name in the letter case of the schema.
func (p Projection) attribute(extension, name string) *scim.Attribute {
	if p.rt != nil {
		if a := p.rt.StoredAttribute(extension, name); a != nil {
			return a
		}
	}
	return undescribed
}

// named reports whether the paths list an attribute as a whole, and which of
// its sub-attributes they list.
func named(attributePaths []scim.AttributePath, extension, name string) (whole bool, subs []string) {
	for _, t := range attributePaths {
		urn := ""
		if t.Extension != nil {
			urn = t.Extension.ID
		}
		switch {
		case urn != extension || t.Attribute != nil && t.Attribute.Name != name:
		case t.Sub == nil:
			whole = true
		default:
			subs = append(subs, t.Sub.Name)
		}
	}
	return whole, subs
}

// subAttributes copies an object, or each object of a list, with its visible
// sub-attributes. It returns nil if nothing is left.
func subAttributes(v any, visible func(name string) bool) any {
	switch v := v.(type) {
	case map[string]any:
		object := make(map[string]any, len(v))
		for name, value := range v {
			if visible(name) {
				object[name] = value
			}
		}
		if len(object) > 0 {
			return object
		}
	case []any:
		list := make([]any, 0, len(v))
		for _, element := range v {
			if element = subAttributes(element, visible); element != nil {
				list = append(list, element)
			}
		}
		if len(list) > 0 {
			return list
		}
	}
	return nil
}

// plain reports whether every sub-attribute is returned with the attribute.
func plain(a *scim.Attribute) bool {
	for _, sub := range a.SubAttributes {
		if sub.Returned != "default" && sub.Returned != "always" {
			return false
		}
	}
	return true
}

package query

import (
	"slices"
	"strings"

	"dsync/internal/scim"
)

// Projection says which attributes an answer holds (RFC 7644 section 3.9), by
// what the client names and by what the schemas say of each (`returned`, RFC
// 7643 section 7).
type Projection struct {
	rt      *scim.ResourceType   // nil: every attribute is returned by default
	only    []scim.AttributePath // empty: what is returned by default
	without []scim.AttributePath
}

// projection reads the names of attributes to return and to leave out. Names
// that no schema knows are ignored.
func projection(rt *scim.ResourceType, attributes, excluded []string) Projection {
	p := Projection{rt: rt, only: targets(rt, attributes), without: targets(rt, excluded)}
	if len(attributes) > 0 && len(p.only) == 0 {
		p.only = targets(rt, []string{"id"}) // only unknown names: the minimal set
	}
	return p
}

// targets are what the names stand for.
func targets(rt *scim.ResourceType, names []string) []scim.AttributePath {
	var list []scim.AttributePath
	for _, name := range names {
		if t, ok := rt.Resolve(name); ok {
			list = append(list, t)
		}
	}
	return list
}

// Named reports whether the client named attributes to return.
func (p Projection) Named() bool { return len(p.only) > 0 }

// Wants reports whether the attribute of the core schema is part of the answer.
func (p Projection) Wants(name string) bool {
	wanted, _, _, _ := p.choose(p.attribute("", name), "", name)
	return wanted
}

// Apply projects a rendered resource, which stays as it is. id and schemas are
// always there.
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

// project puts into r what the answer holds of an attribute. extension is the
// URN of its extension, or "" for the core schema.
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

// choose tells whether an attribute is part of the answer, as a whole or only
// with the sub-attributes that are named, and without which of them.
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

// undescribed stands for what no schema describes.
var undescribed = &scim.Attribute{Type: scim.String, Returned: "default"}

// attribute finds the attribute of that name in the spelling of its schema.
func (p Projection) attribute(extension, name string) *scim.Attribute {
	if p.rt != nil {
		if a := p.rt.StoredAttribute(extension, name); a != nil {
			return a
		}
	}
	return undescribed
}

// named tells whether the targets name an attribute as a whole, and which of
// its sub-attributes they name.
func named(targets []scim.AttributePath, extension, name string) (whole bool, subs []string) {
	for _, t := range targets {
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

// subAttributes copies an object, or each of a list, with the sub-attributes
// that are shown. It returns nil when nothing is left.
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

package query

import (
	"slices"
	"strings"

	"dsync/internal/scim"
	"dsync/internal/scim/filter"
)

// Projection selects the attributes of a response (RFC 7644 section 3.9), by
// the attributes that the client lists and by the `returned` characteristic of
// the schemas (RFC 7643 section 7).
type Projection struct {
	rt      *scim.ResourceType // nil: all attributes are returned by default
	listed  bool               // only lists the attributes to return; else these are the default ones
	only    []filter.Target
	without []filter.Target
}

// projection reads the attributes to return and to exclude. Unknown attributes
// are ignored; of unknown ones alone, the minimal set is returned.
func projection(rt *scim.ResourceType, attributes, excluded []string) (Projection, error) {
	only, err := targets(rt, "attributes", attributes)
	if err != nil {
		return Projection{}, err
	}
	without, err := targets(rt, "excludedAttributes", excluded)
	return Projection{rt, len(attributes) > 0, only, without}, err
}

// targets reads the names of a parameter and ignores unknown attributes. A name
// can have a filter in brackets as in a PATCH path, which selects elements: clients
// send attributes=emails[type eq "work"].value. A name that is malformed is an
// error, because it would select nothing.
func targets(rt *scim.ResourceType, parameter string, names []string) ([]filter.Target, error) {
	if len(names) > MaxNames {
		return nil, scim.BadRequest(scim.InvalidValue, "%s has more than %d names", parameter, MaxNames).About(parameter)
	}
	var list []filter.Target
	terms := 0
	for _, name := range names {
		attribute, _, _ := strings.Cut(name, "[")
		if path, ok := rt.Resolve(attribute); ok && attribute == name {
			t := filter.Target{Extension: path.Extension, Attribute: path.Attribute, Sub: path.Sub}
			if !slices.Contains(list, t) {
				list = append(list, t)
			}
			continue
		} else if !ok && !quoted(name) {
			continue
		}
		t, err := filter.ParsePath(rt, name)
		if err != nil {
			return nil, scim.Within(parameter, err)
		}
		if terms += filter.Comparisons(t.Filter); terms > MaxNameTerms {
			return nil, scim.BadRequest(scim.InvalidValue, "the names in %s have more than %d comparisons in brackets", parameter, MaxNameTerms).About(parameter)
		}
		list = append(list, t)
	}
	return list, nil
}

// quoted reports whether a name begins or ends with a quotation mark.
func quoted(name string) bool {
	isQuote := func(r rune) bool { return r == '"' || scim.IsForeignQuote(r) }
	return name != strings.TrimFunc(name, isQuote)
}

// Named reports whether the client listed attributes to return.
func (p Projection) Named() bool { return p.listed }

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
	elements, many := v.([]any)
	if !many || !p.filters(extension, name) {
		p.projectValue(r, extension, name, v)
		return
	}
	var list []any
	p.only, p.without = at(p.only, extension, name), at(p.without, extension, name)
	for _, element := range elements {
		kept := map[string]any{}
		p.of(element).projectValue(kept, extension, name, []any{element})
		some, _ := kept[name].([]any)
		list = append(list, some...)
	}
	if len(list) > 0 {
		r[name] = list
	}
}

// at are the paths that lead to an attribute.
func at(list []filter.Target, extension, name string) []filter.Target {
	return slices.DeleteFunc(slices.Clone(list), func(t filter.Target) bool { return !isAt(t, extension, name) })
}

// filters reports whether a path filters the elements of an attribute.
func (p Projection) filters(extension, name string) bool {
	filters := func(t filter.Target) bool { return t.Filter != nil && isAt(t, extension, name) }
	return slices.ContainsFunc(p.only, filters) || slices.ContainsFunc(p.without, filters)
}

// of is the projection of one element of the attribute that all paths lead to:
// paths whose filter matches it apply to it, and the others do not.
func (p Projection) of(element any) Projection {
	object, _ := element.(map[string]any)
	var m filter.Matcher
	applying := func(list []filter.Target) (rest []filter.Target) {
		for _, t := range list {
			if t.Filter == nil {
				rest = append(rest, t)
			} else if m.Match(t.Filter, object) {
				t.Filter = nil
				rest = append(rest, t)
			}
		}
		return rest
	}
	return Projection{p.rt, p.listed, applying(p.only), applying(p.without)}
}

// projectValue is project for an attribute whose elements are not filtered.
func (p Projection) projectValue(r map[string]any, extension, name string, v any) {
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
	excluded, without := named(slices.DeleteFunc(slices.Clone(p.without), filtered), extension, name)
	asked, parts := named(p.only, extension, name)
	whole = asked || !p.listed && a.Returned == "default"
	return !excluded && (whole || len(parts) > 0), whole, parts, without
}

// filtered reports whether a path selects some elements only.
func filtered(t filter.Target) bool { return t.Filter != nil }

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
func named(list []filter.Target, extension, name string) (whole bool, subs []string) {
	for _, t := range list {
		switch {
		case !isAt(t, extension, name):
		case t.Sub == nil:
			whole = true
		default:
			subs = append(subs, t.Sub.Name)
		}
	}
	return whole, subs
}

// isAt reports whether a path leads to an attribute, or to its whole extension.
func isAt(t filter.Target, extension, name string) bool {
	urn := ""
	if t.Extension != nil {
		urn = t.Extension.ID
	}
	return urn == extension && (t.Attribute == nil || t.Attribute.Name == name)
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

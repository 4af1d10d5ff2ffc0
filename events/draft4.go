package events

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// object is a JSON object.
type object = map[string]any

// draft4 turns schemas of 2020-12 into draft 4, as far as ours go: what it
// does not know it refuses, because a registry would take a keyword of a later
// draft and ignore it.
type draft4 struct {
	from        map[string]object // the $defs that references name
	definitions object            // those that are referred to, converted
}

// convert returns a schema in draft 4.
func (d draft4) convert(schema object) (object, error) {
	if ref, ok := schema["$ref"].(string); ok {
		return d.refer(ref, schema)
	}
	out := object{}
	for _, keyword := range slices.Sorted(maps.Keys(schema)) {
		value := schema[keyword]
		switch keyword {
		case "$schema":
		case "title", "description", "type", "enum", "format", "pattern", "minLength", "minItems", "uniqueItems", "required":
			out[keyword] = value
		case "const":
			out["enum"] = []any{value}
		case "unevaluatedProperties":
			if value != false {
				return nil, fmt.Errorf("%s: %v has no like in draft 4", keyword, value)
			}
			out["additionalProperties"] = false
		case "items":
			items, err := d.convert(asObject(value))
			if err != nil {
				return nil, err
			}
			out[keyword] = items
		case "properties":
			properties := object{}
			for name, property := range asObject(value) {
				converted, err := d.convert(asObject(property))
				if err != nil {
					return nil, fmt.Errorf("%s: %w", name, err)
				}
				properties[name] = converted
			}
			out[keyword] = properties
		default:
			return nil, fmt.Errorf("%s: the keyword has no like in draft 4", keyword)
		}
	}
	return out, nil
}

func asObject(v any) object {
	o, _ := v.(object)
	return o
}

// refer converts a schema with a reference. Draft 4 knows nothing beside a
// reference: a bare one becomes a definition, and what an extended one refers
// to is written out together with its extension.
func (d draft4) refer(ref string, schema object) (object, error) {
	_, name, ok := strings.Cut(ref, "#/$defs/")
	target, known := d.from[name]
	if !ok || !known {
		return nil, fmt.Errorf("%s: there is no such definition", ref)
	}
	extension := maps.Clone(schema)
	delete(extension, "$ref")
	bare := true
	for keyword := range extension {
		bare = bare && (keyword == "title" || keyword == "description")
	}
	base, err := d.convert(target)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if bare {
		d.definitions[name] = base
		return object{"$ref": "#/definitions/" + name}, nil
	}
	more, err := d.convert(extension)
	if err != nil {
		return nil, err
	}
	return extend(base, more)
}

// extend adds the keywords of an extension to a schema. Both have to hold, so
// what they both say must not differ.
func extend(base, more object) (object, error) {
	if base["additionalProperties"] == false && more["properties"] != nil {
		return nil, fmt.Errorf("properties: what is closed is extended")
	}
	out := maps.Clone(base)
	for keyword, value := range more {
		switch was := base[keyword].(type) {
		case nil:
			out[keyword] = value
		case []any:
			list, ok := value.([]any)
			if !ok || keyword != "required" {
				return nil, fmt.Errorf("%s is extended", keyword)
			}
			out[keyword] = slices.Concat(was, list)
		case object:
			properties := maps.Clone(was)
			for name, property := range asObject(value) {
				if _, twice := was[name]; twice || keyword != "properties" {
					return nil, fmt.Errorf("%s: %s is extended", keyword, name)
				}
				properties[name] = property
			}
			out[keyword] = properties
		default:
			if keyword != "title" && keyword != "description" && was != value {
				return nil, fmt.Errorf("%s is extended", keyword)
			}
			out[keyword] = value
		}
	}
	return out, nil
}

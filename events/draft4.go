package events

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// object is a JSON object.
type object = map[string]any

// draft4 converts schemas from 2020-12 to draft 4. It supports the keywords that
// the schemas of this package use, and fails for others: the registry would
// accept a keyword of a later draft and ignore it.
type draft4 struct {
	from        map[string]object // the $defs of the shared file
	definitions object            // the converted definitions that are referenced
}

// convert returns the schema in draft 4.
func (d draft4) convert(schema object) (object, error) {
	if ref, ok := schema["$ref"].(string); ok {
		return d.convertReference(ref, schema)
	}
	out := object{}
	for _, keyword := range slices.Sorted(maps.Keys(schema)) {
		value := schema[keyword]
		switch keyword {
		case "$schema":
		case "title", "description", "type", "enum", "format", "pattern", "minimum", "minLength", "minItems", "uniqueItems", "required":
			out[keyword] = value
		case "const":
			out["enum"] = []any{value}
		case "unevaluatedProperties":
			if value != false {
				return nil, fmt.Errorf("%s: draft 4 has no equivalent of %v", keyword, value)
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
			return nil, fmt.Errorf("%s: draft 4 has no equivalent of the keyword", keyword)
		}
	}
	return out, nil
}

func asObject(v any) object {
	o, _ := v.(object)
	return o
}

// convertReference converts a schema with a $ref. Draft 4 ignores all keywords
// next to a $ref. So a plain reference becomes a definition, and an extended
// reference is replaced by its target merged with the extension.
func (d draft4) convertReference(ref string, schema object) (object, error) {
	_, name, ok := strings.Cut(ref, "#/$defs/")
	target, known := d.from[name]
	if !ok || !known {
		return nil, fmt.Errorf("%s: no such definition", ref)
	}
	extension := maps.Clone(schema)
	delete(extension, "$ref")
	plain := true
	for keyword := range extension {
		plain = plain && (keyword == "title" || keyword == "description")
	}
	base, err := d.convert(target)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if plain {
		d.definitions[name] = base
		return object{"$ref": "#/definitions/" + name}, nil
	}
	converted, err := d.convert(extension)
	if err != nil {
		return nil, err
	}
	return extend(base, converted)
}

// extend adds the keywords of an extension to a schema. An instance must match
// both, so a keyword of both must not differ.
func extend(base, extension object) (object, error) {
	if base["additionalProperties"] == false && extension["properties"] != nil {
		return nil, fmt.Errorf("properties: a closed object is extended")
	}
	out := maps.Clone(base)
	for keyword, value := range extension {
		switch present := base[keyword].(type) {
		case nil:
			out[keyword] = value
		case []any:
			list, ok := value.([]any)
			if !ok || keyword != "required" {
				return nil, fmt.Errorf("%s is extended", keyword)
			}
			out[keyword] = slices.Concat(present, list)
		case object:
			properties := maps.Clone(present)
			for name, property := range asObject(value) {
				if _, duplicate := present[name]; duplicate || keyword != "properties" {
					return nil, fmt.Errorf("%s: %s is extended", keyword, name)
				}
				properties[name] = property
			}
			out[keyword] = properties
		default:
			if keyword != "title" && keyword != "description" && present != value {
				return nil, fmt.Errorf("%s is extended", keyword)
			}
			out[keyword] = value
		}
	}
	return out, nil
}

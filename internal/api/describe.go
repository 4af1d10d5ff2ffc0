package api

import (
	"strconv"

	"dsync/internal/management"
)

// ulidPattern matches the part of an id after its prefix.
const ulidPattern = "_[0-7][0-9A-HJKMNP-TV-Z]{25}$"

// describe is the OpenAPI description of the parameter.
func (p Parameter) describe() tree {
	d := tree{"name": p.Name, "in": "query", "description": p.Description}
	schema := tree{"type": "string"}
	switch p.Kind {
	case Text:
		schema["maxLength"] = maxText
	case ID:
		schema["pattern"] = "^" + string(p.Of) + ulidPattern
	case Number:
		schema = tree{"type": "integer", "minimum": 1, "maximum": management.MaxLimit}
	case Choice:
		schema["enum"] = p.Choices
	case Texts:
		of := tree{"type": "string", "maxLength": maxText}
		if p.Choices != nil {
			of = tree{"type": "string", "enum": p.Choices}
		}
		schema = tree{"type": "array", "items": of}
		d["style"], d["explode"] = "form", false
	case Time:
		schema["anyOf"] = []any{tree{"format": "date-time"}, tree{"format": "date"}}
	}
	if p.Default != "" {
		schema["default"] = p.Default
		if n, err := strconv.Atoi(p.Default); err == nil && p.Kind == Number {
			schema["default"] = n
		}
	}
	d["schema"] = schema
	return d
}

// members is the schema of an object with these fields and no other.
func members(fields []Field) tree {
	properties, required := tree{}, []string{}
	for _, f := range fields {
		properties[f.Name] = f.describe()
		if f.Required {
			required = append(required, f.Name)
		}
	}
	return tree{"type": "object", "properties": properties, "required": required, "additionalProperties": false}
}

// describe is the schema of the field.
func (f Field) describe() tree {
	if f.Schema != "" && f.Type != Array {
		return tree{"$ref": ref("schemas", f.Schema)["$ref"], "description": f.Description}
	}
	kind := "object"
	schema := tree{"description": f.Description}
	switch f.Type {
	case String:
		kind = "string"
	case Instant:
		kind = "string"
		schema["format"] = "date-time"
	case Strings:
		schema["additionalProperties"] = tree{"type": []string{"string", "null"}}
	case TextList:
		kind = "array"
		schema["items"] = tree{"type": "string"}
	case Array:
		kind = "array"
		schema["items"] = members(f.Fields)
		if f.Schema != "" {
			schema["items"] = ref("schemas", f.Schema)
		}
	}
	schema["type"] = kind
	if f.Nullable {
		schema["type"] = []string{kind, "null"}
	}
	if f.Choices != nil {
		schema["enum"] = f.Choices
	}
	return schema
}

package patch

import (
	"strings"

	"dsync/internal/scim"
)

// Operation is one operation of a PATCH (RFC 7644 section 3.5.2).
type Operation struct {
	Op       string // "add", "replace", "remove"
	Path     string // "" for none
	Value    any
	HasValue bool // the request has a value, which may be null
}

// Parse reads a PATCH body. Names of operations and keys match in any letter
// case, because Entra sends "Add", "Replace" and "Remove" (entra.md Q1). It
// ignores other members of the message (Q38).
func Parse(body []byte) ([]Operation, error) {
	object, err := scim.DecodeObject(body)
	if err != nil {
		return nil, err
	}
	return ParseMessage(object)
}

// ParseMessage is Parse for a decoded message, such as that of a bulk
// operation.
func ParseMessage(object map[string]any) ([]Operation, error) {
	if err := scim.CheckMessage(object, scim.PatchOpURN); err != nil {
		return nil, err
	}
	v, _ := scim.Lookup(object, "Operations")
	list, ok := v.([]any)
	if !ok || len(list) == 0 {
		return nil, scim.BadRequest(scim.InvalidSyntax, "Operations must be a list with at least one operation")
	}
	if len(list) > MaxOperations {
		return nil, scim.TooLarge("a PATCH has at most %d operations", MaxOperations)
	}
	operations := make([]Operation, len(list))
	for i, v := range list {
		var err error
		if operations[i], err = parseOperation(v); err != nil {
			return nil, scim.InOperation(i, err)
		}
	}
	return operations, nil
}

// parseOperation reads one operation of a PATCH message.
func parseOperation(v any) (Operation, error) {
	var o Operation
	object, ok := v.(map[string]any)
	if !ok {
		return o, scim.BadRequest(scim.InvalidSyntax, "an operation must be an object")
	}
	op, _ := scim.Lookup(object, "op")
	name, _ := op.(string)
	o.Op = strings.ToLower(name)
	switch o.Op {
	case "add", "replace", "remove":
	default:
		return o, scim.BadRequest(scim.InvalidSyntax, "op must be add, replace or remove")
	}
	if path, ok := scim.Lookup(object, "path"); ok && path != nil {
		if o.Path, ok = path.(string); !ok {
			return o, scim.BadRequest(scim.InvalidPath, "path must be a string")
		}
		o.Path = strings.TrimSpace(o.Path)
	}
	o.Value, o.HasValue = scim.Lookup(object, "value")
	if !o.HasValue && o.Op != "remove" {
		return o, scim.BadRequest(scim.InvalidValue, "%s requires a value", o.Op).About(scim.UnknownPath(o.Path))
	}
	return o, nil
}

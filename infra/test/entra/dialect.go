package entra

import "strings"

// dialect is one of the two ways in which Entra writes a PATCH.
type dialect string

const (
	defaultDialect dialect = "default"
	// optDialect is what the flag in the Tenant URL turns on.
	optDialect dialect = "aadOptscim062020"
)

var dialects = []dialect{defaultDialect, optDialect}

// The operations of a PATCH.
const (
	opAdd     = "add"
	opReplace = "replace"
	opRemove  = "remove"
)

// setting gives an attribute a value; nil removes it. wirePath and wire, when
// set, are how the request writes path and value.
type setting struct {
	path  string
	value any

	wirePath string
	wire     any
}

func (s setting) onWire(d dialect) (path string, value any) {
	path, value = s.path, s.value
	if s.wirePath != "" {
		path = s.wirePath
	}
	if s.wire != nil {
		value = s.wire
	}
	if b, ok := value.(bool); ok && d == defaultDialect {
		value = map[bool]string{true: "True", false: "False"}[b]
	}
	return path, value
}

// patch writes settings as d does: one operation an attribute, or, for a
// replace in the opt dialect, one for each filtered path and a path-less one
// with dotted and URN keys for the rest.
func (d dialect) patch(op string, settings ...setting) map[string]any {
	var operations []any
	pathless := map[string]any{}
	for _, s := range settings {
		path, value := s.onWire(d)
		if d == optDialect && op == opReplace && path != activePath && !strings.Contains(path, "[") {
			pathless[path] = value
			continue
		}
		operation := map[string]any{"op": d.op(op), "path": path}
		if op != opRemove {
			operation["value"] = value
		}
		operations = append(operations, operation)
	}
	if len(pathless) > 0 {
		operations = append(operations, map[string]any{"op": d.op(op), "value": pathless})
	}
	return patchOp(operations)
}

// members writes the addition or removal of members.
func (d dialect) members(op string, ids ...string) map[string]any {
	if d == optDialect && op == opRemove {
		var operations []any
		for _, id := range ids {
			operations = append(operations, map[string]any{"op": d.op(op), "path": `members[value eq "` + id + `"]`})
		}
		return patchOp(operations)
	}
	var elements []any
	for _, id := range ids {
		element := map[string]any{"value": id}
		if d == defaultDialect {
			element["$ref"] = nil
		}
		elements = append(elements, element)
	}
	return patchOp([]any{map[string]any{"op": d.op(op), "path": "members", "value": elements}})
}

func (d dialect) op(op string) string {
	if d == defaultDialect {
		return strings.ToUpper(op[:1]) + op[1:]
	}
	return op
}

func patchOp(operations []any) map[string]any {
	return map[string]any{
		"schemas":    []any{"urn:ietf:params:scim:api:messages:2.0:PatchOp"},
		"Operations": operations,
	}
}

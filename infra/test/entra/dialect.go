package entra

import "strings"

// dialect is one of the two PATCH formats of Entra.
type dialect string

const (
	defaultDialect dialect = "default"
	// optDialect is enabled by the flag in the Tenant URL.
	optDialect dialect = "aadOptscim062020"
)

var dialects = []dialect{defaultDialect, optDialect}

// The operations of a PATCH.
const (
	opAdd     = "add"
	opReplace = "replace"
	opRemove  = "remove"
)

// setting assigns a value to an attribute. A nil value removes the attribute.
// If wirePath and wire are set, the request contains them instead of path and
// value.
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

// patch returns the PATCH body for settings in dialect d: one operation for each
// attribute. A replace in the opt dialect has one operation for each filtered
// path and one for active. One operation without a path contains all other
// attributes, under dotted and URN keys.
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

// members returns the PATCH body that adds or removes members.
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

package value

import (
	"encoding/json"
	"maps"
	"strconv"

	"dsync/internal/scim"
)

// maxFoldedType is the longest type, in bytes, that is compared without regard to
// letter case. A PATCH compares the type of each element again and again, and
// folding a long one takes milliseconds.
const maxFoldedType = 256

// Identity is equal for elements that are the same: those with the same type
// and value, or, without a value, those that are equal except for `primary`.
func Identity(element any) string {
	if object, ok := element.(map[string]any); ok {
		if value, _ := object["value"].(string); value != "" {
			kind, _ := object["type"].(string)
			if len(kind) <= maxFoldedType {
				kind = scim.Fold(kind)
			}
			return strconv.Quote(kind) + value
		}
		rest := maps.Clone(object)
		delete(rest, "primary")
		element = rest
	}
	b, _ := json.Marshal(element)
	return string(b)
}

// IsPrimary reports whether an element is the primary one of its list.
func IsPrimary(element any) bool {
	object, ok := element.(map[string]any)
	return ok && object["primary"] == true
}

// Clone returns a deep copy of a value.
func Clone(v any) any {
	switch v := v.(type) {
	case map[string]any:
		c := make(map[string]any, len(v))
		for name, member := range v {
			c[name] = Clone(member)
		}
		return c
	case []any:
		c := make([]any, len(v))
		for i, element := range v {
			c[i] = Clone(element)
		}
		return c
	}
	return v
}

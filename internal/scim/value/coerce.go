package value

import (
	"maps"
	"slices"
	"strings"
	"time"

	"dsync/internal/scim"
)

// Bool reads a boolean: a JSON boolean, or the strings "True" and "False" in
// any letter case, which Entra sends (entra.md section 4).
func Bool(v any) (value, ok bool) {
	switch v := v.(type) {
	case bool:
		return v, true
	case string:
		if strings.EqualFold(v, "true") {
			return true, true
		}
		if strings.EqualFold(v, "false") {
			return false, true
		}
	}
	return false, false
}

// Unassigned reports whether v clears an attribute: null or "" (entra.md
// section 15).
func Unassigned(v any) bool { return v == nil || v == "" }

// Coerce converts a value from a client to the type of its attribute. Errors
// are invalidValue. It returns nil for a value that assigns nothing.
func Coerce(a *scim.Attribute, v any) (any, error) {
	if Unassigned(v) {
		return nil, nil
	}
	if !a.MultiValued {
		return CoerceOne(a, v)
	}
	elements, ok := v.([]any)
	if !ok {
		elements = []any{v} // one value for a multi-valued attribute (entra.md Q39)
	}
	if err := CheckLength(a, elements); err != nil {
		return nil, err
	}
	list := make([]any, 0, len(elements))
	for _, element := range elements {
		c, err := CoerceOne(a, element)
		if err != nil {
			return nil, err
		}
		if c != nil {
			list = append(list, c)
		}
	}
	if len(list) == 0 {
		return nil, nil
	}
	return list, nil
}

// CheckLength fails if a list has more than MaxElements elements.
func CheckLength(a *scim.Attribute, list []any) error {
	if len(list) > MaxElements {
		return scim.BadRequest(scim.InvalidValue, "%s has more than %d elements", a.Name, MaxElements)
	}
	return nil
}

// CoerceOne is Coerce for a single value or an element of a list. A simple value
// may be wrapped as in Unwrap.
func CoerceOne(a *scim.Attribute, v any) (any, error) {
	if a.Type != scim.Complex && !(a.MultiValued && isList(v)) {
		v = Unwrap(v)
	}
	if Unassigned(v) {
		return nil, nil
	}
	switch a.Type {
	case scim.Boolean:
		if b, ok := Bool(v); ok {
			return b, nil
		}
		return nil, scim.BadRequest(scim.InvalidValue, "%s must be a boolean", a.Name)
	case scim.Integer, scim.Decimal:
		if n, ok := Number(a, v); ok {
			return n, nil
		}
		if a.Type == scim.Integer {
			return nil, scim.BadRequest(scim.InvalidValue, "%s must be a whole number", a.Name)
		}
		return nil, scim.BadRequest(scim.InvalidValue, "%s must be a number", a.Name)
	case scim.Complex:
		return coerceComplex(a, v)
	}
	s, ok := v.(string)
	if !ok {
		return nil, scim.BadRequest(scim.InvalidValue, "%s must be a string", a.Name)
	}
	if len(s) > MaxText {
		return nil, scim.BadRequest(scim.InvalidValue, "%s is longer than %d bytes", a.Name, MaxText)
	}
	if a.Type == scim.DateTime {
		if _, err := time.Parse(time.RFC3339, s); err != nil {
			return nil, scim.BadRequest(scim.InvalidValue, "%s must be a date and time such as 2026-01-15T12:00:00Z", a.Name)
		}
	}
	return s, nil
}

// coerceComplex reads an object. A string stands for {"value": …}, and a list
// with one element for that element: Entra sends a manager in all three forms
// (entra.md section 0, point 5).
func coerceComplex(a *scim.Attribute, v any) (any, error) {
	switch value := v.(type) {
	case string:
		if sub := a.Sub("value"); sub != nil {
			c, err := CoerceOne(sub, value)
			return map[string]any{sub.Name: c}, scim.Within(sub.Name, err)
		}
	case []any:
		if !a.MultiValued && len(value) < 2 {
			return CoerceOne(a, Only(v))
		}
	case map[string]any:
		object := make(map[string]any, len(value))
		for _, name := range slices.Sorted(maps.Keys(value)) { // sorted: an object can have a name in two letter cases
			sub := a.Sub(name)
			if sub == nil || sub.ReadOnly() {
				continue
			}
			if _, taken := object[sub.Name]; taken && !strings.EqualFold(name, sub.Name) {
				continue // the name takes precedence over its alias
			}
			c, err := Coerce(sub, value[name])
			if err != nil {
				return nil, scim.Within(sub.Name, err)
			}
			if c != nil {
				object[sub.Name] = c
			}
		}
		if err := dereference(a, object, value); err != nil {
			return nil, err
		}
		if len(object) == 0 {
			return nil, nil
		}
		return object, nil
	}
	return nil, scim.BadRequest(scim.InvalidValue, "%s must be an object", a.Name)
}

// dereference sets the value of an attribute that refers to a resource, if it
// comes with a `$ref` alone.
func dereference(a *scim.Attribute, object, given map[string]any) error {
	ref := scim.Ref(given)
	if a.Refers == "" || object["value"] != nil || Unassigned(ref) {
		return nil
	}
	id, err := Referenced(a, ref)
	if err == nil {
		object["value"] = id
	}
	return err
}

// Referenced is the id in a `$ref` of an attribute that refers to a resource. It
// fails for any other value.
func Referenced(a *scim.Attribute, ref any) (string, error) {
	id, ok := scim.Referenced(a.Refers, ref)
	if !ok {
		return "", scim.BadRequest(scim.InvalidValue, "without a value, the $ref of %s must be a URL that ends in %s/ and an id", a.Name, a.Refers)
	}
	return id, nil
}

func isList(v any) bool {
	_, ok := v.([]any)
	return ok
}

// Only returns the element of a list with one element, which clients send for a
// single value. An empty list assigns nothing (RFC 7643 section 2.5).
func Only(v any) any {
	if list, ok := v.([]any); ok {
		switch len(list) {
		case 0:
			return nil
		case 1:
			return list[0]
		}
	}
	return v
}

// Unwrap returns the scalar in [x], {"value": x} and any nesting of these, such
// as [{"value": x}], which clients send for a single value (entra.md Q14).
func Unwrap(v any) any {
	for {
		switch wrapped := v.(type) {
		case []any:
			if len(wrapped) > 1 {
				return v
			}
			v = Only(v)
		case map[string]any:
			inner, ok := scim.Lookup(wrapped, "value")
			if !ok || len(wrapped) > 1 {
				return v
			}
			v = inner
		default:
			return v
		}
	}
}

// Empty reports whether a value of a resource is unassigned (RFC 7643 section
// 2.5).
func Empty(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case []any:
		return len(v) == 0
	case map[string]any:
		return len(v) == 0
	}
	return false
}

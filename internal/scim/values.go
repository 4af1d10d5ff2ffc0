package scim

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Values of a resource are string, bool, json.Number (in its plain form),
// map[string]any and []any. Unassigned values are absent.

// toBool reads a boolean: a JSON one, or the strings "True" and "False" in any
// letter case, which Entra sends (entra.md section 4).
func toBool(v any) (value, ok bool) {
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

// unassigned tells null and "": both clear an attribute (entra.md section 15).
func unassigned(v any) bool { return v == nil || v == "" }

// coerce brings a value from a client into the form of its attribute, or fails
// with invalidValue. It returns nil for a value that assigns nothing.
func coerce(a *Attribute, v any) (any, error) {
	if unassigned(v) {
		return nil, nil
	}
	if !a.MultiValued {
		return coerceOne(a, v)
	}
	elements, ok := v.([]any)
	if !ok {
		elements = []any{v} // a single value for a list (entra.md Q39)
	}
	if err := a.crowded(elements); err != nil {
		return nil, err
	}
	list := make([]any, 0, len(elements))
	for _, element := range elements {
		c, err := coerceOne(a, element)
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

// crowded fails when a list holds more elements than the attribute can have.
func (a *Attribute) crowded(list []any) error {
	if len(list) > MaxElements {
		return badRequest(InvalidValue, "%s has more than %d elements", a.Name, MaxElements)
	}
	return nil
}

// coerceOne is coerce for a single value, or an element of a list.
func coerceOne(a *Attribute, v any) (any, error) {
	if unassigned(v) {
		return nil, nil
	}
	switch a.Type {
	case Boolean:
		if b, ok := toBool(v); ok {
			return b, nil
		}
		return nil, badRequest(InvalidValue, "%s is a boolean", a.Name)
	case Integer, Decimal:
		if n, ok := a.number(v); ok {
			return n, nil
		}
		if a.Type == Integer {
			return nil, badRequest(InvalidValue, "%s is a whole number", a.Name)
		}
		return nil, badRequest(InvalidValue, "%s is a number", a.Name)
	case Complex:
		return coerceComplex(a, v)
	}
	s, ok := v.(string)
	if !ok {
		return nil, badRequest(InvalidValue, "%s is a string", a.Name)
	}
	if len(s) > MaxValue {
		return nil, badRequest(InvalidValue, "%s is longer than %d bytes", a.Name, MaxValue)
	}
	if a.Type == DateTime {
		if _, err := time.Parse(time.RFC3339, s); err != nil {
			return nil, badRequest(InvalidValue, "%s is a date and time", a.Name)
		}
	}
	return s, nil
}

// coerceComplex reads an object. A string stands for {"value": …}, and a list
// of one for its element: Entra sends a manager in all three forms
// (entra.md section 0, point 5).
func coerceComplex(a *Attribute, v any) (any, error) {
	switch value := v.(type) {
	case string:
		if sub := a.Sub("value"); sub != nil {
			c, err := coerceOne(sub, value)
			return map[string]any{sub.Name: c}, within(sub.Name, err)
		}
	case []any:
		if !a.MultiValued && len(value) < 2 {
			return coerceOne(a, only(v))
		}
	case map[string]any:
		object := make(map[string]any, len(value))
		for _, name := range slices.Sorted(maps.Keys(value)) { // sorted: a name may come twice, in two letter cases
			sub := a.Sub(name)
			if sub == nil || sub.ReadOnly() {
				continue
			}
			if _, taken := object[sub.Name]; taken && !strings.EqualFold(name, sub.Name) {
				continue // the real name wins over its alias
			}
			c, err := coerce(sub, value[name])
			if err != nil {
				return nil, within(sub.Name, err)
			}
			if c != nil {
				object[sub.Name] = c
			}
		}
		if len(object) == 0 {
			return nil, nil
		}
		return object, nil
	}
	return nil, badRequest(InvalidValue, "%s is an object", a.Name)
}

// only takes the element out of a list of one, which clients send for a single
// value. An empty list assigns nothing (RFC 7643 section 2.5).
func only(v any) any {
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

// unwrap takes the scalar out of [{"value": x}], [x] and {"value": x}, which
// clients send to a path that ends in a sub-attribute (entra.md Q14).
func unwrap(v any) any {
	v = only(v)
	if object, ok := v.(map[string]any); ok && len(object) == 1 {
		for name, value := range object {
			if strings.EqualFold(name, "value") {
				return value
			}
		}
	}
	return v
}

// tidy brings a resource into its stored form: in each list no element twice,
// at most one primary, no element of which only type and primary are left, and
// nothing that became empty. It fails when a list is too long.
func (rt *ResourceType) tidy(r map[string]any) error {
	if err := tidyAttributes(nil, rt.Schema.Attributes, r); err != nil {
		return err
	}
	for _, e := range rt.Extensions {
		if extension, ok := r[e.ID].(map[string]any); ok {
			if err := tidyAttributes(e, e.Attributes, extension); err != nil {
				return err
			}
			if len(extension) == 0 {
				delete(r, e.ID)
			}
		}
	}
	return nil
}

func tidyAttributes(extension *Schema, attributes []*Attribute, r map[string]any) error {
	for _, a := range attributes {
		if list, ok := r[a.Name].([]any); ok && a.MultiValued {
			if list = tidyList(list); len(list) > 0 {
				r[a.Name] = list
				if err := a.crowded(list); err != nil {
					return within(Target{Extension: extension, Attribute: a}.String(), err)
				}
				continue
			}
			delete(r, a.Name)
		} else if empty(r[a.Name]) {
			delete(r, a.Name)
		}
	}
	return nil
}

func tidyList(list []any) []any {
	kept := make([]any, 0, len(list))
	seen := make(map[string]bool, len(list))
	primary := false
	for _, element := range list {
		object, ok := element.(map[string]any)
		if ok && hollow(object) {
			continue
		}
		key := identity(element)
		if seen[key] {
			continue
		}
		seen[key] = true
		if object["primary"] == true {
			if primary {
				object["primary"] = false
			}
			primary = true
		}
		kept = append(kept, element)
	}
	return kept
}

// hollow tells an element that says what it is for, and nothing else.
func hollow(object map[string]any) bool {
	for name, v := range object {
		if name != "type" && name != "primary" && !empty(v) {
			return false
		}
	}
	return true
}

// identity is what makes an element the same as another: its type and value,
// or, where it has no value, all of it but `primary`.
func identity(element any) string {
	if object, ok := element.(map[string]any); ok {
		if value, _ := object["value"].(string); value != "" {
			kind, _ := object["type"].(string)
			return strconv.Quote(Fold(kind)) + value
		}
		rest := maps.Clone(object)
		delete(rest, "primary")
		element = rest
	}
	b, _ := json.Marshal(element)
	return string(b)
}

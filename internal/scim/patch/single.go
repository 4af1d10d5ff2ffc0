package patch

import (
	"maps"

	"dsync/internal/scim"
	"dsync/internal/scim/filter"
	"dsync/internal/scim/value"
)

// applySingle applies an operation to an attribute that is not multi-valued, or
// to one of its sub-attributes.
func applySingle(o Operation, t filter.Target, container map[string]any) error {
	a := t.Attribute
	if t.Sub != nil {
		object, _ := container[a.Name].(map[string]any)
		if object == nil {
			object = map[string]any{}
		}
		if err := assign(o, t.Sub, object); err != nil {
			return err
		}
		container[a.Name] = object
		return nil
	}
	o.Value = value.Only(o.Value)
	if a.Type != scim.Complex || o.Op == "remove" || value.Unassigned(o.Value) {
		return assign(o, a, container)
	}
	v, err := value.CoerceOne(a, o.Value)
	if err != nil {
		return err
	}
	// Sub-attributes that the value does not have stay (RFC 7644 section 3.5.2.3).
	object, _ := container[a.Name].(map[string]any)
	if object == nil {
		object = map[string]any{}
	}
	clearNulls(a, object, o.Value)
	given, _ := v.(map[string]any)
	maps.Copy(object, given)
	container[a.Name] = object
	return nil
}

// clearNulls unassigns the sub-attributes that are null or "" in the value.
func clearNulls(a *scim.Attribute, object map[string]any, v any) {
	given, _ := v.(map[string]any)
	for name, member := range given {
		if sub := a.Sub(name); sub != nil && value.Unassigned(member) {
			delete(object, sub.Name)
		}
	}
}

// assign sets or clears a scalar attribute in the object that has it. remove
// clears any attribute.
func assign(o Operation, a *scim.Attribute, holder map[string]any) error {
	v := value.Unwrap(o.Value)
	if o.Op == "remove" || value.Unassigned(v) {
		if a.Required {
			if o.Op == "remove" {
				return scim.BadRequest(scim.Mutability, "%s is required and cannot be removed", a.Name)
			}
			return scim.BadRequest(scim.InvalidValue, "%s is required", a.Name)
		}
		if !a.Permanent {
			delete(holder, a.Name)
		}
		return nil
	}
	c, err := value.CoerceOne(a, v)
	if err != nil {
		return err
	}
	holder[a.Name] = c
	return nil
}

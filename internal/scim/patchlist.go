package scim

import (
	"maps"
	"slices"
)

// applyList applies an operation to a multi-valued attribute: to the list, to
// the elements that a filter picks, or to a sub-attribute of these.
func applyList(o Operation, t Target, container map[string]any) error {
	a := t.Attribute
	list, _ := container[a.Name].([]any)
	var err error
	switch {
	case t.Filter == nil && t.Sub == nil:
		list, err = applyWhole(o, a, list)
	case o.Op == "remove" || unassigned(o.Value):
		list = removeElements(t, list, o)
	default:
		list, err = applyElements(o, t, list)
	}
	if err != nil {
		return err
	}
	container[a.Name] = list
	return nil
}

// applyWhole adds to a list, replaces it, removes it, or removes from it the
// elements that the value lists, as Entra does.
func applyWhole(o Operation, a *Attribute, list []any) ([]any, error) {
	if o.Op == "remove" && (!o.HasValue || o.Value == nil) || o.Op == "replace" && unassigned(o.Value) {
		return nil, nil
	}
	v, err := coerce(a, o.Value)
	if err != nil {
		return nil, err
	}
	given, _ := v.([]any)
	switch o.Op {
	case "remove":
		return slices.DeleteFunc(list, func(element any) bool {
			return slices.ContainsFunc(given, func(g any) bool { return sameElement(a, element, g) })
		}), nil
	case "replace":
		return given, nil
	}
	for _, element := range given {
		list = addElement(a, list, element)
	}
	return list, nil
}

// addElement appends an element, or, if the list has it already, merges it
// into the one that is there (RFC 7644 section 3.5.2.1).
func addElement(a *Attribute, list []any, element any) []any {
	given, ok := element.(map[string]any)
	if !ok {
		if slices.ContainsFunc(list, func(e any) bool { return equal(e, element) }) {
			return list
		}
		return append(list, element)
	}
	if given["primary"] == true {
		clearPrimary(list)
	}
	for _, e := range list {
		if object, ok := e.(map[string]any); ok && identity(a, object) == identity(a, given) {
			maps.Copy(object, given)
			return list
		}
	}
	return append(list, given)
}

// sameElement compares elements by value where they have one: a client that
// removes by value need not know the rest.
func sameElement(a *Attribute, element, given any) bool {
	x, ok := element.(map[string]any)
	y, also := given.(map[string]any)
	if !ok || !also {
		return equal(element, given)
	}
	for name, v := range y {
		if name != "primary" && !equal(x[name], v) {
			return false
		}
	}
	return len(y) > 0
}

func clearPrimary(list []any) {
	for _, e := range list {
		if object, ok := e.(map[string]any); ok {
			delete(object, "primary")
		}
	}
}

// removeElements removes the elements that match, or one sub-attribute of
// each. That nothing matches is success: it is gone already.
func removeElements(t Target, list []any, o Operation) []any {
	kept := make([]any, 0, len(list))
	for _, e := range list {
		object, ok := e.(map[string]any)
		if !ok || t.Filter != nil && !t.Filter.match(&matcher{}, object) {
			kept = append(kept, e)
			continue
		}
		if t.Sub != nil {
			delete(object, t.Sub.Name)
			kept = append(kept, object)
		}
	}
	return kept
}

// applyElements sets the elements that match, or one sub-attribute of each.
// When none matches it makes one from the filter: always for add; for replace
// if every compared value is canonical, as Entra relies on, and otherwise it
// fails with noTarget (entra.md section 15).
func applyElements(o Operation, t Target, list []any) ([]any, error) {
	matched := false
	for _, e := range list {
		object, ok := e.(map[string]any)
		if !ok || t.Filter != nil && !t.Filter.match(&matcher{}, object) {
			continue
		}
		matched = true
		if err := setElement(o, t, list, object); err != nil {
			return nil, err
		}
	}
	if matched {
		return list, nil
	}
	object, canonical := elementFrom(t)
	if o.Op == "replace" && !canonical {
		return nil, badRequest(NoTarget, "no element matches %s", t)
	}
	if object["primary"] == true {
		clearPrimary(list)
	}
	if err := setElement(o, t, list, object); err != nil {
		return nil, err
	}
	return append(list, object), nil
}

// setElement applies the value to one element of the list.
func setElement(o Operation, t Target, list []any, object map[string]any) error {
	given := map[string]any{}
	if t.Sub != nil {
		if err := assign(o, t.Sub, given); err != nil {
			return err
		}
	} else {
		v, err := coerceOne(t.Attribute, unwrapElement(o.Value))
		if err != nil {
			return err
		}
		given, _ = v.(map[string]any)
		clearNulls(t.Attribute, object, o.Value)
	}
	if given["primary"] == true {
		clearPrimary(list)
	}
	maps.Copy(object, given)
	return nil
}

// unwrapElement takes the element out of a list of one.
func unwrapElement(v any) any {
	if list, ok := v.([]any); ok && len(list) == 1 {
		return list[0]
	}
	return v
}

// elementFrom builds the element that a filter describes by its eq terms, and
// tells whether all of these are canonical values. Without a filter it is an
// empty element.
func elementFrom(t Target) (map[string]any, bool) {
	object := map[string]any{}
	if t.Filter == nil {
		return object, true
	}
	canonical := true
	for _, term := range conjuncts(t.Filter) {
		c, ok := term.(compare)
		if !ok || c.op != "eq" || c.value == nil {
			canonical = false
			continue
		}
		a := c.target.effective()
		object[a.Name] = c.value
		switch v := c.value.(type) {
		case bool:
			canonical = canonical && v
		case string:
			canonical = canonical && a.canonical(v)
		}
	}
	return object, canonical
}

package patch

import (
	"maps"
	"reflect"
	"slices"

	"dsync/internal/scim"
	"dsync/internal/scim/filter"
	"dsync/internal/scim/value"
)

// applyList applies an operation to a multi-valued attribute: to the list, to
// the elements that match a filter, or to a sub-attribute of these.
func (p *patch) applyList(o Operation, t filter.Target, container map[string]any) error {
	a := t.Attribute
	list, _ := container[a.Name].([]any)
	var err error
	if t.Filter == nil && t.Sub == nil {
		list, err = p.applyWhole(o, a, list)
	} else {
		list, err = p.applyElements(o, t, list)
	}
	if err != nil {
		return err
	}
	container[a.Name] = list
	return nil
}

// weight is the cost of comparing each element of a list once: one per element,
// and one more for each KiB of it.
func weight(list []any) int {
	n := len(list)
	for _, element := range list {
		if object, ok := element.(map[string]any); ok {
			size := 0
			for _, v := range object {
				s, _ := v.(string)
				size += len(s)
			}
			n += size >> 10
		} else if s, ok := element.(string); ok {
			n += len(s) >> 10
		}
	}
	return n
}

// spend adds comparisons of elements. It fails above MaxComparisons.
func (p *patch) spend(n int) error {
	p.spent += n
	if p.spent > MaxComparisons {
		return scim.BadRequest(scim.TooMany, "the operations compare more than %d elements in total", MaxComparisons)
	}
	return nil
}

// applyWhole adds to a list, replaces it, removes it, or removes the elements
// that the value lists, as Entra requires.
func (p *patch) applyWhole(o Operation, a *scim.Attribute, list []any) ([]any, error) {
	if o.Op == "remove" && o.Value == nil || o.Op == "replace" && value.Unassigned(o.Value) {
		return nil, nil
	}
	v, err := value.Coerce(a, o.Value)
	if err != nil {
		return nil, err
	}
	given, _ := v.([]any)
	switch o.Op {
	case "replace":
		return given, nil
	case "remove":
		if err := p.spend(weight(list) * len(given)); err != nil {
			return nil, err
		}
		return slices.DeleteFunc(list, func(element any) bool {
			return slices.ContainsFunc(given, func(g any) bool { return p.hasValues(a, element, g) })
		}), nil
	}
	if err := p.spend(weight(list)); err != nil {
		return nil, err
	}
	return addElements(list, given), nil
}

// addElements appends elements. An element that the list has is merged into
// that one (RFC 7644 section 3.5.2.1). Of equal elements the first counts, as in
// a POST.
func addElements(list, given []any) []any {
	given = distinct(given)
	if slices.ContainsFunc(given, value.IsPrimary) {
		clearPrimary(list)
	}
	there := make(map[string]any, len(list))
	for _, e := range list {
		there[value.Identity(e)] = e
	}
	for _, g := range given {
		known, ok := there[value.Identity(g)]
		if !ok {
			list = append(list, g)
			continue
		}
		if object, ok := known.(map[string]any); ok {
			maps.Copy(object, g.(map[string]any))
		}
	}
	return list
}

// distinct returns the first of each of the elements that are equal.
func distinct(list []any) []any {
	seen := make(map[string]bool, len(list))
	return slices.DeleteFunc(slices.Clone(list), func(element any) bool {
		id := value.Identity(element)
		duplicate := seen[id]
		seen[id] = true
		return duplicate
	})
}

// hasValues reports whether an element has all values that a remove lists: a
// client need not know the others. primary may have changed since, so it is
// compared only if it is the only one.
func (p *patch) hasValues(a *scim.Attribute, element, given any) bool {
	x, ok := element.(map[string]any)
	y, also := given.(map[string]any)
	if !ok || !also {
		return p.alike(a, element, given)
	}
	for name, v := range y {
		if (name != "primary" || len(y) == 1) && !p.alike(a.Sub(name), x[name], v) {
			return false
		}
	}
	return true
}

// alike compares two values of an attribute as a filter does.
func (p *patch) alike(a *scim.Attribute, x, y any) bool {
	s, ok := x.(string)
	t, also := y.(string)
	if ok && also && !a.CaseExact {
		return p.matcher.Folder.Fold(s) == p.matcher.Folder.Fold(t)
	}
	return reflect.DeepEqual(x, y)
}

// clearPrimary clears the primary flag of all elements before another element
// becomes primary (RFC 7644 section 3.5.2).
func clearPrimary(list []any) {
	for _, e := range list {
		if value.IsPrimary(e) {
			e.(map[string]any)["primary"] = false
		}
	}
}

// applyElements changes the elements that match, or one sub-attribute of each.
func (p *patch) applyElements(o Operation, t filter.Target, list []any) ([]any, error) {
	if err := p.spend(weight(list) * (1 + filter.Comparisons(t.Filter))); err != nil {
		return nil, err
	}
	o.Value = value.Only(o.Value)
	if t.Sub != nil || t.Attribute.Type != scim.Complex {
		o.Value = value.Unwrap(o.Value)
	}
	matches := func(e any) bool {
		object, ok := e.(map[string]any)
		if !ok {
			object = map[string]any{"value": e} // see scim.Attribute.Element
		}
		return p.matcher.Match(t.Filter, object)
	}
	if o.Op == "remove" || value.Unassigned(o.Value) {
		return removeElements(list, t.Sub, matches), nil
	}
	if t.Attribute.Type != scim.Complex {
		return setSimple(o, t, list, matches)
	}
	return setElements(o, t, list, matches)
}

// setSimple replaces the simple values that match, or adds a value.
func setSimple(o Operation, t filter.Target, list []any, matches func(any) bool) ([]any, error) {
	v, err := value.CoerceOne(t.Attribute, o.Value)
	if err != nil {
		return nil, err
	}
	if o.Op == "add" {
		return append(list, v), nil
	}
	matched := false
	for i, e := range list {
		if matches(e) {
			list[i], matched = v, true
		}
	}
	if !matched {
		return nil, scim.BadRequest(scim.NoTarget, "no element matches %s", t)
	}
	return list, nil
}

// removeElements removes the elements that match, or one sub-attribute of each.
// No match is a success: the elements are removed already.
func removeElements(list []any, sub *scim.Attribute, matches func(any) bool) []any {
	if sub == nil {
		return slices.DeleteFunc(list, matches)
	}
	for _, e := range list {
		if matches(e) {
			delete(e.(map[string]any), sub.Name)
		}
	}
	return list
}

// setElements sets the elements that match, or one sub-attribute of each.
// Without a match it creates an element from the filter: always for add; for
// replace only if every compared value is canonical, which Entra relies on.
// Otherwise it fails with noTarget (entra.md section 15).
func setElements(o Operation, t filter.Target, list []any, matches func(any) bool) ([]any, error) {
	given := map[string]any{}
	if t.Sub != nil {
		if err := assign(o, t.Sub, given); err != nil {
			return nil, err
		}
	} else {
		v, err := value.CoerceOne(t.Attribute, o.Value)
		if err != nil {
			return nil, err
		}
		given, _ = v.(map[string]any)
	}
	template, canonical := filter.Describe(t.Filter)
	matching := slices.DeleteFunc(slices.Clone(list), func(e any) bool { return !matches(e) })
	if len(matching) == 0 {
		if o.Op == "replace" && !canonical {
			return nil, scim.BadRequest(scim.NoTarget, "no element matches %s", t)
		}
		if value.IsPrimary(template) {
			clearPrimary(list)
		}
		matching = []any{template}
		list = append(list, template)
	}
	if value.IsPrimary(given) {
		clearPrimary(list)
	}
	for _, e := range matching {
		object := e.(map[string]any)
		switch {
		case t.Sub != nil:
		case o.Op == "replace":
			// The whole element is replaced (RFC 7644 section 3.5.2.3), except
			// for the sub-attributes that the filter compares.
			maps.DeleteFunc(object, func(name string, _ any) bool { _, ok := template[name]; return !ok })
		default:
			clearNulls(t.Attribute, object, o.Value)
		}
		maps.Copy(object, given)
	}
	return list, nil
}

package scim

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"
)

// applyList applies an operation to a multi-valued attribute: to the list, to
// the elements that a filter picks, or to a sub-attribute of these.
func (p *patch) applyList(o Operation, t Target, container map[string]any) error {
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

// weight is what comparing each element of a list once costs: one for each,
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

// spend counts comparisons of elements.
func (p *patch) spend(n int) error {
	if p.spent += n; p.spent > MaxComparisons {
		return badRequest(TooMany, "the operations compare more than %d elements in all", MaxComparisons)
	}
	return nil
}

// applyWhole adds to a list, replaces it, removes it, or removes from it the
// elements that the value lists, as Entra does.
func (p *patch) applyWhole(o Operation, a *Attribute, list []any) ([]any, error) {
	if o.Op == "remove" && o.Value == nil || o.Op == "replace" && unassigned(o.Value) {
		return nil, nil
	}
	v, err := coerce(a, o.Value)
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
			return slices.ContainsFunc(given, func(g any) bool { return described(a, element, g) })
		}), nil
	}
	if err := p.spend(weight(list)); err != nil {
		return nil, err
	}
	return addElements(list, given), nil
}

// addElements appends elements. One that the list has already is merged into
// the one that is there (RFC 7644 section 3.5.2.1).
func addElements(list, given []any) []any {
	if slices.ContainsFunc(given, isPrimary) {
		clearPrimary(list)
	}
	there := make(map[string]any, len(list))
	for _, e := range list {
		there[identity(e)] = e
	}
	for _, g := range given {
		id := identity(g)
		known, ok := there[id]
		if !ok {
			there[id] = g
			list = append(list, g)
			continue
		}
		if object, ok := known.(map[string]any); ok {
			maps.Copy(object, g.(map[string]any))
		}
	}
	return list
}

// described reports whether an element has all that a remove says of it: a
// client that removes by value need not know the rest. `primary` may have
// moved meanwhile, so it counts only where nothing else is said.
func described(a *Attribute, element, given any) bool {
	x, ok := element.(map[string]any)
	y, also := given.(map[string]any)
	if !ok || !also {
		return alike(a, element, given)
	}
	for name, v := range y {
		if (name != "primary" || len(y) == 1) && !alike(a.Sub(name), x[name], v) {
			return false
		}
	}
	return true
}

// alike compares two values of an attribute as a filter does.
func alike(a *Attribute, x, y any) bool {
	s, ok := x.(string)
	t, also := y.(string)
	if ok && also && !a.CaseExact {
		return strings.EqualFold(s, t)
	}
	return reflect.DeepEqual(x, y)
}

func isPrimary(element any) bool {
	object, ok := element.(map[string]any)
	return ok && object["primary"] == true
}

// clearPrimary makes way for another primary element (RFC 7644 section 3.5.2).
func clearPrimary(list []any) {
	for _, e := range list {
		if isPrimary(e) {
			e.(map[string]any)["primary"] = false
		}
	}
}

// applyElements changes the elements that match, or one sub-attribute of each.
func (p *patch) applyElements(o Operation, t Target, list []any) ([]any, error) {
	if err := p.spend(weight(list) * (1 + comparisons(t.Filter))); err != nil {
		return nil, err
	}
	if o.Value = only(o.Value); t.Sub != nil {
		o.Value = unwrap(o.Value)
	}
	m := &matcher{}
	matches := func(e any) bool {
		object, ok := e.(map[string]any)
		return ok && (t.Filter == nil || t.Filter.match(m, object))
	}
	if o.Op == "remove" || unassigned(o.Value) {
		return removeElements(list, t.Sub, matches), nil
	}
	return setElements(o, t, list, matches)
}

// removeElements removes the elements that match, or one sub-attribute of
// each. That nothing matches is success: it is gone already.
func removeElements(list []any, sub *Attribute, matches func(any) bool) []any {
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

// setElements sets the elements that match, or one sub-attribute of each. When
// none matches it makes one from the filter: always for add; for replace if
// every compared value is canonical, as Entra relies on, and otherwise it
// fails with noTarget (entra.md section 15).
func setElements(o Operation, t Target, list []any, matches func(any) bool) ([]any, error) {
	given := map[string]any{}
	if t.Sub != nil {
		if err := assign(o, t.Sub, given); err != nil {
			return nil, err
		}
	} else {
		v, err := coerceOne(t.Attribute, o.Value)
		if err != nil {
			return nil, err
		}
		given, _ = v.(map[string]any)
	}
	picked, canonical := describe(t.Filter)
	chosen := slices.DeleteFunc(slices.Clone(list), func(e any) bool { return !matches(e) })
	if len(chosen) == 0 {
		if o.Op == "replace" && !canonical {
			return nil, badRequest(NoTarget, "no element matches %s", t)
		}
		if isPrimary(picked) {
			clearPrimary(list)
		}
		chosen = []any{picked}
		list = append(list, picked)
	}
	if isPrimary(given) {
		clearPrimary(list)
	}
	for _, e := range chosen {
		object := e.(map[string]any)
		switch {
		case t.Sub != nil:
		case o.Op == "replace":
			// The whole element is replaced (RFC 7644 section 3.5.2.3), but
			// for what picked it: it stays what it is for.
			maps.DeleteFunc(object, func(name string, _ any) bool { _, ok := picked[name]; return !ok })
		default:
			clearNulls(t.Attribute, object, o.Value)
		}
		maps.Copy(object, given)
	}
	return list, nil
}

// describe builds the element that a filter describes by its eq terms, and
// tells whether all of these are canonical values. Without a filter it is an
// empty element.
func describe(filter Expr) (map[string]any, bool) {
	object := map[string]any{}
	if filter == nil {
		return object, true
	}
	canonical := true
	for _, term := range conjuncts(filter) {
		c, ok := term.(compare)
		if !ok || c.op != "eq" || c.value == nil {
			canonical = false
			continue
		}
		a := c.target.effective()
		object[a.Name] = c.value
		switch v := c.value.(type) {
		case time.Time:
			object[a.Name], canonical = c.text, false // a date is stored as it is written
		case json.Number:
			canonical = false
			if object[a.Name], ok = a.number(v); !ok { // a fraction, compared with an integer
				delete(object, a.Name)
			}
		case bool:
			canonical = canonical && v
		case string:
			canonical = canonical && a.canonical(v)
		}
	}
	return object, canonical
}

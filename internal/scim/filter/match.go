package filter

import (
	"dsync/internal/scim"
)

// Match evaluates the filter on a rendered resource. For an attribute whose
// elements are not part of the resource (ResourceType.Keyed) it asks keyed
// whether there is an element with that value.
func Match(e Expr, r map[string]any, keyed func(value string) bool) bool {
	return e.match(&Matcher{keyed: keyed}, r)
}

// Matcher evaluates filters. The zero value is ready; it is not safe for
// concurrent use.
type Matcher struct {
	keyed func(string) bool
	// The text folded last: the terms of a hostile filter all look at one.
	text, folded string
}

func (m *Matcher) fold(s string) string {
	if s != m.text {
		m.text, m.folded = s, scim.Fold(s)
	}
	return m.folded
}

// Match evaluates a filter on the elements of a list, or on a resource that has
// no keyed attribute in the filter. nil matches everything.
func (m *Matcher) Match(e Expr, r map[string]any) bool { return e == nil || e.match(m, r) }

// values are the values at a target: of each element, of each match.
func values(m *Matcher, t Target, r map[string]any) []any {
	if t.Extension != nil {
		extension, _ := r[t.Extension.ID].(map[string]any)
		if t.Attribute == nil {
			return []any{extension}
		}
		r = extension
	}
	v, ok := r[t.Attribute.Name]
	if !ok {
		return nil
	}
	elements, ok := v.([]any)
	if !ok {
		elements = []any{v}
	}
	found := make([]any, 0, len(elements))
	for _, element := range elements {
		object, isObject := element.(map[string]any)
		if t.Filter != nil && (!isObject || !t.Filter.match(m, object)) {
			continue
		}
		if t.Sub == nil {
			found = append(found, element)
		} else if sub, ok := object[t.Sub.Name]; ok {
			found = append(found, sub)
		}
	}
	return found
}

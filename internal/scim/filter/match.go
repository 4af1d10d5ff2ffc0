package filter

import (
	"dsync/internal/scim"
)

// Match evaluates a filter on a rendered resource. The elements of a keyed
// attribute (scim.ResourceType.Keyed) are not part of the resource: keyed
// reports whether there is an element with that value.
func Match(e Expr, r map[string]any, keyed func(value string) bool) bool {
	return NewMatcher(keyed).Match(e, r)
}

// Matcher evaluates filters. The zero value is ready; it is not safe for
// concurrent use.
type Matcher struct {
	// Folder folds the texts that are compared: many terms of a filter may compare
	// the same one.
	Folder   scim.Folder
	keyed    func(string) bool
	compared int
}

// NewMatcher returns a matcher for resources whose keyed attribute has an element
// with a value if keyed reports so.
func NewMatcher(keyed func(value string) bool) *Matcher { return &Matcher{keyed: keyed} }

// Cost is the work of all matches so far: one for each element that a term looks
// at, and scim.Folder.Cost.
func (m *Matcher) Cost() int { return m.compared + m.Folder.Cost() }

// Match evaluates a filter on an element of a list, or on a resource if the
// filter has no keyed attribute. nil matches everything.
func (m *Matcher) Match(e Expr, r map[string]any) bool { return e == nil || e.match(m, r) }

// values are the values at a target, one for each matching element.
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
	m.compared += len(elements)
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

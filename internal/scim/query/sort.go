package query

import (
	"strings"

	"dsync/internal/scim"
	"dsync/internal/scim/value"
)

// sorted reads sortBy and sortOrder (RFC 7644 section 3.4.2.3). Errors are
// invalidValue: in table 9 of the RFC, invalidPath is for PATCH only. sortOrder
// without sortBy is ignored.
func (q *Query) sorted(by, order string) error {
	order = strings.TrimSpace(order)
	switch {
	case order == "" || strings.EqualFold(order, "ascending"):
	case strings.EqualFold(order, "descending"):
		q.Descending = true
	default:
		return scim.BadRequest(scim.InvalidValue, "sortOrder must be ascending or descending").About("sortOrder")
	}
	by = strings.TrimSpace(by)
	if by == "" {
		q.Descending = false
		return nil
	}
	t, ok := q.rt.Resolve(by)
	switch {
	case !ok && quoted(by):
		return scim.BadRequest(scim.InvalidValue, "sortBy: an attribute has no quotation marks").About("sortBy")
	case !ok:
		return scim.BadRequest(scim.InvalidValue, "sortBy: unknown attribute %q", by).About(scim.UnknownPath(by))
	case t.Attribute == nil:
		return scim.BadRequest(scim.InvalidValue, "sortBy: %s is a schema, not an attribute", t).About(t.String())
	case q.rt.IsKeyed(t.Attribute):
		return scim.BadRequest(scim.InvalidValue, "sortBy: resources cannot be sorted by %s", t).About(t.String())
	}
	if a := t.Effective(); a.Type == scim.Complex {
		// The RFC requires the path of a sub-attribute. The default is `value`,
		// as in filters.
		t.Sub = a.Sub("value")
		if t.Sub == nil {
			return scim.BadRequest(scim.InvalidValue, "sortBy: %s is complex: use one of its sub-attributes", t).About(t.String())
		}
	}
	q.SortBy = &t
	return nil
}

// SortKey is what a resource is sorted by: a value, or nil for none.
type SortKey struct{ value any }

// SortKey is what a rendered resource is sorted by. Text counts with its first
// MaxSortText characters, in its folded form unless the attribute is caseExact: so
// each text is folded once, however often it is compared.
func (q Query) SortKey(r map[string]any) SortKey {
	if q.SortBy == nil {
		return SortKey{}
	}
	v := sortValue(*q.SortBy, r)
	s, ok := v.(string)
	a := q.SortBy.Effective()
	if !ok || a.Type == scim.DateTime {
		return SortKey{v}
	}
	if s = beginning(s); !a.CaseExact {
		s = scim.Fold(s)
	}
	return SortKey{s}
}

// beginning is the first MaxSortText characters of a text.
func beginning(s string) string {
	n := 0
	for i := range s {
		if n == MaxSortText {
			return s[:i]
		}
		n++
	}
	return s
}

// Compare orders two resources by their keys (RFC 7644 section 3.4.2.3):
// negative if a is before b. A resource without a value is last in ascending and
// first in descending order. The result is 0 without SortBy.
func (q Query) Compare(a, b SortKey) int {
	if q.SortBy == nil {
		return 0
	}
	x, y := a.value, b.value
	sign := 0
	switch {
	case value.Empty(x) && value.Empty(y):
	case value.Empty(x):
		sign = 1
	case value.Empty(y):
		sign = -1
	default:
		sign = value.Compare(q.SortBy.Effective(), x, y)
	}
	if q.Descending {
		return -sign
	}
	return sign
}

// sortValue is the value that a resource is sorted by. Of several values it is
// that of the primary element, or else the first.
func sortValue(t scim.AttributePath, r map[string]any) any {
	if t.Extension != nil {
		r, _ = r[t.Extension.ID].(map[string]any)
	}
	v := r[t.Attribute.Name]
	list, many := v.([]any)
	if !many {
		return part(t, v)
	}
	var first any
	for _, element := range list {
		v := part(t, element)
		if value.IsPrimary(element) && !value.Empty(v) {
			return v
		}
		if value.Empty(first) {
			first = v
		}
	}
	return first
}

// part is the value, or its sub-attribute if the path has one.
func part(t scim.AttributePath, v any) any {
	if t.Sub == nil {
		return v
	}
	object, _ := v.(map[string]any)
	return object[t.Sub.Name]
}

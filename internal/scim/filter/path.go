package filter

import (
	"dsync/internal/scim"
)

// Target is what a path addresses: an extension as a whole, an attribute,
// elements of it that match a filter, or a sub-attribute of any of these.
type Target struct {
	Extension *scim.Schema    // nil for attributes of the core schema
	Attribute *scim.Attribute // nil: the whole extension
	Filter    Expr            // nil: every element
	Sub       *scim.Attribute // nil: the attribute itself
}

// path is the target without its filter.
func (t Target) path() scim.AttributePath {
	return scim.AttributePath{Extension: t.Extension, Attribute: t.Attribute, Sub: t.Sub}
}

// Effective is the attribute of the values at the target: the sub-attribute if
// there is one.
func (t Target) Effective() *scim.Attribute { return t.path().Effective() }

// ReadOnly reports whether clients cannot write the values at the target.
func (t Target) ReadOnly() bool { return t.path().ReadOnly() }

// String prints the target as a path that parses to it again.
func (t Target) String() string {
	if t.Filter == nil {
		return t.path().String()
	}
	list := scim.AttributePath{Extension: t.Extension, Attribute: t.Attribute}
	s := list.String() + "[" + t.Filter.String() + "]"
	if t.Sub != nil {
		s += "." + t.Sub.Name
	}
	return s
}

// Redacted is String without the values in the filter, except values that the
// schema lists. It contains no personal data, so it may be logged.
func (t Target) Redacted() string {
	t.Filter = redact(t.Filter)
	return t.String()
}

// redact replaces the values in a filter.
func redact(e Expr) Expr {
	switch e := e.(type) {
	case logical:
		return logical{e.op, redact(e.left), redact(e.right)}
	case not:
		return not{redact(e.e)}
	case compare:
		if s, ok := e.value.(string); ok && e.target.Effective().Canonical(s) {
			return e
		}
		if _, ok := e.value.(bool); !ok && e.value != nil {
			e.value = "…"
		}
		return e
	}
	return e
}

// ParsePath reads a PATCH path (RFC 7644 section 3.5.2, figure 7). Names match
// in any letter case, with or without the URN of their schema. Errors are
// invalidPath, or invalidFilter in brackets.
func ParsePath(rt *scim.ResourceType, s string) (Target, error) {
	p, err := newParser(rt, s, scim.InvalidPath)
	if err != nil {
		return Target{}, err
	}
	t, err := p.target()
	if err != nil {
		return Target{}, err
	}
	return t, p.end()
}

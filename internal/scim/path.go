package scim

import "strings"

// Target is what a path addresses: an extension as a whole, an attribute,
// elements of it that match a filter, or a sub-attribute of any of these.
type Target struct {
	Extension *Schema    // nil for attributes of the core schema
	Attribute *Attribute // nil: the whole extension
	Filter    Expr       // nil: every element
	Sub       *Attribute // nil: the attribute itself
}

// String prints the target as a path that parses to it again.
func (t Target) String() string {
	var b strings.Builder
	if t.Extension != nil {
		b.WriteString(t.Extension.ID)
		if t.Attribute == nil {
			return b.String()
		}
		b.WriteByte(':')
	}
	b.WriteString(t.Attribute.Name)
	if t.Filter != nil {
		b.WriteString("[" + t.Filter.String() + "]")
	}
	if t.Sub != nil {
		b.WriteString("." + t.Sub.Name)
	}
	return b.String()
}

// place is String without the values that the filter compares with, but for
// those that a schema lists: it tells where something is, and nothing of anybody.
func (t Target) place() string {
	t.Filter = bare(t.Filter)
	return t.String()
}

// bare is a filter without its values.
func bare(e Expr) Expr {
	switch e := e.(type) {
	case logical:
		return logical{e.op, bare(e.left), bare(e.right)}
	case not:
		return not{bare(e.e)}
	case compare:
		if s, ok := e.value.(string); ok && e.target.effective().canonical(s) {
			return e
		}
		if _, ok := e.value.(bool); !ok && e.value != nil {
			e.value = "…"
		}
		return e
	}
	return e
}

// maxPlace bounds what an Error tells of a path in a request, in bytes.
const maxPlace = 256

// attributePath is a path that no schema knows, if it has the form of one without
// brackets (RFC 7644 figure 1), and else "": what has another form may be a
// value that stands in the wrong place.
func attributePath(path string) string {
	if len(path) > maxPlace {
		return ""
	}
	if len(path) > 4 && strings.EqualFold(path[:4], "urn:") {
		for i := range len(path) {
			if !nameByte(path[i]) {
				return ""
			}
		}
		return path
	}
	for part := range strings.SplitSeq(path, ".") {
		if !attributeName(part) {
			return ""
		}
	}
	return path
}

// effective is the attribute that values at the target have: the
// sub-attribute if there is one.
func (t Target) effective() *Attribute {
	if t.Sub != nil {
		return t.Sub
	}
	return t.Attribute
}

// readOnly reports whether clients cannot write what the target addresses.
func (t Target) readOnly() bool { return t.Attribute.ReadOnly() || t.effective().ReadOnly() }

// ParsePath reads a PATCH path (RFC 7644 section 3.5.2, figure 7). Names match
// in any letter case, with or without the URN of their schema. It fails with
// invalidPath, or with invalidFilter for what stands in brackets.
func (rt *ResourceType) ParsePath(s string) (Target, error) {
	p, err := rt.parser(s, InvalidPath)
	if err != nil {
		return Target{}, err
	}
	t, err := p.target()
	if err != nil {
		return Target{}, err
	}
	return t, p.end()
}

// resolve finds what a name without brackets stands for. Known URNs are
// matched first, because a URN holds dots of its own (2.0).
func (rt *ResourceType) resolve(name string) (Target, bool) {
	var t Target
	if len(name) > 4 && strings.EqualFold(name[:4], "urn:") {
		s := rt.longestSchema(name)
		if s == nil {
			return t, false
		}
		if s != rt.Schema {
			t.Extension = s
		}
		if len(name) == len(s.ID) {
			return t, t.Extension != nil
		}
		attribute, sub, dotted := strings.Cut(name[len(s.ID)+1:], ".")
		if t.Attribute = find(s.Attributes, attribute); t.Attribute == nil && s == rt.Schema {
			t.Attribute = find(common, attribute)
		}
		if t.Attribute == nil {
			return t, false
		}
		return t.withSub(sub, dotted)
	}
	attribute, sub, dotted := strings.Cut(name, ".")
	t.Extension, t.Attribute = rt.attribute(attribute)
	if t.Attribute == nil {
		return t, false
	}
	return t.withSub(sub, dotted)
}

func (t Target) withSub(name string, dotted bool) (Target, bool) {
	if !dotted {
		return t, true
	}
	t.Sub = t.Attribute.Sub(name)
	return t, t.Sub != nil
}

// longestSchema is the schema whose URN the name is, or begins with up to a
// colon.
func (rt *ResourceType) longestSchema(name string) *Schema {
	var longest *Schema
	try := func(s *Schema) {
		n := len(s.ID)
		if len(name) >= n && strings.EqualFold(name[:n], s.ID) && (len(name) == n || name[n] == ':') &&
			(longest == nil || n > len(longest.ID)) {
			longest = s
		}
	}
	try(rt.Schema)
	for _, e := range rt.Extensions {
		try(e)
	}
	return longest
}

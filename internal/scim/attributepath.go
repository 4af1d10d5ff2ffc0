package scim

import "strings"

// AttributePath names an extension as a whole, an attribute, or a
// sub-attribute. The zero value names nothing.
type AttributePath struct {
	Extension *Schema    // nil for attributes of the core schema
	Attribute *Attribute // nil: the whole extension
	Sub       *Attribute // nil: the attribute itself
}

// String prints the path in a form that Resolve reads.
func (p AttributePath) String() string {
	s := ""
	switch {
	case p.Extension != nil && p.Attribute != nil:
		s = p.Extension.ID + ":" + p.Attribute.Name
	case p.Extension != nil:
		s = p.Extension.ID
	case p.Attribute != nil:
		s = p.Attribute.Name
	}
	if p.Sub != nil {
		s += "." + p.Sub.Name
	}
	return s
}

// Effective is the attribute of the values at the path: the sub-attribute if
// there is one.
func (p AttributePath) Effective() *Attribute {
	if p.Sub != nil {
		return p.Sub
	}
	return p.Attribute
}

// ReadOnly reports whether clients cannot write the values at the path.
func (p AttributePath) ReadOnly() bool { return p.Attribute.ReadOnly() || p.Effective().ReadOnly() }

// Resolve reads an attribute path without brackets (RFC 7644 figure 1). Known URNs are
// matched first, because a URN holds dots of its own (2.0).
func (rt *ResourceType) Resolve(name string) (AttributePath, bool) {
	var p AttributePath
	if len(name) > 4 && strings.EqualFold(name[:4], "urn:") {
		s := rt.longestSchema(name)
		if s == nil {
			return p, false
		}
		if s != rt.Schema {
			p.Extension = s
		}
		if len(name) == len(s.ID) {
			return p, p.Extension != nil
		}
		attribute, sub, dotted := strings.Cut(name[len(s.ID)+1:], ".")
		if p.Attribute = FindAttribute(s.Attributes, attribute); p.Attribute == nil && s == rt.Schema {
			p.Attribute = FindAttribute(common, attribute)
		}
		if p.Attribute == nil {
			return p, false
		}
		return p.withSub(sub, dotted)
	}
	attribute, sub, dotted := strings.Cut(name, ".")
	p.Extension, p.Attribute = rt.FindAttribute(attribute)
	if p.Attribute == nil {
		return p, false
	}
	return p.withSub(sub, dotted)
}

func (p AttributePath) withSub(name string, dotted bool) (AttributePath, bool) {
	if !dotted {
		return p, true
	}
	p.Sub = p.Attribute.Sub(name)
	return p, p.Sub != nil
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

// UnknownPath is a path that no schema knows, if it has the form of one without
// brackets (RFC 7644 figure 1), and else "": what has another form may be a
// value that stands in the wrong place.
func UnknownPath(path string) string {
	if len(path) > maxErrorPath {
		return ""
	}
	if len(path) > 4 && strings.EqualFold(path[:4], "urn:") {
		for i := range len(path) {
			if !IsNameByte(path[i]) {
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

// attributeName tells an ATTRNAME (RFC 7643 section 2.1).
func attributeName(s string) bool {
	if s == "" || len(s) > MaxName || !('a' <= s[0]|0x20 && s[0]|0x20 <= 'z') {
		return false
	}
	for i := range len(s) {
		if !IsNameByte(s[i]) || s[i] == '.' || s[i] == ':' {
			return false
		}
	}
	return true
}

// IsNameByte reports whether a byte can be part of an attribute path without
// brackets.
func IsNameByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
		c == '_' || c == '-' || c == '$' || c == '.' || c == ':'
}

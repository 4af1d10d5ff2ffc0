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

// Resolve reads an attribute path without brackets (RFC 7644 figure 1), in any
// letter case, with or without the URN of its schema. It matches known URNs
// first, because a URN can contain dots (2.0).
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
		p.Attribute = FindAttribute(s.Attributes, attribute)
		if p.Attribute == nil && s == rt.Schema {
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

// withSub adds a sub-attribute to the path if the name has a dot. It reports
// whether the sub-attribute exists.
func (p AttributePath) withSub(name string, dotted bool) (AttributePath, bool) {
	if !dotted {
		return p, true
	}
	p.Sub = p.Attribute.Sub(name)
	return p, p.Sub != nil
}

// longestSchema is the schema with the longest URN that is the name or its
// start before a colon, nil for none.
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

// UnknownPath is the path of an error about a path that no schema has. It is ""
// unless the path has the form of an attribute path without brackets (RFC 7644
// figure 1), because other text may be a value, and values must not be logged.
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
		if !attributeName(part) && !strings.EqualFold(part, refName) {
			return ""
		}
	}
	return path
}

// attributeName reports whether s is an ATTRNAME (RFC 7643 section 2.1).
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

// IsForeignQuote reports whether a character is a quotation mark other than `"`,
// which alone encloses strings in filters (RFC 7644 section 3.4.2.2). Clients send
// these by mistake, and editors put the typographic ones in place of `"`.
func IsForeignQuote(r rune) bool { return strings.ContainsRune("'`´‘’‚‛“”„‟«»", r) }

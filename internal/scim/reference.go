package scim

import "strings"

// refName is the sub-attribute with the URL of a resource (RFC 7643 section 2.4).
const refName = "$ref"

// Ref returns the `$ref` of an object, nil for none.
func Ref(object map[string]any) any {
	v, _ := Lookup(object, refName)
	return v
}

// IsRef reports whether the attribute is the `$ref` of its parent.
func (a *Attribute) IsRef() bool { return a.Name == refName }

// Referenced is the id in a URL of a resource at the endpoint, which may be
// relative, such as ../Users/2819c223 (RFC 7643 section 8.3). It reports whether
// the value is such a URL.
func Referenced(endpoint string, ref any) (id string, ok bool) {
	s, _ := ref.(string)
	s = strings.TrimRight(s, "/")
	i := strings.LastIndexByte(s, '/')
	if i < 0 || i+1 == len(s) || strings.ContainsAny(s[i:], "?#") {
		return "", false
	}
	parent := "/" + s[strings.LastIndexByte(s[:i], '/')+1:i]
	return s[i+1:], strings.EqualFold(parent, endpoint)
}

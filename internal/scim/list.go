package scim

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Query is what a client asks of a list or of one resource by its query
// string. Unknown parameters, such as Entra's bare aadOptscim062020, are
// ignored.
type Query struct {
	Filter     Expr // nil: everything
	StartIndex int  // 1-based
	Count      int  // 0..MaxCount
	Projection Projection
}

// ParseQuery reads a raw query string: `+` is a blank and `%2B` a plus. What
// is not encoded, such as brackets, is taken as it stands (entra.md Q36). Of a
// parameter that comes twice, the first counts.
func (rt *ResourceType) ParseQuery(raw string) (Query, error) {
	q := Query{StartIndex: 1, Count: DefaultCount}
	var err error
	if f := parameter(raw, "filter"); strings.TrimSpace(f) != "" {
		if q.Filter, err = rt.ParseFilter(f); err != nil {
			return q, err
		}
	}
	// Values below the range count as its lower end (RFC 7644 section 3.4.2.4).
	if s := parameter(raw, "startIndex"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil {
			return q, badRequest(InvalidValue, "startIndex is a number")
		}
		q.StartIndex = max(n, 1)
	}
	if s := parameter(raw, "count"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil {
			return q, badRequest(InvalidValue, "count is a number")
		}
		q.Count = min(max(n, 0), MaxCount)
	}
	q.Projection = rt.projection(parameter(raw, "attributes"), parameter(raw, "excludedAttributes"))
	return q, nil
}

// parameter is the first value of a query parameter, named in any letter case.
func parameter(raw, name string) string {
	for pair := range strings.SplitSeq(raw, "&") {
		key, value, _ := strings.Cut(pair, "=")
		if strings.EqualFold(unescape(key), name) {
			return unescape(value)
		}
	}
	return ""
}

// unescape decodes %XX and `+`. A `%` that begins no escape stands for itself.
func unescape(s string) string {
	if decoded, err := url.QueryUnescape(s); err == nil {
		return decoded
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '+':
			b.WriteByte(' ')
		case s[i] == '%' && i+2 < len(s):
			if c, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil {
				b.WriteByte(byte(c))
				i += 2
				continue
			}
			fallthrough
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

// Projection says which attributes an answer holds (RFC 7644 section 3.9).
type Projection struct {
	only    []Target // empty: all
	without []Target
}

// projection reads two comma-separated lists. Names that no schema knows are
// ignored.
func (rt *ResourceType) projection(attributes, excluded string) Projection {
	read := func(s string) []Target {
		var list []Target
		for _, name := range strings.Split(s, ",") {
			if name = strings.TrimSpace(name); name == "" {
				continue
			}
			if t, ok := rt.resolve(name); ok {
				list = append(list, t)
			}
		}
		return list
	}
	p := Projection{only: read(attributes), without: read(excluded)}
	if strings.TrimSpace(attributes) != "" && len(p.only) == 0 {
		p.only = []Target{{Attribute: find(common, "id")}} // only unknown names: the minimal set
	}
	return p
}

// Wants reports whether the attribute of the core schema is part of the answer.
func (p Projection) Wants(name string) bool {
	if whole, _ := named(p.without, "", name); whole {
		return false
	}
	whole, subs := named(p.only, "", name)
	return len(p.only) == 0 || whole || len(subs) > 0
}

// Apply projects a rendered resource, which stays as it is. id and schemas are
// always there.
func (p Projection) Apply(full map[string]any) map[string]any {
	r := make(map[string]any, len(full))
	for name, v := range full {
		extension, ok := v.(map[string]any)
		if !ok || !strings.HasPrefix(name, "urn:") {
			p.project(r, "", name, v)
			continue
		}
		object := make(map[string]any, len(extension))
		for attribute, v := range extension {
			p.project(object, name, attribute, v)
		}
		if len(object) > 0 {
			r[name] = object
		}
	}
	return r
}

// project puts into r what the answer holds of an attribute. extension is the
// URN of its extension, or "" for the core schema.
func (p Projection) project(r map[string]any, extension, name string, v any) {
	if a := find(common, name); extension != "" || a == nil || a.Returned != "always" {
		whole, subs := named(p.only, extension, name)
		if len(p.only) > 0 && !whole {
			v = subAttributes(v, subs, true)
		}
		if whole, subs = named(p.without, extension, name); whole {
			return
		}
		if len(subs) > 0 {
			v = subAttributes(v, subs, false)
		}
	}
	if v != nil {
		r[name] = v
	}
}

// named tells whether the targets name an attribute as a whole, and which of
// its sub-attributes they name.
func named(targets []Target, extension, name string) (whole bool, subs []string) {
	for _, t := range targets {
		urn := ""
		if t.Extension != nil {
			urn = t.Extension.ID
		}
		switch {
		case urn != extension || t.Attribute != nil && t.Attribute.Name != name:
		case t.Sub == nil:
			whole = true
		default:
			subs = append(subs, t.Sub.Name)
		}
	}
	return whole, subs
}

// subAttributes copies an object, or each of a list, with only the named
// sub-attributes, or without them. It returns nil when nothing is left.
func subAttributes(v any, names []string, keep bool) any {
	switch v := v.(type) {
	case map[string]any:
		object := make(map[string]any, len(v))
		for name, value := range v {
			if slices.Contains(names, name) == keep {
				object[name] = value
			}
		}
		if len(object) > 0 {
			return object
		}
	case []any:
		list := make([]any, 0, len(v))
		for _, element := range v {
			if element = subAttributes(element, names, keep); element != nil {
				list = append(list, element)
			}
		}
		if len(list) > 0 {
			return list
		}
	}
	return nil
}

// ListResponse is a page of resources (RFC 7644 section 3.4.2). Resources is a
// list even when it is empty: Entra's Test Connection fails on null.
func ListResponse(resources []map[string]any, total, startIndex int) map[string]any {
	if resources == nil {
		resources = []map[string]any{}
	}
	return map[string]any{
		"schemas":      []string{ListResponseURN},
		"totalResults": total,
		"startIndex":   startIndex,
		"itemsPerPage": len(resources),
		"Resources":    resources,
	}
}

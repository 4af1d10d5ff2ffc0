package scim

import (
	"maps"
	"net/url"
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

// ParseQuery reads a raw query string: `+` is a blank and `%2B` a plus.
func (rt *ResourceType) ParseQuery(raw string) (Query, error) {
	q := Query{StartIndex: 1, Count: DefaultCount}
	values, err := url.ParseQuery(raw)
	if err != nil {
		return q, badRequest(InvalidSyntax, "the query string is not URL-encoded")
	}
	get := func(name string) string {
		for key, v := range values {
			if strings.EqualFold(key, name) {
				return v[0]
			}
		}
		return ""
	}
	if f := get("filter"); strings.TrimSpace(f) != "" {
		if q.Filter, err = rt.ParseFilter(f); err != nil {
			return q, err
		}
	}
	// Values below the range count as its lower end (RFC 7644 section 3.4.2.4).
	if s := get("startIndex"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil {
			return q, badRequest(InvalidValue, "startIndex is a number")
		}
		q.StartIndex = max(n, 1)
	}
	if s := get("count"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil {
			return q, badRequest(InvalidValue, "count is a number")
		}
		q.Count = min(max(n, 0), MaxCount)
	}
	q.Projection = rt.projection(get("attributes"), get("excludedAttributes"))
	return q, nil
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

// Wants reports whether the attribute is part of the answer.
func (p Projection) Wants(name string) bool {
	match := func(t Target) bool { return t.Attribute != nil && t.Attribute.Name == name }
	for _, t := range p.without {
		if match(t) && t.Sub == nil {
			return false
		}
	}
	if len(p.only) == 0 {
		return true
	}
	for _, t := range p.only {
		if match(t) {
			return true
		}
	}
	return false
}

// Apply projects a rendered resource. id and schemas are always there.
func (p Projection) Apply(full map[string]any) map[string]any {
	r := full
	if len(p.only) > 0 {
		r = map[string]any{"id": full["id"], "schemas": full["schemas"]}
		for _, t := range p.only {
			pick(r, full, t)
		}
	}
	for _, t := range p.without {
		drop(r, t)
	}
	return r
}

// pick copies what t addresses from full to r.
func pick(r, full map[string]any, t Target) {
	if t.Extension != nil {
		from, ok := full[t.Extension.ID].(map[string]any)
		if !ok {
			return
		}
		if t.Attribute == nil {
			r[t.Extension.ID] = from
			return
		}
		to, ok := r[t.Extension.ID].(map[string]any)
		if !ok {
			to = map[string]any{}
		}
		pick(to, from, Target{Attribute: t.Attribute, Sub: t.Sub})
		if len(to) > 0 {
			r[t.Extension.ID] = to
		}
		return
	}
	v, ok := full[t.Attribute.Name]
	if !ok {
		return
	}
	if t.Sub == nil {
		r[t.Attribute.Name] = v
		return
	}
	r[t.Attribute.Name] = pickSub(r[t.Attribute.Name], v, t.Sub.Name)
}

// pickSub copies one sub-attribute, of each element of a list.
func pickSub(to, from any, name string) any {
	switch from := from.(type) {
	case map[string]any:
		object, ok := to.(map[string]any)
		if !ok {
			object = map[string]any{}
		}
		if v, ok := from[name]; ok {
			object[name] = v
		}
		return object
	case []any:
		list, ok := to.([]any)
		if !ok {
			list = make([]any, len(from))
		}
		for i, element := range from {
			list[i] = pickSub(list[i], element, name)
		}
		return list
	}
	return from
}

// drop removes what t addresses from r.
func drop(r map[string]any, t Target) {
	if t.Extension != nil {
		if t.Attribute == nil {
			delete(r, t.Extension.ID)
		} else if object, ok := r[t.Extension.ID].(map[string]any); ok {
			object = maps.Clone(object)
			drop(object, Target{Attribute: t.Attribute, Sub: t.Sub})
			r[t.Extension.ID] = object
		}
		return
	}
	if t.Attribute.Returned == "always" {
		return
	}
	if t.Sub == nil {
		delete(r, t.Attribute.Name)
		return
	}
	if v, ok := r[t.Attribute.Name]; ok {
		r[t.Attribute.Name] = dropSub(v, t.Sub.Name)
	}
}

func dropSub(v any, name string) any {
	switch v := v.(type) {
	case map[string]any:
		object := maps.Clone(v)
		delete(object, name)
		return object
	case []any:
		list := make([]any, len(v))
		for i, element := range v {
			list[i] = dropSub(element, name)
		}
		return list
	}
	return v
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

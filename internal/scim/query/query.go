package query

import (
	"iter"
	"net/url"
	"strconv"
	"strings"

	"dsync/internal/scim"
	"dsync/internal/scim/filter"
)

// Query is a query of a list or of one resource, from a query string or from
// the body of a search (RFC 7644 sections 3.4.2 and 3.4.3, RFC 9865). Unknown
// parameters, such as Entra's aadOptscim062020 without a value, are ignored.
type Query struct {
	Filter     filter.Expr // nil: all resources
	StartIndex int         // 1-based; unused with a cursor
	Count      int         // 0..MaxCount, with a cursor 1..MaxCount
	Projection Projection
	SortBy     *scim.AttributePath // nil: order of creation
	Descending bool
	// Cursor is nil if the list is paged by index, and "" for the first page by
	// cursor.
	Cursor *string

	rt *scim.ResourceType
}

// parameters are the parameters of a query as the client sent them. Blank means
// absent, except for the cursor.
type parameters struct {
	filter, sortBy, sortOrder string
	startIndex, count         string
	attributes, excluded      []string
	cursor                    *string
}

// Parse reads a raw query string: `+` is a blank and `%2B` a plus. Characters
// that are not encoded, such as brackets, stand for themselves (entra.md Q36).
// If a parameter is repeated, the first value counts; lists of attributes are
// joined.
func Parse(rt *scim.ResourceType, raw string) (Query, error) {
	text := func(name string) string { s, _ := parameter(raw, name); return s }
	names := func(name string) (all []string) {
		for s := range values(raw, name) {
			if strings.TrimSpace(s) != "" {
				all = append(all, split(s)...)
			}
		}
		return all
	}
	given := parameters{
		filter: text("filter"), sortBy: text("sortBy"), sortOrder: text("sortOrder"),
		startIndex: text("startIndex"), count: text("count"),
		attributes: names("attributes"), excluded: names("excludedAttributes"),
	}
	if s, ok := parameter(raw, "cursor"); ok {
		given.cursor = &s
	}
	return newQuery(rt, given)
}

// newQuery checks and converts the parameters of a query.
func newQuery(rt *scim.ResourceType, given parameters) (Query, error) {
	q := Query{StartIndex: 1, Count: DefaultCount, Cursor: given.cursor, rt: rt}
	var err error
	if strings.TrimSpace(given.filter) != "" {
		if q.Filter, err = filter.Parse(rt, given.filter); err != nil {
			return q, err
		}
	}
	if err := q.sorted(given.sortBy, given.sortOrder); err != nil {
		return q, err
	}
	// Values below the range become its lower end (RFC 7644 section 3.4.2.4). A
	// cursor takes precedence over startIndex.
	if s := strings.TrimSpace(given.startIndex); s != "" && q.Cursor == nil {
		n, err := strconv.Atoi(s)
		if err != nil {
			return q, scim.BadRequest(scim.InvalidValue, "startIndex must be a number").About("startIndex")
		}
		q.StartIndex = max(n, 1)
	}
	if s := strings.TrimSpace(given.count); s != "" {
		n, err := strconv.Atoi(s)
		switch {
		case q.Cursor != nil && (err != nil || n < 1): // RFC 9865 section 2.1
			return q, scim.BadRequest(scim.InvalidCount, "with a cursor, count must be a number from 1 to %d", MaxCount).About("count")
		case err != nil:
			return q, scim.BadRequest(scim.InvalidValue, "count must be a number").About("count")
		}
		q.Count = min(max(n, 0), MaxCount)
	}
	q.Projection, err = projection(rt, given.attributes, given.excluded)
	return q, err
}

// split splits a list of attributes at its commas, but for those in brackets,
// which can be part of a string: emails[type eq "a,b"],title.
func split(list string) []string {
	var names []string
	start, inBrackets, inString := 0, false, false
	for i := 0; i < len(list); i++ {
		switch c := list[i]; {
		case inString && c == '\\':
			i++
		case inBrackets && c == '"':
			inString = !inString
		case inString:
		case c == '[' || c == ']':
			inBrackets = c == '['
		case c == ',' && !inBrackets:
			names = append(names, strings.TrimSpace(list[start:i]))
			start = i + 1
		}
	}
	return append(names, strings.TrimSpace(list[start:]))
}

// Bound is the part of the query that a cursor is bound to: resource type,
// filter and order, in one canonical text. Page size and attributes may differ
// from page to page.
func (q Query) Bound() string {
	var b strings.Builder
	if q.rt != nil {
		b.WriteString(q.rt.Name)
	}
	b.WriteString("\nfilter ")
	if q.Filter != nil {
		b.WriteString(q.Filter.String())
	}
	b.WriteString("\nsort ")
	if q.SortBy != nil {
		b.WriteString(q.SortBy.String())
		if q.Descending {
			b.WriteString(" descending")
		}
	}
	return b.String()
}

// parameter is the first value of a query parameter, by its name in any letter
// case, and whether the parameter is present.
func parameter(raw, name string) (string, bool) {
	for s := range values(raw, name) {
		return s, true
	}
	return "", false
}

// values iterates over the values of a query parameter.
func values(raw, name string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for pair := range strings.SplitSeq(raw, "&") {
			key, value, _ := strings.Cut(pair, "=")
			if strings.EqualFold(unescape(key), name) && !yield(unescape(value)) {
				return
			}
		}
	}
}

// unescape decodes %XX and `+`. A `%` that starts no escape stands for itself.
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

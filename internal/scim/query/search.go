package query

import (
	"encoding/json"
	"strconv"
	"strings"

	"dsync/internal/scim"
)

// ParseSearch reads the body of a POST to /.search (RFC 7644 section 3.4.3):
// the parameters of a query as a message. Numbers can be strings, and lists of
// attributes can be strings as in a query string, because clients send these. A
// value of another JSON type is invalidSyntax. null means absent.
func ParseSearch(rt *scim.ResourceType, object map[string]any) (Query, error) {
	if err := scim.CheckMessage(object, scim.SearchURN); err != nil {
		return Query{}, err
	}
	m := search{object: object}
	given := parameters{
		filter: m.text("filter"), sortBy: m.text("sortBy"), sortOrder: m.text("sortOrder"),
		startIndex: m.number("startIndex"), count: m.number("count"),
		attributes: m.names("attributes"), excluded: m.names("excludedAttributes"),
	}
	if v, _ := scim.Lookup(object, "cursor"); v != nil {
		cursor := m.text("cursor")
		given.cursor = &cursor
	}
	if m.err != nil {
		return Query{}, m.err
	}
	return newQuery(rt, given)
}

// search reads the members of a search request and keeps the first error.
type search struct {
	object map[string]any
	err    error
}

func (m *search) fail(name, want string) {
	if m.err == nil {
		m.err = scim.BadRequest(scim.InvalidSyntax, "%s must be %s", name, want)
	}
}

func (m *search) text(name string) string {
	v, _ := scim.Lookup(m.object, name)
	s, ok := v.(string)
	if !ok && v != nil {
		m.fail(name, "a string")
	}
	return s
}

func (m *search) number(name string) string {
	v, _ := scim.Lookup(m.object, name)
	if v == nil {
		return ""
	}
	text, ok := v.(string)
	if n, isNumber := v.(json.Number); isNumber {
		text, ok = n.String(), true
	}
	text = strings.TrimSpace(text)
	if _, err := strconv.Atoi(text); !ok || err != nil && text != "" {
		m.fail(name, "a whole number")
	}
	return text
}

// names reads a list of names, each of which can be several names with commas,
// or one such string.
func (m *search) names(name string) []string {
	v, _ := scim.Lookup(m.object, name)
	list, ok := v.([]any)
	if s, isText := v.(string); isText {
		list, ok = []any{s}, true
		if strings.TrimSpace(s) == "" {
			return nil
		}
	}
	if v == nil {
		return nil
	}
	var names []string
	for _, element := range list {
		s, isText := element.(string)
		names, ok = append(names, split(s)...), ok && isText
	}
	if !ok {
		m.fail(name, "a list of names")
	}
	return names
}

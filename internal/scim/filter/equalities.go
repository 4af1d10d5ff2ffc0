package filter

import (
	"encoding/json"
	"strings"
	"time"

	"dsync/internal/scim"
	"dsync/internal/scim/value"
)

// IsEquality reports whether the filter is one string equality, so that Cover
// describes all of it.
func IsEquality(e Expr) bool {
	c, ok := e.(compare)
	if !ok || c.op != "eq" {
		return false
	}
	_, ok = c.value.(string)
	return ok
}

// conjuncts lists the operands of a chain of `and`.
func conjuncts(e Expr) []Expr {
	if l, ok := e.(logical); ok && l.op == "and" {
		return append(conjuncts(l.left), conjuncts(l.right)...)
	}
	return []Expr{e}
}

// Comparisons counts the terms of a filter, 0 for nil.
func Comparisons(e Expr) int {
	switch e := e.(type) {
	case nil:
		return 0
	case logical:
		return Comparisons(e.left) + Comparisons(e.right)
	case not:
		return Comparisons(e.e)
	}
	return 1
}

// Describe builds the element that a filter describes by its eq terms, and
// reports whether all of them compare with canonical values. Without a filter
// it is an empty element.
func Describe(e Expr) (map[string]any, bool) {
	object := map[string]any{}
	if e == nil {
		return object, true
	}
	canonical := true
	for _, term := range conjuncts(e) {
		c, ok := term.(compare)
		if !ok || c.op != "eq" || c.value == nil {
			canonical = false
			continue
		}
		a := c.target.Effective()
		object[a.Name] = c.value
		switch v := c.value.(type) {
		case time.Time:
			object[a.Name], canonical = c.text, false // a date is stored as it was sent
		case json.Number:
			canonical = false
			if object[a.Name], ok = value.Number(a, v); !ok { // a fraction for an integer attribute
				delete(object, a.Name)
			}
		case bool:
			canonical = canonical && v
		case string:
			canonical = canonical && a.Canonical(v)
		}
	}
	return object, canonical
}

// Values lists the ids in a filter that selects elements of a keyed attribute by
// id: value eq "a" or a $ref of it, several of these joined by `or`, each also
// joined to type eq "User" by `and`. With another type nothing is selected. It
// reports whether the filter has that form.
func Values(e Expr) ([]any, bool) {
	switch e := e.(type) {
	case compare:
		s, ok := e.value.(string)
		if !ok || e.op != "eq" {
			return nil, false
		}
		if e.target.Attribute.IsRef() {
			id, ok := scim.Referenced(scim.Users.Endpoint, s)
			return []any{id}, ok
		}
		return []any{s}, e.target.Attribute.Name == "value"
	case logical:
		if e.op == "and" {
			return typed(e)
		}
		left, ok := Values(e.left)
		right, also := Values(e.right)
		return append(left, right...), ok && also
	}
	return nil, false
}

// typed is Values for a filter by type and value.
func typed(e logical) ([]any, bool) {
	kind, ok := e.left.(compare)
	rest := e.right
	if !ok || kind.target.Attribute.Name != "type" {
		kind, ok = e.right.(compare)
		rest = e.left
	}
	name, isText := kind.value.(string)
	if !ok || !isText || kind.op != "eq" || kind.target.Attribute.Name != "type" {
		return nil, false
	}
	ids, ok := Values(rest)
	if ok && !strings.EqualFold(name, scim.Users.Name) {
		ids = []any{}
	}
	return ids, ok
}

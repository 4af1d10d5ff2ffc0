package scim

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"
)

// Expr is a filter (RFC 7644 section 3.4.2.2) or a part of one.
type Expr interface {
	// String prints the expression as a filter that parses to it again, unless
	// full names make it longer than MaxFilter.
	String() string
	match(m *matcher, r map[string]any) bool
}

// ParseFilter reads a filter over resources of the type. It fails with
// invalidFilter and names the position of the fault.
func (rt *ResourceType) ParseFilter(s string) (Expr, error) {
	p, err := rt.parser(s, InvalidFilter)
	if err != nil {
		return nil, err
	}
	e, err := p.or()
	if err != nil {
		return nil, err
	}
	return e, p.end()
}

// Match evaluates the filter on a rendered resource. For an attribute whose
// elements are not part of the resource (ResourceType.Keyed) it asks keyed
// whether there is an element with that value.
func Match(e Expr, r map[string]any, keyed func(value string) bool) bool {
	return e.match(&matcher{keyed}, r)
}

type matcher struct{ keyed func(string) bool }

// Equality is a term that a match needs: the value at the target equals Value.
type Equality struct {
	Target Target
	Value  string
}

// Equalities lists the string equalities that every match of the filter
// fulfils. They tell which key reads can answer it.
func Equalities(e Expr) []Equality {
	switch e := e.(type) {
	case logical:
		if e.op == "and" {
			return append(Equalities(e.left), Equalities(e.right)...)
		}
	case compare:
		if s, ok := e.value.(string); ok && e.op == "eq" {
			return []Equality{{e.target, s}}
		}
	case present:
		// emails[type eq "work" and value eq "x"] says the same as
		// emails[type eq "work"].value eq "x".
		if e.target.Filter == nil || e.target.Sub != nil {
			return nil
		}
		var rest Expr
		var value *compare
		for _, term := range conjuncts(e.target.Filter) {
			if c, ok := term.(compare); ok && value == nil && c.op == "eq" && c.target.Attribute.Name == "value" {
				value = &c
			} else if rest == nil {
				rest = term
			} else {
				rest = logical{"and", rest, term}
			}
		}
		if value != nil {
			if s, ok := value.value.(string); ok {
				t := e.target
				t.Filter, t.Sub = rest, value.target.Attribute
				return []Equality{{t, s}}
			}
		}
	}
	return nil
}

// conjuncts takes a chain of `and` apart.
func conjuncts(e Expr) []Expr {
	if l, ok := e.(logical); ok && l.op == "and" {
		return append(conjuncts(l.left), conjuncts(l.right)...)
	}
	return []Expr{e}
}

// comparisons counts the terms of a filter.
func comparisons(e Expr) int {
	switch e := e.(type) {
	case nil:
		return 0
	case logical:
		return comparisons(e.left) + comparisons(e.right)
	case not:
		return comparisons(e.e)
	}
	return 1
}

type logical struct {
	op          string // "and", "or"
	left, right Expr
}

// String sets parentheses only where the tree needs them: what it prints nests
// no deeper than what was parsed, so that it parses again.
func (e logical) String() string {
	return e.operand(e.left, false) + " " + e.op + " " + e.operand(e.right, true)
}

func (e logical) operand(x Expr, right bool) string {
	// `and` binds tighter than `or`, and both group to the left.
	if l, ok := x.(logical); ok && (right || e.op == "and" && l.op == "or") {
		return "(" + x.String() + ")"
	}
	return x.String()
}

func (e logical) match(m *matcher, r map[string]any) bool {
	if e.op == "and" {
		return e.left.match(m, r) && e.right.match(m, r)
	}
	return e.left.match(m, r) || e.right.match(m, r)
}

type not struct{ e Expr }

func (e not) String() string { return "not (" + e.e.String() + ")" }

func (e not) match(m *matcher, r map[string]any) bool { return !e.e.match(m, r) }

type present struct{ target Target }

func (e present) String() string {
	if e.target.Filter != nil && e.target.Sub == nil {
		return e.target.String()
	}
	return e.target.String() + " pr"
}

func (e present) match(m *matcher, r map[string]any) bool {
	if keyed, ok := keyedTerm(e.target); ok && m.keyed != nil {
		return m.keyed(keyed)
	}
	for _, v := range values(m, e.target, r) {
		if !empty(v) {
			return true
		}
	}
	return false
}

// keyedTerm recognises members[value eq "id"].
func keyedTerm(t Target) (string, bool) {
	c, ok := t.Filter.(compare)
	if !ok || t.Sub != nil || c.op != "eq" || c.target.Attribute.Name != "value" || !c.underKeyed {
		return "", false
	}
	s, ok := c.value.(string)
	return s, ok
}

type compare struct {
	target     Target
	op         string
	value      any // string, bool, json.Number, time.Time or nil
	text       string
	caseExact  bool
	keyed      bool // the target is the type's keyed attribute
	underKeyed bool // the target is a sub-attribute inside its brackets
}

// compare checks the operator and the literal against the attribute's type.
func (p *parser) compare(t Target, op string, literal any) (compare, error) {
	a := t.effective()
	if a.Type == Complex {
		value := a.Sub("value")
		if value == nil {
			return compare{}, errors.New(a.Name + " is complex: name one of its sub-attributes")
		}
		t.Sub, a = value, value
	}
	c := compare{target: t, op: op, caseExact: a.CaseExact}
	c.keyed = p.parent == nil && p.rt.keyed(t.Attribute)
	c.underKeyed = p.parent != nil && p.rt.keyed(p.parent)
	if c.keyed && (op != "eq" || literal == nil || t.Filter != nil || a.Name != "value") {
		return compare{}, errors.New(p.rt.Keyed + " can be compared by value with eq only")
	}
	if literal == nil {
		if op != "eq" && op != "ne" {
			return compare{}, errors.New("null compares with eq and ne only")
		}
		return c, nil
	}
	switch a.Type {
	case Boolean:
		b, ok := toBool(literal)
		if !ok || (op != "eq" && op != "ne") {
			return compare{}, errors.New(a.Name + " is a boolean: it compares with eq and ne to true or false")
		}
		c.value = b
		return c, nil
	case Integer, Decimal:
		s, _ := literal.(string)
		n, ok := decimal(s) // a whole number compares with a fraction too
		if !ok || op == "co" || op == "sw" || op == "ew" {
			return compare{}, errors.New(a.Name + " is a number: it compares with eq, ne, gt, ge, lt and le to a number")
		}
		if a.Type == Integer {
			n = json.Number(strings.TrimSuffix(n.String(), ".0"))
		}
		c.value = n
		return c, nil
	case DateTime:
		if op == "co" || op == "sw" || op == "ew" {
			break // parts of a date compare as text
		}
		s, _ := literal.(string)
		at, err := time.Parse(time.RFC3339, s)
		if err != nil {
			return compare{}, errors.New(a.Name + " compares to a date and time such as \"2026-01-15T12:00:00Z\"")
		}
		c.value, c.text = at, s
		return c, nil
	}
	s, ok := literal.(string)
	if !ok {
		s = strconv.FormatBool(literal == true)
	}
	c.value, c.text = s, s
	if !c.caseExact {
		c.text = Fold(s)
	}
	return c, nil
}

func (e compare) String() string {
	value := "null"
	switch v := e.value.(type) {
	case bool:
		value = strconv.FormatBool(v)
	case string:
		value = quote(v)
	case json.Number:
		value = v.String()
	case time.Time:
		value = quote(e.text)
	}
	return e.target.String() + " " + e.op + " " + value
}

func quote(s string) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a string always encodes
	return strings.TrimSuffix(b.String(), "\n")
}

func (e compare) match(m *matcher, r map[string]any) bool {
	if e.keyed {
		s, ok := e.value.(string)
		return ok && m.keyed != nil && m.keyed(s)
	}
	if e.op == "ne" {
		same := e
		same.op = "eq"
		return !same.match(m, r)
	}
	found := values(m, e.target, r)
	if e.value == nil { // eq null: unassigned
		for _, v := range found {
			if !empty(v) {
				return false
			}
		}
		return true
	}
	for _, v := range found {
		if e.holds(v) {
			return true
		}
	}
	return false
}

// holds compares one value with the literal.
func (e compare) holds(v any) bool {
	switch literal := e.value.(type) {
	case bool:
		b, ok := v.(bool)
		return ok && b == literal
	case json.Number:
		n, ok := v.(json.Number)
		return ok && ordered(e.op, compareNumbers(n, literal))
	case time.Time:
		s, _ := v.(string)
		at, err := time.Parse(time.RFC3339, s)
		return err == nil && ordered(e.op, at.Compare(literal))
	}
	s, ok := v.(string)
	if !ok {
		return false
	}
	if !e.caseExact {
		s = Fold(s)
	}
	switch e.op {
	case "co":
		return strings.Contains(s, e.text)
	case "sw":
		return strings.HasPrefix(s, e.text)
	case "ew":
		return strings.HasSuffix(s, e.text)
	}
	return ordered(e.op, strings.Compare(s, e.text))
}

func ordered(op string, sign int) bool {
	switch op {
	case "eq":
		return sign == 0
	case "gt":
		return sign > 0
	case "ge":
		return sign >= 0
	case "lt":
		return sign < 0
	default: // le
		return sign <= 0
	}
}

// values are the values at a target: of each element, of each match.
func values(m *matcher, t Target, r map[string]any) []any {
	if t.Extension != nil {
		extension, _ := r[t.Extension.ID].(map[string]any)
		if t.Attribute == nil {
			return []any{extension}
		}
		r = extension
	}
	v, ok := r[t.Attribute.Name]
	if !ok {
		return nil
	}
	elements, ok := v.([]any)
	if !ok {
		elements = []any{v}
	}
	found := make([]any, 0, len(elements))
	for _, element := range elements {
		object, isObject := element.(map[string]any)
		if t.Filter != nil && (!isObject || !t.Filter.match(m, object)) {
			continue
		}
		if t.Sub == nil {
			found = append(found, element)
		} else if sub, ok := object[t.Sub.Name]; ok {
			found = append(found, sub)
		}
	}
	return found
}

// empty tells unassigned values (RFC 7643 section 2.5).
func empty(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case []any:
		return len(v) == 0
	case map[string]any:
		return len(v) == 0
	}
	return false
}

package filter

import (
	"dsync/internal/scim/value"
)

// Expr is a filter (RFC 7644 section 3.4.2.2) or a part of one. Its String
// parses to an equal filter, unless full names make it longer than MaxLength.
type Expr interface {
	String() string
	match(m *Matcher, r map[string]any) bool
}

type logical struct {
	op          string // "and", "or"
	left, right Expr
}

// String writes parentheses only where the tree needs them, so that the result
// is not nested deeper than the input was.
func (e logical) String() string {
	return e.operand(e.left, false) + " " + e.op + " " + e.operand(e.right, true)
}

func (e logical) operand(x Expr, right bool) string {
	// `and` has precedence over `or`. Both are left-associative.
	if l, ok := x.(logical); ok && (right || e.op == "and" && l.op == "or") {
		return "(" + x.String() + ")"
	}
	return x.String()
}

func (e logical) match(m *Matcher, r map[string]any) bool {
	if e.op == "and" {
		return e.left.match(m, r) && e.right.match(m, r)
	}
	return e.left.match(m, r) || e.right.match(m, r)
}

type not struct{ e Expr }

func (e not) String() string { return "not (" + e.e.String() + ")" }

func (e not) match(m *Matcher, r map[string]any) bool { return !e.e.match(m, r) }

type present struct{ target Target }

func (e present) String() string {
	if e.target.Filter != nil && e.target.Sub == nil {
		return e.target.String()
	}
	return e.target.String() + " pr"
}

func (e present) match(m *Matcher, r map[string]any) bool {
	if keyed, ok := keyedTerm(e.target); ok && m.keyed != nil {
		return m.keyed(keyed)
	}
	for _, v := range values(m, e.target, r) {
		if !value.Empty(v) {
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

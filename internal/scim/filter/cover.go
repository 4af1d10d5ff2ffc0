package filter

import "dsync/internal/scim"

// Equality is a condition of a filter: a value at the target equals Value.
type Equality struct {
	Target Target
	Value  string
}

// Cover returns string equalities of which at least one holds for every match
// of the filter: whoever reads the resources of each of them by key reads all
// matches. Of several covers it is the one with the best keys: rank is 0 or more
// for a target with a key, less for a better key, and negative for a target
// without. Cover is nil if the filter needs a target without a key. It has as
// many equalities as the filter has comparisons at most.
func Cover(e Expr, rank func(Target) int) []Equality { return coverage{rank}.of(e, false) }

// coverage finds covers.
type coverage struct{ rank func(Target) int }

// of is the cover of a filter, or of its negation. The negation of `ne` is `eq`,
// that of `and` is `or`.
func (c coverage) of(e Expr, negated bool) []Equality {
	switch e := e.(type) {
	case not:
		return c.of(e.e, !negated)
	case logical:
		left, right := c.of(e.left, negated), c.of(e.right, negated)
		if (e.op == "and") != negated {
			return c.better(left, right)
		}
		if left == nil || right == nil {
			return nil
		}
		return append(left, right...)
	case compare:
		if e.value == nil || (e.op == "ne") != negated {
			return nil // it matches resources without a value, too
		}
		if s, ok := e.value.(string); ok && (e.op == "eq" || e.op == "ne") && c.rank(e.target) >= 0 {
			return []Equality{{e.target, s}}
		}
		return c.inBrackets(e.target)
	case present:
		if !negated {
			return c.inBrackets(e.target)
		}
	}
	return nil
}

// inBrackets is the cover of a target of which an element matches the filter in
// brackets: emails[type eq "work" and value eq "x"] needs a resource for which
// emails[type eq "work" and value eq "x"].value eq "x" holds.
func (c coverage) inBrackets(t Target) []Equality {
	if t.Filter == nil {
		return nil
	}
	t.Sub = t.Attribute.Sub("value")
	if t.Sub == nil || c.rank(t) < 0 {
		return nil
	}
	value := t.Sub
	inside := coverage{func(element Target) int {
		if element.Attribute == value {
			return 0
		}
		return -1
	}}.of(t.Filter, false)
	var list []Equality
	for _, e := range inside {
		list = append(list, Equality{t, e.Value})
	}
	return list
}

// better is the cover with the better keys, or else the shorter one. nil is
// none.
func (c coverage) better(a, b []Equality) []Equality {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	}
	x, y := c.worst(a), c.worst(b)
	if y < x || y == x && len(b) < len(a) {
		return b
	}
	return a
}

// worst is the highest rank in a cover.
func (c coverage) worst(list []Equality) int {
	worst := 0
	for _, e := range list {
		worst = max(worst, c.rank(e.Target))
	}
	return worst
}

// Requires reports whether every match of a filter has the value at a simple
// attribute: a term attribute eq "value", alone or under `and`. Letter case is
// ignored.
func Requires(e Expr, attribute, value string) bool {
	for _, term := range conjuncts(e) {
		c, ok := term.(compare)
		if s, isText := c.value.(string); ok && isText && c.op == "eq" && c.target.Effective().Name == attribute && scim.Fold(s) == value {
			return true
		}
	}
	return false
}

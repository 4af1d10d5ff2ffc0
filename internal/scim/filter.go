package scim

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
	return e.match(&matcher{keyed: keyed}, r)
}

type matcher struct {
	keyed func(string) bool
	// The text folded last: the terms of a hostile filter all look at one.
	text, folded string
}

func (m *matcher) fold(s string) string {
	if s != m.text {
		m.text, m.folded = s, Fold(s)
	}
	return m.folded
}

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

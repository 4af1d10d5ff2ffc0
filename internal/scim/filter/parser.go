package filter

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"dsync/internal/fault"
	"dsync/internal/scim"
)

// Parse reads a filter over resources of the type. Errors are invalidFilter and
// state the position.
func Parse(rt *scim.ResourceType, s string) (Expr, error) {
	p, err := newParser(rt, s, scim.InvalidFilter)
	if err != nil {
		return nil, err
	}
	e, err := p.or()
	if err != nil {
		return nil, err
	}
	return e, p.end()
}

// parser reads filters and paths: one recursive descent over the grammar of RFC
// 7644 figures 1 and 7. Its depth and number of terms are bounded, so that
// hostile nesting ends early.
type parser struct {
	rt      *scim.ResourceType
	in      string
	pos     int
	parent  *scim.Attribute // in brackets: the complex attribute, whose sub-attributes names are
	depth   int
	terms   int
	failure fault.Code // the scimType of errors outside brackets
	last    Target     // outside brackets: the target of the comparison that is being read
}

// newParser makes a parser whose errors have the given scimType.
func newParser(rt *scim.ResourceType, s string, failure fault.Code) (*parser, error) {
	if len(s) > MaxLength {
		return nil, scim.BadRequest(failure, "longer than %d bytes", MaxLength)
	}
	p := &parser{rt: rt, in: s, failure: failure}
	if !utf8.ValidString(s) {
		for r, n := rune(0), 0; r != utf8.RuneError || n > 1; p.pos += n {
			r, n = utf8.DecodeRuneInString(s[p.pos:])
		}
		p.pos--
		return nil, p.errorf("not UTF-8")
	}
	return p, nil
}

// end fails if there is input left.
func (p *parser) end() error {
	p.space()
	if p.pos < len(p.in) {
		return p.errorf("unexpected %q", p.in[p.pos:])
	}
	return nil
}

// errorf makes an error with the current position.
func (p *parser) errorf(format string, args ...any) *fault.Error {
	e := scim.BadRequest(p.failure, format, args...)
	e.Detail = "at position " + strconv.Itoa(p.pos+1) + ": " + e.Detail
	if p.last != (Target{}) {
		e.Path = p.last.String()
	}
	return e
}

// unknown makes an error about the name before the position, which no schema
// has.
func (p *parser) unknown(parent *scim.Attribute, name, format string, args ...any) *fault.Error {
	path := ""
	if p.endsName() {
		path = scim.UnknownPath(name)
	}
	p.pos -= len(name)
	e := p.errorf(format, args...)
	e.Path = path
	if path != "" {
		e = e.Because(scim.ErrUnknownAttribute)
	}
	if parent != nil {
		e.Path = strings.TrimSuffix(parent.Name+"."+path, ".")
	}
	return e
}

// endsName reports whether the word before the position is an attribute name,
// judged by what follows. The start of an e-mail address or of other text is
// none.
func (p *parser) endsName() bool {
	rest := p.in[p.pos:]
	if strings.HasPrefix(rest, "[") || p.failure == scim.InvalidPath {
		return rest == "" || rest[0] == '['
	}
	op, _, _ := strings.Cut(strings.TrimLeft(rest, " \t"), " ")
	op = strings.ToLower(strings.TrimRight(op, ")]"))
	return op == "pr" || slices.Contains(operators, op)
}

// operators are those of RFC 7644 table 3 that compare with a value: all but
// pr.
var operators = []string{"eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"}

// target reads an attribute path with optional brackets and sub-attribute.
func (p *parser) target() (Target, error) {
	p.space()
	name := p.name()
	if name == "" {
		if p.pos == len(p.in) {
			return Target{}, p.errorf("expected an attribute")
		}
		r, size := utf8.DecodeRuneInString(p.in[p.pos:])
		if r == '"' || scim.IsForeignQuote(r) {
			return Target{}, p.errorf("an attribute has no quotation marks, found %q", r)
		}
		return Target{}, p.errorf("expected an attribute, found %q", p.in[p.pos:p.pos+size])
	}
	var t Target
	ok := true
	if p.parent != nil {
		t.Attribute = p.parent.Sub(name)
		ok = t.Attribute != nil
	} else {
		var path scim.AttributePath
		path, ok = p.rt.Resolve(name)
		t.Extension, t.Attribute, t.Sub = path.Extension, path.Attribute, path.Sub
	}
	if !ok {
		return Target{}, p.unknown(p.parent, name, "unknown attribute %q", name)
	}
	if p.parent == nil {
		p.last = t
	}
	if p.peek() != '[' {
		return t, nil
	}
	// RFC 7644 figure 7: a path can select simple values, too.
	simple := p.failure == scim.InvalidPath && t.Attribute != nil && t.Attribute.MultiValued
	if t.Attribute == nil || t.Attribute.Type != scim.Complex && !simple || t.Sub != nil {
		return Target{}, p.errorf("%q is not complex: it cannot be filtered", name)
	}
	p.pos++
	filter, err := p.bracketed(t.Attribute.Element())
	if err != nil {
		return Target{}, err
	}
	t.Filter = filter
	if p.peek() == '.' {
		p.pos++
		sub := p.name()
		if t.Sub = t.Attribute.Sub(sub); t.Sub == nil {
			return Target{}, p.unknown(t.Attribute, sub, "%s has no sub-attribute %q", t.Attribute.Name, sub)
		}
	}
	return t, nil
}

// bracketed reads the filter in brackets and the closing bracket.
func (p *parser) bracketed(parent *scim.Attribute) (Expr, error) {
	if p.parent != nil {
		return nil, p.errorf("brackets cannot be nested")
	}
	failure := p.failure
	p.parent, p.failure = parent, scim.InvalidFilter
	filter, err := p.or()
	if err != nil {
		return nil, err
	}
	p.space()
	if p.peek() != ']' {
		return nil, p.errorf("expected ]")
	}
	p.pos++
	p.parent, p.failure = nil, failure
	return filter, nil
}

func (p *parser) or() (Expr, error) {
	left, err := p.and()
	for err == nil && p.keyword("or") {
		var right Expr
		if right, err = p.and(); err == nil {
			left = logical{"or", left, right}
		}
	}
	return left, err
}

func (p *parser) and() (Expr, error) {
	left, err := p.factor()
	for err == nil && p.keyword("and") {
		var right Expr
		if right, err = p.factor(); err == nil {
			left = logical{"and", left, right}
		}
	}
	return left, err
}

func (p *parser) factor() (Expr, error) {
	start := p.pos
	if p.keyword("not") {
		p.space()
		if p.peek() == '(' {
			e, err := p.group()
			return not{e}, err
		}
		p.pos = start
	}
	p.space()
	if p.peek() == '(' {
		return p.group()
	}
	return p.comparison()
}

func (p *parser) group() (Expr, error) {
	p.depth++
	if p.depth > MaxDepth {
		return nil, p.errorf("nested deeper than %d", MaxDepth)
	}
	p.pos++
	e, err := p.or()
	if err != nil {
		return nil, err
	}
	p.space()
	if p.peek() != ')' {
		return nil, p.errorf("expected )")
	}
	p.pos++
	p.depth--
	return e, nil
}

func (p *parser) comparison() (Expr, error) {
	p.terms++
	if p.terms > MaxTerms {
		return nil, p.errorf("more than %d comparisons", MaxTerms)
	}
	t, err := p.target()
	if err != nil {
		return nil, err
	}
	p.space()
	start := p.pos
	op := strings.ToLower(p.name())
	switch {
	case slices.Contains(operators, op):
	case op == "pr":
		return p.present(t)
	default:
		p.pos = start
		if t.Filter != nil && t.Sub == nil {
			return p.present(t) // a value path alone: an element matches
		}
		if op == "" {
			return nil, p.errorf("expected an operator after %s", t)
		}
		return nil, p.errorf("unknown operator %q", op)
	}
	if t.Attribute == nil {
		return nil, p.errorf("%s is a schema: it supports only pr", t)
	}
	p.space()
	at := p.pos
	value, err := p.literal()
	if err != nil {
		return nil, err
	}
	c, err := p.compare(t, op, value)
	if err != nil {
		p.pos = at
		return nil, p.errorf("%s", err.Error())
	}
	p.last = Target{}
	return c, nil
}

// present makes a presence test. The elements of a keyed attribute are not part
// of the resource: only one with a given value can be tested.
func (p *parser) present(t Target) (Expr, error) {
	if _, ok := keyedTerm(t); !ok && t.Attribute != nil && p.rt.IsKeyed(t.Attribute) {
		return nil, p.errorf("%s supports only eq on its value", t.Attribute.Name)
	}
	return present{t}, nil
}

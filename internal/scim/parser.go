package scim

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"dsync/internal/fault"
)

// parser reads filters and paths: one recursive descent over the grammar of
// RFC 7644 figures 1 and 7. It is bounded in depth and terms, so hostile
// nesting ends early.
type parser struct {
	rt      *ResourceType
	in      string
	pos     int
	parent  *Attribute // set inside brackets: names are its sub-attributes
	depth   int
	terms   int
	failure fault.Code // the scimType outside brackets
	last    Target     // outside brackets: where a fault is, if it is in a comparison
}

// parser makes one that fails with the given scimType.
func (rt *ResourceType) parser(s string, failure fault.Code) (*parser, error) {
	if len(s) > MaxFilter {
		return nil, badRequest(failure, "longer than %d bytes", MaxFilter)
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

// end fails if something is left.
func (p *parser) end() error {
	p.space()
	if p.pos < len(p.in) {
		return p.errorf("unexpected %q", p.in[p.pos:])
	}
	return nil
}

func (p *parser) errorf(format string, args ...any) *fault.Error {
	e := badRequest(p.failure, format, args...)
	e.Detail = "at position " + strconv.Itoa(p.pos+1) + ": " + e.Detail
	if p.last != (Target{}) {
		e.Path = p.last.String()
	}
	return e
}

// unknown is errorf for a name before the position that no schema knows.
func (p *parser) unknown(parent *Attribute, name, format string, args ...any) *fault.Error {
	path := ""
	if p.endsName() {
		path = attributePath(name)
	}
	p.pos -= len(name)
	e := p.errorf(format, args...)
	if e.Path = path; path != "" {
		e = e.Because(errUnknownAttribute)
	}
	if parent != nil {
		e.Path = strings.TrimSuffix(parent.Name+"."+path, ".")
	}
	return e
}

// endsName reports whether a name before the position is one: a word that an
// e-mail address or a text begins with is none.
func (p *parser) endsName() bool {
	rest := p.in[p.pos:]
	if strings.HasPrefix(rest, "[") || p.failure == InvalidPath {
		return rest == "" || rest[0] == '['
	}
	op, _, _ := strings.Cut(strings.TrimLeft(rest, " \t"), " ")
	op = strings.ToLower(strings.TrimRight(op, ")]"))
	return op == "pr" || slices.Contains(operators, op)
}

// operators of RFC 7644 table 3, but for pr, that compare with a value.
var operators = []string{"eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"}

func (p *parser) space() {
	for p.pos < len(p.in) && (p.in[p.pos] == ' ' || p.in[p.pos] == '\t') {
		p.pos++
	}
}

// peek is the next byte, or 0 at the end.
func (p *parser) peek() byte {
	if p.pos < len(p.in) {
		return p.in[p.pos]
	}
	return 0
}

func nameByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
		c == '_' || c == '-' || c == '$' || c == '.' || c == ':'
}

func (p *parser) name() string {
	start := p.pos
	for p.pos < len(p.in) && nameByte(p.in[p.pos]) {
		p.pos++
	}
	return p.in[start:p.pos]
}

// keyword takes the word if it comes next, in any letter case.
func (p *parser) keyword(word string) bool {
	p.space()
	end := p.pos + len(word)
	if end > len(p.in) || !strings.EqualFold(p.in[p.pos:end], word) {
		return false
	}
	if end < len(p.in) && nameByte(p.in[end]) {
		return false
	}
	p.pos = end
	return true
}

// target reads an attribute path with optional brackets and sub-attribute.
func (p *parser) target() (Target, error) {
	p.space()
	name := p.name()
	if name == "" {
		if p.pos == len(p.in) {
			return Target{}, p.errorf("an attribute is missing")
		}
		return Target{}, p.errorf("expected an attribute, found %q", p.in[p.pos:p.pos+1])
	}
	var t Target
	ok := true
	if p.parent != nil {
		t.Attribute = p.parent.Sub(name)
		ok = t.Attribute != nil
	} else {
		t, ok = p.rt.resolve(name)
	}
	if !ok {
		return Target{}, p.unknown(p.parent, name, "no schema knows the attribute %q", name)
	}
	if p.parent == nil {
		p.last = t
	}
	if p.peek() != '[' {
		return t, nil
	}
	if t.Attribute == nil || t.Attribute.Type != Complex || t.Sub != nil {
		return Target{}, p.errorf("%q has no elements to filter", name)
	}
	p.pos++
	filter, err := p.inside(t.Attribute)
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

// inside reads the filter between brackets, up to and with the closing one.
func (p *parser) inside(parent *Attribute) (Expr, error) {
	if p.parent != nil {
		return nil, p.errorf("brackets do not nest")
	}
	failure := p.failure
	p.parent, p.failure = parent, InvalidFilter
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
	if p.depth++; p.depth > MaxFilterDepth {
		return nil, p.errorf("nested deeper than %d", MaxFilterDepth)
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
	if p.terms++; p.terms > MaxFilterTerms {
		return nil, p.errorf("more than %d comparisons", MaxFilterTerms)
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
			return p.present(t) // a value path alone: some element matches
		}
		if op == "" {
			return nil, p.errorf("expected an operator after %s", t)
		}
		return nil, p.errorf("unknown operator %q", op)
	}
	if t.Attribute == nil {
		return nil, p.errorf("%s is a schema: it can be tested with pr only", t)
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

// present makes a test for presence. The elements of a keyed attribute are not
// at hand: only one that is named by its value can be tested.
func (p *parser) present(t Target) (Expr, error) {
	if _, ok := keyedTerm(t); !ok && t.Attribute != nil && p.rt.keyed(t.Attribute) {
		return nil, p.errorf("%s can be compared by value with eq only", t.Attribute.Name)
	}
	return present{t}, nil
}

// literal reads a comparison value: a JSON string, number, boolean or null. A
// bare word is a string, because Microsoft's samples leave out the quotes.
func (p *parser) literal() (any, error) {
	if p.pos == len(p.in) {
		return nil, p.errorf("a value is missing")
	}
	if p.peek() == '"' {
		return p.quoted()
	}
	start := p.pos
	for p.pos < len(p.in) && !strings.ContainsRune(" \t()[]\"", rune(p.in[p.pos])) {
		p.pos++
	}
	word := p.in[start:p.pos]
	switch word {
	case "":
		return nil, p.errorf("expected a value, found %q", p.in[p.pos:p.pos+1])
	case "true":
		return true, nil
	case "false":
		return false, nil
	case "null":
		return nil, nil
	}
	return word, nil
}

func (p *parser) quoted() (any, error) {
	start, plain := p.pos, true
	for i := start + 1; i < len(p.in); i++ {
		switch c := p.in[i]; {
		case c == '\\':
			plain = false
			i++
		case c < ' ' || c >= utf8.RuneSelf:
			plain = false
		case c == '"' && plain:
			p.pos = i + 1
			return p.in[start+1 : i], nil
		case c == '"':
			var s string
			if err := json.Unmarshal([]byte(p.in[start:i+1]), &s); err != nil {
				return nil, p.errorf("the string is not a JSON string")
			}
			p.pos = i + 1
			return s, nil
		}
	}
	return nil, p.errorf("the string does not end")
}

package filter

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"

	"dsync/internal/scim"
	"dsync/internal/scim/value"
)

// compare is a term that compares an attribute with a literal.
type compare struct {
	target     Target
	op         string
	value      any // string, bool, json.Number, time.Time or nil
	text       string
	caseExact  bool
	keyed      bool // the target is the type's keyed attribute
	underKeyed bool // the target is a sub-attribute inside its brackets
	name       bool // eq or ne of a name: white space at the ends does not count
	unfolded   bool // the text is folded when it is compared: a PATCH may have many
}

// compare checks the operator and the literal against the type of the
// attribute.
func (p *parser) compare(t Target, op string, literal any) (compare, error) {
	a := t.Effective()
	if a.Type == scim.Complex {
		value := a.Sub("value")
		if value == nil {
			return compare{}, errors.New(a.Name + " is complex: use one of its sub-attributes")
		}
		t.Sub, a = value, value
	}
	c := compare{target: t, op: op, caseExact: a.CaseExact}
	c.keyed = p.parent == nil && p.rt.IsKeyed(t.Attribute)
	c.underKeyed = p.parent != nil && p.rt.IsKeyed(p.parent)
	if c.keyed && (op != "eq" || literal == nil || t.Filter != nil || a.Name != "value") {
		return compare{}, errors.New(p.rt.Keyed + " supports only eq on its value")
	}
	if literal == nil {
		if op != "eq" && op != "ne" {
			return compare{}, errors.New("null supports only eq and ne")
		}
		return c, nil
	}
	switch a.Type {
	case scim.Boolean:
		b, ok := value.Bool(literal)
		if !ok || (op != "eq" && op != "ne") {
			return compare{}, errors.New(a.Name + " is a boolean: it supports eq and ne with true or false")
		}
		c.value = b
		return c, nil
	case scim.Integer, scim.Decimal:
		s, _ := literal.(string)
		n, ok := value.Decimal(s) // a whole number can be compared with a fraction
		if !ok || op == "co" || op == "sw" || op == "ew" {
			return compare{}, errors.New(a.Name + " is a number: it supports eq, ne, gt, ge, lt and le with a number")
		}
		if a.Type == scim.Integer {
			n = json.Number(strings.TrimSuffix(n.String(), ".0"))
		}
		c.value = n
		return c, nil
	case scim.DateTime:
		if op == "co" || op == "sw" || op == "ew" {
			break // co, sw and ew compare a date as text
		}
		s, _ := literal.(string)
		at, err := time.Parse(time.RFC3339, s)
		if err != nil {
			return compare{}, errors.New(a.Name + " must be compared with a date and time such as \"2026-01-15T12:00:00Z\"")
		}
		c.value, c.text = at, s
		return c, nil
	}
	s, ok := literal.(string)
	if !ok {
		s = strconv.FormatBool(literal == true)
	}
	c.value, c.text = s, s
	c.name = a.Required && (op == "eq" || op == "ne")
	if c.name {
		c.text = strings.TrimSpace(s)
	}
	if !c.caseExact {
		if c.unfolded = !scim.IsASCII(s); !c.unfolded {
			c.text = scim.Fold(c.text)
		}
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

// quote prints a JSON string.
func quote(s string) string { return string(scim.EncodeJSON(s)) }

func (e compare) match(m *Matcher, r map[string]any) bool {
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
			if !value.Empty(v) {
				return false
			}
		}
		return true
	}
	for _, v := range found {
		if e.holds(m, v) {
			return true
		}
	}
	return false
}

// holds compares one value with the literal.
func (e compare) holds(m *Matcher, v any) bool {
	switch literal := e.value.(type) {
	case bool:
		b, ok := v.(bool)
		return ok && b == literal
	case json.Number:
		n, ok := v.(json.Number)
		return ok && ordered(e.op, value.CompareNumbers(n, literal))
	case time.Time:
		s, _ := v.(string)
		at, err := time.Parse(time.RFC3339, s)
		return err == nil && ordered(e.op, at.Compare(literal))
	}
	s, ok := v.(string)
	if !ok {
		return false
	}
	if e.name {
		s = strings.TrimSpace(s)
	}
	text := e.text
	if !e.caseExact {
		s = m.Folder.Fold(s)
	}
	if e.unfolded {
		text = m.Folder.Fold(text)
	}
	switch e.op {
	case "co":
		return strings.Contains(s, text)
	case "sw":
		return strings.HasPrefix(s, text)
	case "ew":
		return strings.HasSuffix(s, text)
	}
	return ordered(e.op, strings.Compare(s, text))
}

// ordered reports whether op holds for the sign of a comparison.
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

package filter

import (
	"encoding/json"
	"strings"
	"unicode/utf8"

	"dsync/internal/scim"
)

// space skips blanks and tabs.
func (p *parser) space() {
	for p.pos < len(p.in) && (p.in[p.pos] == ' ' || p.in[p.pos] == '\t') {
		p.pos++
	}
}

// peek is the next byte, 0 at the end.
func (p *parser) peek() byte {
	if p.pos < len(p.in) {
		return p.in[p.pos]
	}
	return 0
}

// name reads the longest run of characters of attribute names, possibly "".
func (p *parser) name() string {
	start := p.pos
	for p.pos < len(p.in) && scim.IsNameByte(p.in[p.pos]) {
		p.pos++
	}
	return p.in[start:p.pos]
}

// keyword reads the word if it is next, in any letter case.
func (p *parser) keyword(word string) bool {
	p.space()
	end := p.pos + len(word)
	if end > len(p.in) || !strings.EqualFold(p.in[p.pos:end], word) {
		return false
	}
	if end < len(p.in) && scim.IsNameByte(p.in[end]) {
		return false
	}
	p.pos = end
	return true
}

// literal reads a comparison value: a JSON string, number, boolean or null. A
// word without quotes is a string, because Microsoft's samples omit them. A word
// that begins or ends with another quotation mark is an error: read as a string,
// it would be compared and stored with its marks.
func (p *parser) literal() (any, error) {
	if p.pos == len(p.in) {
		return nil, p.errorf("expected a value")
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
	if strings.IndexByte(word, 0) >= 0 {
		return nil, p.errorf("the character NUL is not allowed")
	}
	first, _ := utf8.DecodeRuneInString(word)
	last, _ := utf8.DecodeLastRuneInString(word)
	if scim.IsForeignQuote(first) || scim.IsForeignQuote(last) {
		p.pos = start
		return nil, p.errorf("%q: only \" encloses a string, as in %s", word, quote(strings.TrimFunc(word, scim.IsForeignQuote)))
	}
	return word, nil
}

// quoted reads a JSON string.
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
			text := []byte(p.in[start : i+1])
			if scim.CheckText(text) != nil || json.Unmarshal(text, &s) != nil {
				return nil, p.errorf("invalid JSON string")
			}
			p.pos = i + 1
			return s, nil
		}
	}
	return nil, p.errorf("the string has no closing quote")
}

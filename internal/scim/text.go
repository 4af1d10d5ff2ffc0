package scim

import (
	"bytes"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// CheckText checks the text of a JSON message. It must be UTF-8 (RFC 8259
// section 8.1), and an escaped surrogate must have its other half: package json
// would replace either by U+FFFD, and two different values would become one. The
// character NUL is refused, too, because consumers with a PostgreSQL database
// cannot store it. Errors are invalidSyntax and state the position.
func CheckText(body []byte) error {
	if !utf8.Valid(body) {
		at := 0
		for r, n := utf8.DecodeRune(body); r != utf8.RuneError || n > 1; r, n = utf8.DecodeRune(body[at:]) {
			at += n
		}
		return badText(at, "it is not UTF-8")
	}
	if at := bytes.IndexByte(body, 0); at >= 0 {
		return badText(at, "the character NUL is not allowed")
	}
	// Outside of strings a backslash is a syntax error, which package json finds.
	for at := 0; at < len(body); {
		next := bytes.IndexByte(body[at:], '\\')
		if next < 0 {
			return nil
		}
		at += next
		r := escaped(body[at:])
		switch {
		case r < 0:
			at += len(`\n`)
			continue
		case r == 0:
			return badText(at, "the character NUL is not allowed")
		case utf16.IsSurrogate(r):
			low := escaped(body[at+len(`\u0000`):])
			if utf16.DecodeRune(r, low) == utf8.RuneError {
				return badText(at, "half of a surrogate pair")
			}
			at += len(`\u0000`)
		}
		at += len(`\u0000`)
	}
	return nil
}

func badText(at int, what string) error {
	return BadRequest(InvalidSyntax, "the body is not valid at byte %d: %s", at+1, what)
}

// escaped is the UTF-16 code unit of an escape such as \u00e9 at the start of b,
// -1 for anything else.
func escaped(b []byte) rune {
	if len(b) < len(`\u0000`) || b[0] != '\\' || b[1] != 'u' {
		return -1
	}
	n, err := strconv.ParseUint(string(b[2:6]), 16, 16)
	if err != nil {
		return -1
	}
	return rune(n)
}

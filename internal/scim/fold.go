package scim

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Fold maps s so that Fold(a) == Fold(b) exactly if strings.EqualFold(a, b).
// Filters and the keys of records both use it, so a name that a filter finds is
// a name that is taken. ASCII letters fold to lower case. The result is never
// longer than a valid s.
func Fold(s string) string {
	for i := 0; i < len(s); i++ {
		if s[i] >= utf8.RuneSelf {
			return strings.Map(foldRune, s)
		}
	}
	return strings.ToLower(s) // ASCII only: the fast path
}

// foldRune is the least rune of those that fold with r, in lower case if it is
// an ASCII letter.
func foldRune(r rune) rune {
	if r < unicode.MaxASCII {
		// Non-ASCII letters that fold with k and s fold to these.
		if 'A' <= r && r <= 'Z' {
			r += 'a' - 'A'
		}
		return r
	}
	least := r
	for next := unicode.SimpleFold(r); next != r; next = unicode.SimpleFold(next) {
		least = min(least, next)
	}
	if 'A' <= least && least <= 'Z' {
		least += 'a' - 'A'
	}
	return least
}

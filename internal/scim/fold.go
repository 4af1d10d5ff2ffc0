package scim

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Fold maps s so that Fold(a) == Fold(b) exactly when strings.EqualFold(a, b).
// Comparing and keying both use it, so a name that is found is a name that is
// taken. ASCII letters fold to lower case.
func Fold(s string) string {
	for i := 0; i < len(s); i++ {
		if s[i] >= utf8.RuneSelf {
			return strings.Map(foldRune, s)
		}
	}
	return strings.ToLower(s) // the fast way, for ASCII alone
}

func foldRune(r rune) rune {
	if r < unicode.MaxASCII {
		// The orbits of k and s hold non-ASCII letters, which fold to these.
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

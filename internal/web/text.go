package web

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxText is how many characters of a text a page shows. A name from a provider can
// have thousands.
const maxText = 200

// maxJSON bounds JSON that a page shows, in characters: raw attributes can have many.
const maxJSON = 8_000

// joiner is the zero-width joiner, of which emoji of several parts are made.
const joiner = '\u200d'

// Visible returns at most maxText characters of a text that somebody else wrote.
// Characters that are not printable, such as those that control the direction of
// writing, are shown by their code: a name must not change what a reader sees.
func Visible(v any) string { return printable(fmt.Sprint(v), maxText, "") }

// printable returns at most that many characters of a text. The characters of plain are
// shown as they are.
func printable(s string, most int, plain string) string {
	var text strings.Builder
	n, last := 0, rune(0)
	for _, r := range s {
		n++
		switch {
		case n > most:
			return text.String() + "…"
		case r == utf8.RuneError:
			text.WriteRune(r)
		case unicode.IsPrint(r), strings.ContainsRune(plain, r), r == joiner && isPictograph(last):
			text.WriteRune(r)
		default:
			fmt.Fprintf(&text, "⟨U+%04X⟩", r)
		}
		last = r
	}
	return text.String()
}

// isPictograph reports whether a zero-width joiner may follow: after an emoji, its
// skin tone or its variation selector.
func isPictograph(r rune) bool {
	return unicode.Is(unicode.So, r) || unicode.Is(unicode.Sk, r) && r > 0xFFFF || r == 0xFE0F
}

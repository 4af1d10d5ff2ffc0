package fault

import (
	"fmt"
	"unicode/utf8"
)

// The bounds of an Error. A client decides what its texts quote, and they are
// sent to clients, logged and stored. A response with an error has at most 50 KB.
const (
	MaxDetail = 1_000 // bytes of a Detail
	MaxPath   = 200   // bytes of a Path, and of the ID of NotFound
	MaxFields = 20    // Fields; one more counts the others

	maxName = 100 // bytes of the name of a Field
	maxCode = 300 // bytes of the code of a Field
)

const ellipsis = "…"

// Cut returns a text of at most n bytes, n being 3 or more: the text itself, or
// its beginning and an ellipsis. It does not cut within a character.
func Cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	end := n - len(ellipsis)
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + ellipsis
}

// bounded returns at most MaxFields fields and one that counts the others.
func bounded(fields []Field, others int) []Field {
	if len(fields) > MaxFields {
		others += len(fields) - MaxFields
		fields = fields[:MaxFields]
	}
	all := make([]Field, 0, len(fields)+1)
	for _, f := range fields {
		all = append(all, Field{Cut(f.Name, maxName), Cut(f.Code, maxCode)})
	}
	if others > 0 {
		all = append(all, Field{ellipsis, fmt.Sprintf("%d more fields are wrong.", others)})
	}
	return all
}

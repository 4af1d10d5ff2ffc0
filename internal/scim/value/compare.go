package value

import (
	"encoding/json"
	"strings"
	"time"

	"dsync/internal/scim"
)

// Compare orders two values of the attribute: negative if x is before y.
// Neither may be empty. Text that is not caseExact must be folded.
func Compare(a *scim.Attribute, x, y any) int {
	switch a.Type {
	case scim.Boolean:
		return sign(x == true) - sign(y == true)
	case scim.Integer, scim.Decimal:
		m, _ := x.(json.Number)
		n, _ := y.(json.Number)
		return CompareNumbers(m, n)
	case scim.DateTime:
		s, _ := x.(string)
		t, _ := y.(string)
		at, err := time.Parse(time.RFC3339, s)
		other, err2 := time.Parse(time.RFC3339, t)
		if err == nil && err2 == nil {
			return at.Compare(other)
		}
	}
	s, _ := x.(string)
	t, _ := y.(string)
	return strings.Compare(s, t)
}

// sign is 1 for true, 0 for false.
func sign(b bool) int {
	if b {
		return 1
	}
	return 0
}

// CompareNumbers orders two numbers in their plain form.
func CompareNumbers(x, y json.Number) int {
	a, below := strings.CutPrefix(x.String(), "-")
	b, belowToo := strings.CutPrefix(y.String(), "-")
	if below != belowToo {
		return sign(belowToo) - sign(below)
	}
	if below {
		a, b = b, a
	}
	whole, fraction, _ := strings.Cut(a, ".")
	whole2, fraction2, _ := strings.Cut(b, ".")
	if len(whole) != len(whole2) {
		return sign(len(whole) > len(whole2))*2 - 1
	}
	if c := strings.Compare(whole, whole2); c != 0 {
		return c
	}
	return strings.Compare(strings.TrimRight(fraction, "0"), strings.TrimRight(fraction2, "0"))
}

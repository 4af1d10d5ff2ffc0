package value

import (
	"encoding/json"
	"strconv"
	"strings"

	"dsync/internal/scim"
)

// Number reads the value of a numeric attribute: a JSON number, or a string
// that contains one, because Entra's custom attributes are strings. Equal
// numbers have the same plain form, so equal resources encode to equal strings.
// No digit is lost.
func Number(a *scim.Attribute, v any) (json.Number, bool) {
	var s string
	switch v := v.(type) {
	case json.Number:
		s = v.String()
	case string:
		s = v
	default:
		return "", false
	}
	if a.Type == scim.Decimal {
		return Decimal(s)
	}
	// An integer has no fraction and no exponent (RFC 7643 section 2.3.4), and at
	// most 64 bits, because clients store it so.
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || !jsonNumber(s) {
		return "", false
	}
	return json.Number(strconv.FormatInt(n, 10)), true
}

// jsonNumber reports whether s is a JSON number: no sign but minus, no leading
// zeros, no white space.
func jsonNumber(s string) bool {
	digit := func(c byte) bool { return '0' <= c && c <= '9' }
	return s != "" && len(s) <= MaxNumber && (s[0] == '-' || digit(s[0])) && digit(s[len(s)-1]) && json.Valid([]byte(s))
}

// Decimal is the plain form of a number: all digits, no exponent, and at least
// one digit on either side of the point (RFC 7643 section 2.3.3).
func Decimal(s string) (json.Number, bool) {
	if !jsonNumber(s) {
		return "", false
	}
	s, negative := strings.CutPrefix(s, "-")
	mantissa, exponent := s, 0
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		var err error
		if exponent, err = strconv.Atoi(s[i+1:]); err != nil || exponent > MaxNumber || exponent < -MaxNumber {
			return "", false
		}
		mantissa = s[:i]
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits, point := whole+fraction, len(whole)+exponent
	if point < 1 {
		digits, point = strings.Repeat("0", 1-point)+digits, 1
	} else if point > len(digits) {
		digits += strings.Repeat("0", point-len(digits))
	}
	whole, fraction = strings.TrimLeft(digits[:point], "0"), strings.TrimRight(digits[point:], "0")
	if negative && whole+fraction != "" {
		whole = "-" + orZero(whole)
	}
	plain := orZero(whole) + "." + orZero(fraction)
	return json.Number(plain), len(plain) <= MaxNumber
}

// orZero is s, or "0" for no digits.
func orZero(s string) string {
	if s == "" {
		return "0"
	}
	return s
}

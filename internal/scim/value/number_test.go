package value_test

import (
	"encoding/json"
	"math/big"
	"strings"
	"testing"

	"dsync/internal/scim"
	"dsync/internal/scim/value"

	"pgregory.net/rapid"
)

func TestNumber(t *testing.T) {
	for _, row := range []struct {
		name    string
		kind    string
		v       any
		want    string
		refused bool
	}{
		{"rfc: integer", scim.Integer, json.Number("42"), "42", false},
		{"rfc: zero", scim.Integer, json.Number("0"), "0", false},
		{"rfc: minus zero", scim.Integer, json.Number("-0"), "0", false},
		{"rfc: the largest integer", scim.Integer, json.Number("9223372036854775807"), "9223372036854775807", false},
		{"rfc: one above the largest integer", scim.Integer, json.Number("9223372036854775808"), "", true},
		{"rfc: the least integer", scim.Integer, json.Number("-9223372036854775808"), "-9223372036854775808", false},
		{"rfc: an integer has no fraction", scim.Integer, json.Number("1.0"), "", true},
		{"rfc: an integer has no exponent", scim.Integer, json.Number("1e3"), "", true},
		{"entra: integer as a string", scim.Integer, "701984", "701984", false},
		{"entra: decimal as a string", scim.Decimal, "-1.50", "-1.5", false},
		{"rfc: decimal", scim.Decimal, json.Number("3.14"), "3.14", false},
		{"rfc: decimal without a fraction", scim.Decimal, json.Number("3"), "3.0", false},
		{"rfc: decimal with an exponent", scim.Decimal, json.Number("1.25E+2"), "125.0", false},
		{"rfc: decimal with a negative exponent", scim.Decimal, json.Number("125e-4"), "0.0125", false},
		{"rfc: decimal zero", scim.Decimal, json.Number("-0.00e9"), "0.0", false},
		{"rfc: no digit is lost", scim.Decimal, json.Number("0.1234567890123456789012345678901234567890"), "0.123456789012345678901234567890123456789", false},
		{"hostile: leading zero", scim.Integer, "007", "", true},
		{"hostile: plus", scim.Integer, "+7", "", true},
		{"hostile: blank before", scim.Integer, " 7", "", true},
		{"hostile: blank after", scim.Decimal, "7 ", "", true},
		{"hostile: line end", scim.Decimal, "7\n", "", true},
		{"hostile: underscore", scim.Integer, "1_000", "", true},
		{"hostile: hexadecimal", scim.Integer, "0x10", "", true},
		{"hostile: no digit before the point", scim.Decimal, ".5", "", true},
		{"hostile: no digit after the point", scim.Decimal, "5.", "", true},
		{"hostile: not a number", scim.Decimal, "NaN", "", true},
		{"hostile: infinite", scim.Decimal, "-Inf", "", true},
		{"hostile: minus alone", scim.Decimal, "-", "", true},
		{"hostile: boolean", scim.Decimal, true, "", true},
		{"hostile: list", scim.Decimal, []any{}, "", true},
		{"hostile: enormous exponent", scim.Decimal, json.Number("1e1000000000"), "", true},
		{"hostile: exponent of many digits", scim.Decimal, json.Number("1e99999999999999999999"), "", true},
		{"hostile: zero with an enormous exponent", scim.Decimal, json.Number("0e-1000000000"), "", true},
		{"rfc: as long as can be", scim.Decimal, strings.Repeat("9", value.MaxNumber-2) + ".5", strings.Repeat("9", value.MaxNumber-2) + ".5", false},
		{"rfc: one longer", scim.Decimal, strings.Repeat("9", value.MaxNumber-1) + ".5", "", true},
		{"rfc: as long as can be when written out", scim.Decimal, "1e61", "1" + strings.Repeat("0", value.MaxNumber-3) + ".0", false},
		{"rfc: one longer when written out", scim.Decimal, "1e62", "", true},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, ok := value.Number((&scim.Attribute{Name: "n", Type: row.kind}), row.v)
			if ok == row.refused || ok && got.String() != row.want {
				t.Errorf("got %q, %v", got, ok)
			}
		})
	}
}

// numeral draws a JSON number in one of many notations.
func numeral(t *rapid.T, label string) string {
	s := rapid.SampledFrom([]string{"", "-"}).Draw(t, label+" sign") + rapid.SampledFrom([]string{"0", "1", "10", "12", "120", "9"}).Draw(t, label)
	s += rapid.SampledFrom([]string{"", ".0", ".5", ".50", ".05", ".123"}).Draw(t, label+" fraction")
	return s + rapid.SampledFrom([]string{"", "e0", "E+1", "e2", "e-1", "E-03"}).Draw(t, label+" exponent")
}

// The plain form keeps the value of a number, equal numbers have the same plain
// form, and the order is that of exact arithmetic.
func TestNumbersAgainstExactArithmetic(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x, y := numeral(t, "x"), numeral(t, "y")
		exact := func(s string) *big.Rat {
			r, ok := new(big.Rat).SetString(s)
			if !ok {
				t.Fatalf("%s is not a number", s)
			}
			return r
		}
		a, ok := value.Decimal(x)
		b, also := value.Decimal(y)
		if !ok || !also || exact(a.String()).Cmp(exact(x)) != 0 {
			t.Fatalf("%s is %s", x, a)
		}
		want := exact(x).Cmp(exact(y))
		if got := value.CompareNumbers(a, b); got != want || (a == b) != (want == 0) {
			t.Fatalf("%s and %s compare as %d", a, b, got)
		}
		if again, ok := value.Decimal(a.String()); !ok || again != a {
			t.Fatalf("%s becomes %s", a, again)
		}
	})
}

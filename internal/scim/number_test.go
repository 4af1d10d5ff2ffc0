package scim

import (
	"encoding/json"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"dsync/internal/fault"

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
		{"rfc: integer", Integer, json.Number("42"), "42", false},
		{"rfc: zero", Integer, json.Number("0"), "0", false},
		{"rfc: minus zero", Integer, json.Number("-0"), "0", false},
		{"rfc: the largest integer", Integer, json.Number("9223372036854775807"), "9223372036854775807", false},
		{"rfc: one above the largest integer", Integer, json.Number("9223372036854775808"), "", true},
		{"rfc: the least integer", Integer, json.Number("-9223372036854775808"), "-9223372036854775808", false},
		{"rfc: an integer has no fraction", Integer, json.Number("1.0"), "", true},
		{"rfc: an integer has no exponent", Integer, json.Number("1e3"), "", true},
		{"entra: integer as a string", Integer, "701984", "701984", false},
		{"entra: decimal as a string", Decimal, "-1.50", "-1.5", false},
		{"rfc: decimal", Decimal, json.Number("3.14"), "3.14", false},
		{"rfc: decimal without a fraction", Decimal, json.Number("3"), "3.0", false},
		{"rfc: decimal with an exponent", Decimal, json.Number("1.25E+2"), "125.0", false},
		{"rfc: decimal with a negative exponent", Decimal, json.Number("125e-4"), "0.0125", false},
		{"rfc: decimal zero", Decimal, json.Number("-0.00e9"), "0.0", false},
		{"rfc: no digit is lost", Decimal, json.Number("0.1234567890123456789012345678901234567890"), "0.123456789012345678901234567890123456789", false},
		{"hostile: leading zero", Integer, "007", "", true},
		{"hostile: plus", Integer, "+7", "", true},
		{"hostile: blank before", Integer, " 7", "", true},
		{"hostile: blank after", Decimal, "7 ", "", true},
		{"hostile: line end", Decimal, "7\n", "", true},
		{"hostile: underscore", Integer, "1_000", "", true},
		{"hostile: hexadecimal", Integer, "0x10", "", true},
		{"hostile: no digit before the point", Decimal, ".5", "", true},
		{"hostile: no digit after the point", Decimal, "5.", "", true},
		{"hostile: not a number", Decimal, "NaN", "", true},
		{"hostile: infinite", Decimal, "-Inf", "", true},
		{"hostile: minus alone", Decimal, "-", "", true},
		{"hostile: boolean", Decimal, true, "", true},
		{"hostile: list", Decimal, []any{}, "", true},
		{"hostile: enormous exponent", Decimal, json.Number("1e1000000000"), "", true},
		{"hostile: exponent of many digits", Decimal, json.Number("1e99999999999999999999"), "", true},
		{"hostile: zero with an enormous exponent", Decimal, json.Number("0e-1000000000"), "", true},
		{"rfc: as long as can be", Decimal, strings.Repeat("9", MaxNumber-2) + ".5", strings.Repeat("9", MaxNumber-2) + ".5", false},
		{"rfc: one longer", Decimal, strings.Repeat("9", MaxNumber-1) + ".5", "", true},
		{"rfc: as long as can be when written out", Decimal, "1e61", "1" + strings.Repeat("0", MaxNumber-3) + ".0", false},
		{"rfc: one longer when written out", Decimal, "1e62", "", true},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, ok := (&Attribute{Name: "n", Type: row.kind}).number(row.v)
			if ok == row.refused || ok && got.String() != row.want {
				t.Errorf("got %q, %v", got, ok)
			}
		})
	}
}

// numeral draws a JSON number in one of its many spellings.
func numeral(t *rapid.T, label string) string {
	s := rapid.SampledFrom([]string{"", "-"}).Draw(t, label+" sign") + rapid.SampledFrom([]string{"0", "1", "10", "12", "120", "9"}).Draw(t, label)
	s += rapid.SampledFrom([]string{"", ".0", ".5", ".50", ".05", ".123"}).Draw(t, label+" fraction")
	return s + rapid.SampledFrom([]string{"", "e0", "E+1", "e2", "e-1", "E-03"}).Draw(t, label+" exponent")
}

// The plain form has the value of what was written, equal numbers have one
// plain form, and the order is that of exact arithmetic.
func TestNumbersAgainstExactArithmetic(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x, y := numeral(t, "x"), numeral(t, "y")
		exact := func(s string) *big.Rat {
			r, ok := new(big.Rat).SetString(s)
			if !ok {
				t.Fatalf("%s is no number", s)
			}
			return r
		}
		a, ok := decimal(x)
		b, also := decimal(y)
		if !ok || !also || exact(a.String()).Cmp(exact(x)) != 0 {
			t.Fatalf("%s is %s", x, a)
		}
		want := exact(x).Cmp(exact(y))
		if got := compareNumbers(a, b); got != want || (a == b) != (want == 0) {
			t.Fatalf("%s and %s compare as %d", a, b, got)
		}
		if again, ok := decimal(a.String()); !ok || again != a {
			t.Fatalf("%s becomes %s", a, again)
		}
	})
}

func TestFilterNumbers(t *testing.T) {
	rt := Users.Extend(sizes(t))
	r, _, err := rt.Parse(resource(t, `{"userName":"u","`+sizesURN+`":{"rank":"42","size":1.50,"steps":[{"value":3},{"value":10}],"marks":[2,11]}}`))
	if err != nil {
		t.Fatal(err)
	}
	for filter, want := range map[string]string{
		`rank eq 42`: "true", `rank eq 42.0`: "true", `rank eq "42"`: "true", `rank eq 4.2e1`: "true", `rank ne 41`: "true",
		`rank gt 5`: "true", `rank ge 42.5`: "false", `rank lt 100`: "true", `rank le 41.99`: "false", `rank pr`: "true", `rank eq null`: "false", `rank ne null`: "true",
		`size eq 1.5`: "true", `size eq 15e-1`: "true", `size gt 1.49999999999999999999999999999999999`: "true", `size lt -1`: "false", `size gt -2`: "true",
		`steps gt 9`: "true", `steps[value lt 4 and value gt 2]`: "true", `steps.value eq 4`: "false", `marks ge 11`: "true", `marks gt 11`: "false", `marks eq 2`: "true",
		`rank co 4`: "", `rank sw "4"`: "", `rank ew 2`: "", `rank gt null`: "", `rank eq true`: "", `rank eq x`: "", `rank eq "4 2"`: "", `size eq 1e99`: "", `rank eq ""`: "",
		`marks[value eq 2]`: "",
	} {
		e, err := rt.ParseFilter(sizesURN + ":" + filter)
		if want == "" {
			if p := problem(t, err); p != "400 invalidFilter" || !strings.HasPrefix(err.(*fault.Error).Detail, "at position ") {
				t.Errorf("%s: got %q (%v)", filter, p, err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		again, err := rt.ParseFilter(e.String())
		if err != nil || again.String() != e.String() {
			t.Errorf("%s is printed as %s, and then as %v (%v)", filter, e, again, err)
		}
		if got := fmt.Sprint(Match(e, r, nil)); got != want {
			t.Errorf("%s gives %s", e, got)
		}
	}
}

// The body, the stored form and the answer have the same digits.
func TestNumbersAreExact(t *testing.T) {
	rt := Users.Extend(sizes(t))
	body := `{"userName":"u","` + sizesURN + `":{"rank":9007199254740993,"size":"0.10000000000000000000000000001"}}`
	r, _, err := rt.Parse(resource(t, body))
	if err != nil {
		t.Fatal(err)
	}
	want := `{"` + sizesURN + `":{"rank":9007199254740993,"size":0.10000000000000000000000000001},"userName":"u"}`
	decoded, err := Decode(Encode(r))
	if err != nil || Encode(r) != want || Encode(decoded) != want {
		t.Errorf("%s, and then %s (%v)", Encode(r), Encode(decoded), err)
	}
	b, err := json.Marshal(rt.Render(decoded, Meta{})[sizesURN])
	if err != nil || string(b) != `{"rank":9007199254740993,"size":0.10000000000000000000000000001}` {
		t.Errorf("%s (%v)", b, err)
	}
	// The same number in other words changes nothing.
	for _, v := range []any{json.Number("9007199254740993"), "9007199254740993"} {
		after, _, err := rt.Patch(decoded, []Operation{{Op: "replace", Path: sizesURN + ":rank", Value: v, HasValue: true}})
		if err != nil || Encode(after) != want {
			t.Errorf("%v: %s (%v)", v, Encode(after), err)
		}
	}
}

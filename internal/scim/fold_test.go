package scim_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"dsync/internal/scim"

	"pgregory.net/rapid"
)

func TestFold(t *testing.T) {
	for in, want := range map[string]string{
		"":          "",
		"BJensen@x": "bjensen@x",
		"ÀÉß":       "\u00c0\u00c9ß",
		"\u212aſ":   "ks", // the Kelvin sign and the long s
		"Σσς":       "ΣΣΣ",
	} {
		if got := scim.Fold(in); got != want {
			t.Errorf("Fold(%q) = %q, want %q", in, got, want)
		}
	}
}

// letters have more than two cases, or fold across scripts.
var letters = []rune("aAkKsSiIzZ09 \u212a\u017fßẞİıµμΜΣσςǅǆǄθϑϴΩΩåÅÅÿŸ\x00\x7f\ufffd😀")

// variant changes the letter case of a string at random.
func variant(t *rapid.T, s string) string {
	return strings.Map(func(r rune) rune {
		for range rapid.IntRange(0, 3).Draw(t, "turns") {
			r = unicode.SimpleFold(r)
		}
		return r
	}, s)
}

func TestFoldIsEqualFold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.StringOfN(rapid.SampledFrom(letters), 0, 6, -1), rapid.String(), rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 4), func(b []byte) string { return string(b) }))
		a := text.Draw(t, "a")
		b := variant(t, a)
		if rapid.Bool().Draw(t, "another") {
			b = text.Draw(t, "b")
		}
		if got, want := scim.Fold(a) == scim.Fold(b), strings.EqualFold(a, b); got != want {
			t.Fatalf("%q and %q: Fold says %v, EqualFold %v", a, b, got, want)
		}
		if scim.Fold(scim.Fold(a)) != scim.Fold(a) {
			t.Fatalf("%q folds to %q and on to %q", a, scim.Fold(a), scim.Fold(scim.Fold(a)))
		}
		if utf8.ValidString(a) && len(scim.Fold(a)) > len(a) {
			t.Fatalf("%q grows", a) // a key must not outgrow MaxKeyValue
		}
	})
}

func TestFoldEachRune(t *testing.T) {
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if !utf8.ValidRune(r) {
			continue
		}
		for next := unicode.SimpleFold(r); next != r; next = unicode.SimpleFold(next) {
			if scim.Fold(string(r)) != scim.Fold(string(next)) {
				t.Fatalf("%q and %q", r, next)
			}
		}
	}
}

package scim_test

import (
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"dsync/internal/scim"

	"golang.org/x/text/unicode/norm"
	"golang.org/x/text/width"
	"pgregory.net/rapid"
)

func TestFold(t *testing.T) {
	for in, want := range map[string]string{
		"":          "",
		"BJensen@x": "bjensen@x",
		"ÀÉß":       "\u00c0\u00c9ß",
		"\u212aſ":   "ks", // the Kelvin sign and the long s
		"Σσς":       "ΣΣΣ",
		"zoe\u0308": "zo\u00cb", // NFD, as macOS sends it
		"zo\u00eb":  "zo\u00cb",
		"J\u030c":   "\u01f0", // composed in one case only
		"İ":         "i\u0307",
		"ı":         "ı", // the dotless i is a letter of its own
		"ẞ":         "ß", // and so is the sharp s: it is not ss
		"Ａｄａ":       "ada",
		"ιΙ\u0345":  "\u0399\u0399\u0399",
	} {
		if got := scim.Fold(in); got != want {
			t.Errorf("Fold(%q) = %q, want %q", in, got, want)
		}
	}
}

// letters have more than two cases, or fold across scripts.
var letters = []rune("aAkKsSiIzZ09 \u212a\u017fßẞİıµμΜΣσςǅǆǄθϑϴΩΩåÅÅÿŸ\x00\x7f\ufffd😀" +
	"eéjJhH\u0300\u0301\u0307\u030c\u0313\u0323\u0331\u0345ιΙίυΥὐᾳᾼᾀᾈǰẖẛṡＡａｶﾞガ가\u1100\u1161")

// variant changes the letter case of a decomposed string at random. It makes no
// combining iota of a letter: the marks behind it would go to another letter.
func variant(t *rapid.T, s string) string {
	return strings.Map(func(r rune) rune {
		for range rapid.IntRange(0, 3).Draw(t, "turns") {
			if next := unicode.SimpleFold(r); next != '\u0345' {
				r = next
			}
		}
		return r
	}, norm.NFD.String(width.Fold.String(s)))
}

// Fold is the least relation that contains equality of letter case, canonical
// equivalence and equality of width.
func TestFoldEquality(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.StringOfN(rapid.SampledFrom(letters), 0, 6, -1), rapid.String(), rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 4), func(b []byte) string { return string(b) }))
		a := text.Draw(t, "a")
		b := variant(t, a)
		for range rapid.IntRange(0, 3).Draw(t, "forms") {
			b = rapid.SampledFrom([]func(string) string{norm.NFC.String, norm.NFD.String, width.Fold.String, func(s string) string { return variant(t, s) }}).Draw(t, "form")(b)
		}
		folded := scim.Fold(a)
		if got := scim.Fold(b); utf8.ValidString(a) && got != folded {
			t.Fatalf("%q folds to %q, and %q to %q", a, folded, b, got)
		}
		if again := scim.Fold(folded); again != folded {
			t.Fatalf("%q folds to %q and on to %q", a, folded, again)
		}
		// Strings that differ otherwise stay different.
		other := text.Draw(t, "other")
		equal := norm.NFC.String(strings.ToLower(norm.NFD.String(strings.ToUpper(norm.NFD.String(width.Fold.String(a)))))) ==
			norm.NFC.String(strings.ToLower(norm.NFD.String(strings.ToUpper(norm.NFD.String(width.Fold.String(other))))))
		if scim.Fold(other) == folded && !equal && !strings.EqualFold(a, other) {
			t.Fatalf("%q and %q both fold to %q", a, other, folded)
		}
		if got, want := scim.EarlierFold(a) == scim.EarlierFold(other), strings.EqualFold(a, other); got != want {
			t.Fatalf("%q and %q: EarlierFold says %v, EqualFold %v", a, other, got, want)
		}
	})
}

// The keys of names in ASCII, and of composed names in most scripts, are those of
// earlier versions. What an earlier version may have made of an equal name is among
// EarlierFolds.
func TestEarlierFolds(t *testing.T) {
	for name, want := range map[string][]string{
		"ada@example.com":    nil,
		"Zo\u00eb":           {"zoe\u0308"},
		"zoe\u0308":          {"zoe\u0308"},
		"\u9ad8\u6a4b":       nil,
		"\u041b\u0451\u043d": {"\u041b\u0415\u0308\u041d"},
		"ada ":               {"ada "},
		"\uff21da":           {"\uff21da"},
		"\ud55c":             {"\u1112\u1161\u11ab"},
	} {
		if got := scim.EarlierFolds(name); !slices.Equal(got, want) {
			t.Errorf("EarlierFolds(%q) = %q, want %q", name, got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringOfN(rapid.SampledFrom(letters), 0, 6, -1).Draw(t, "name")
		folds := append(scim.EarlierFolds(name), scim.FoldName(name))
		for _, form := range []string{name, norm.NFC.String(name), norm.NFD.String(name)} {
			if earlier := scim.EarlierFold(form); !slices.Contains(folds, earlier) {
				t.Fatalf("%q was %q, which is not among %q", form, earlier, folds)
			}
		}
		if len(folds) > 4 {
			t.Fatalf("%q has %d folds", name, len(folds))
		}
	})
}

func TestFoldEachRune(t *testing.T) {
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if !utf8.ValidRune(r) {
			continue
		}
		folded := scim.Fold(string(r))
		if again := scim.Fold(folded); again != folded {
			t.Errorf("%q folds to %q and on to %q", r, folded, again)
		}
		for _, form := range []string{norm.NFC.String(string(r)), norm.NFD.String(string(r)), width.Fold.String(string(r))} {
			if scim.Fold(form) != folded {
				t.Errorf("%q and %q", r, form)
			}
		}
		if len(folded) > 4*len(string(r)) {
			t.Errorf("%q folds to %d bytes", r, len(folded)) // a key holds the hash of a long name
		}
		for next := unicode.SimpleFold(r); next != r; next = unicode.SimpleFold(next) {
			if scim.Fold(string(r)) != scim.Fold(string(next)) {
				t.Fatalf("%q and %q", r, next)
			}
		}
	}
}

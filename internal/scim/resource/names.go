package resource

import (
	"strings"
	"unicode"

	"dsync/internal/scim"
)

// TidyName removes white space at the ends of a new userName or displayName of a
// group, and refuses characters that cannot be seen in it (RFC 7644 section 5).
// stored is the resource before the change, nil for a new one: a name that stays as
// it is, is not touched, because an earlier version may have accepted it.
func TidyName(rt *scim.ResourceType, r, stored map[string]any) error {
	for _, a := range rt.Schema.Attributes {
		name, _ := r[a.Name].(string)
		if !a.Required || name == stored[a.Name] {
			continue
		}
		name = strings.TrimSpace(name)
		if c, found := unseen(name, rt.Name == scim.Groups.Name); found {
			return scim.BadRequest(scim.InvalidValue, "%s contains the character %U: control characters, controls of the text direction and invisible characters are not accepted", a.Name, c).About(a.Name)
		}
		r[a.Name] = name
	}
	return nil
}

// The joiners that scripts such as Persian and Devanagari need, and sequences of
// emoji.
const (
	nonJoiner = '\u200c'
	joiner    = '\u200d'
)

// unseen returns the first control character, control of the text direction or
// other invisible character of a name. With joiners, a joiner between two
// characters that are not ASCII is none of them.
func unseen(name string, joiners bool) (rune, bool) {
	all := []rune(name)
	for i, r := range all {
		if !isUnseen(r) {
			continue
		}
		between := i > 0 && i < len(all)-1 && !isUnseen(all[i-1]) && !isUnseen(all[i+1]) && all[i-1] > unicode.MaxASCII && all[i+1] > unicode.MaxASCII
		if !joiners || !between || r != joiner && r != nonJoiner {
			return r, true
		}
	}
	return 0, false
}

func isUnseen(r rune) bool {
	if r <= unicode.MaxASCII {
		return unicode.IsControl(r)
	}
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Other_Default_Ignorable_Code_Point) &&
		!unicode.Is(unicode.Prepended_Concatenation_Mark, r)
}

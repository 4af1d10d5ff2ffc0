package management

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"dsync/internal/fault"
	"dsync/internal/id"
)

// MaxName bounds the name of an organization, directory or key, in characters.
const MaxName = 256

func checkName(v *fault.Validation, field, name string) {
	if strings.TrimSpace(name) == "" || utf8.RuneCountInString(name) > MaxName || hasControls(name) {
		v.Add(field, "%s must be 1 to %d characters, none of them a control character.", field, MaxName)
	}
}

func hasControls(s string) bool { return strings.ContainsFunc(s, unicode.IsControl) }

func checkID(v *fault.Validation, field string, kind id.Kind, objectID string) {
	if !kind.Valid(objectID) {
		v.Add(field, "%s must be the id of an object, such as %s.", field, kind.Of("01ARZ3NDEKTSV4RRFFQ69G5FAV"))
	}
}

// checkExpiry refuses an expiry that is not in the future; zero is never.
func checkExpiry(v *fault.Validation, field string, expires, now time.Time) {
	if !expires.IsZero() && !expires.After(now) {
		v.Add(field, "%s must be in the future.", field)
	}
}

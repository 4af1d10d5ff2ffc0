package consumer

import (
	"fmt"
	"regexp"
)

// The prefixes of ids. An id is a prefix, "_" and a ULID in upper case.
const (
	directoryPrefix = "directory"
	userPrefix      = "directory_user"
	groupPrefix     = "directory_group"
	tokenPrefix     = "directory_token"
	eventPrefix     = "event"
)

// ulidForm is a ULID: 128 bits in Crockford's Base32.
var ulidForm = regexp.MustCompile("^[0-7][0-9A-HJKMNP-TV-Z]{25}$")

// validID reports whether s is an id with that prefix.
func validID(prefix, s string) bool {
	n := len(prefix) + 1
	return len(s) > n && s[:n] == prefix+"_" && ulidForm.MatchString(s[n:])
}

// requireID fails if s is not an id with that prefix.
func requireID(prefix, s string) error {
	if !validID(prefix, s) {
		return fmt.Errorf("%q is not a %s id", s, prefix)
	}
	return nil
}
